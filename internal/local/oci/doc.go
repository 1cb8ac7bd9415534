// Package oci holds what every local runtime has to know about container images: references and logins, archives in
// files, what a host can run, which verdict a failed pull deserves and when to try again.
package oci
