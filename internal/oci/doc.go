// Package oci holds what platforms have to know about container images: references, archives in files, what a host can
// run, what a registry says, which verdict a failed pull deserves and when to try again.
package oci
