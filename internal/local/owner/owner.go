// Package owner names a process so that another one can tell for sure whether it is still there: process ids are used
// again, machines are started again, and containers count processes on their own.
package owner

import (
	"fmt"
	"os"
	"os/user"
)

// Owner is a process. Boot and Space are empty where the system does not tell; such an owner is never known to be dead.
type Owner struct {
	Host  string // for people
	User  string // for people
	Boot  string // one run of one machine
	Space string // the process numbers that PID counts in
	PID   int
	Start string // when the process started, in the system's own words
}

// Current is the process that asks.
func Current() Owner {
	o := Owner{PID: os.Getpid(), Boot: boot(), Space: space()}
	o.Host, _ = os.Hostname()
	if u, err := user.Current(); err == nil {
		o.User = u.Username
	}
	o.Start, _ = start(o.PID)
	return o
}

// Of is another process of this machine, without the words for people.
func Of(pid int) (Owner, error) {
	began, err := start(pid)
	return Owner{Boot: boot(), Space: space(), PID: pid, Start: began}, err
}

// Local says whether the process is, or was, one of this machine's that can be looked for from here.
func (o Owner) Local(here Owner) bool {
	return o.Boot != "" && o.Boot == here.Boot && o.Space == here.Space && o.PID > 0 && o.Start != ""
}

// Dead says whether the process is known to have ended; here is the one that asks.
func (o Owner) Dead(here Owner) bool {
	if !o.Local(here) {
		return false
	}
	began, err := start(o.PID)
	return gone(err) || err == nil && began != o.Start
}

// String names the process for people.
func (o Owner) String() string {
	who := o.Host
	if o.User != "" {
		who = o.User + "@" + who
	}
	return fmt.Sprintf("%s (pid %d)", who, o.PID)
}
