package preflight

import (
	"fmt"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/alienplatform/alien-go/internal/manifest"
)

var userForm = regexp.MustCompile(`^[0-9]{1,10}(:[0-9]{1,10})?$`)

// checkUsers: only numbers mean the same in every image and can be checked by a cluster.
func checkUsers(r *report) {
	r.eachDaemon(func(d manifest.Daemon, at string) {
		user := d.Runtime.User
		if user != "" && !validUser(user) {
			r.fail(UserInvalid, at+".runtime.user", fmt.Sprintf("%.200q is not a numeric user", user),
				`write uid or uid:gid in numbers, such as "1000:1000"; in the image, id -u NAME shows the number`)
		}
	})
}

func validUser(user string) bool {
	if !userForm.MatchString(user) {
		return false
	}
	for id := range strings.SplitSeq(user, ":") {
		if _, err := strconv.ParseInt(id, 10, 32); err != nil {
			return false
		}
	}
	return true
}

// checkNamespaceModes knows the two words each namespace takes.
func checkNamespaceModes(r *report) {
	r.eachDaemon(func(d manifest.Daemon, at string) {
		if m := d.Runtime.PidNamespace; m != "" && !slices.Contains([]string{"host", "private"}, m) {
			r.fail(PidNamespaceInvalid, at+".runtime.pidNamespace", fmt.Sprintf("%.200q is no process namespace", m),
				"use private for its own, or host for the machine's")
		}
		if m := d.Runtime.NetworkMode; m != "" && !slices.Contains(networkModes(), m) {
			r.fail(NetworkModeInvalid, at+".runtime.networkMode", fmt.Sprintf("%.200q is no network mode", m),
				"use appnet for its own network, or host for the machine's")
		}
	})
}

func networkModes() []string { return []string{"host", "appnet"} }

// eachMount calls do with every mount and its model path.
func (r *report) eachMount(do func(m manifest.Mount, at string)) {
	r.eachDaemon(func(d manifest.Daemon, at string) {
		for i, m := range d.Runtime.Mounts {
			do(m, fmt.Sprintf("%s.runtime.mounts[%d]", at, i))
		}
	})
}

// checkMountPaths: both ends are absolute paths that every target can name.
func checkMountPaths(r *report) {
	r.eachMount(func(m manifest.Mount, at string) {
		r.mountPath(m.Source, at+".source")
		r.mountPath(m.Target, at+".target")
		if path.IsAbs(m.Target) && path.Clean(m.Target) == "/" {
			r.fail(MountPathInvalid, at+".target", "a mount at / would hide the image", "mount it in a directory of its own, such as /host")
		}
	})
}

func (r *report) mountPath(p, at string) {
	const hint = "write an absolute path, such as /var/log"
	switch {
	case p == "":
		r.fail(MountPathInvalid, at, "the path is empty", hint)
	case !path.IsAbs(p):
		r.fail(MountPathInvalid, at, fmt.Sprintf("%.200q is not absolute, and the machine that runs the daemon may be another one", p), hint)
	case slices.Contains(strings.Split(p, "/"), ".."):
		r.fail(MountPathInvalid, at, fmt.Sprintf("%.200q contains .., which Kubernetes refuses", p), "write "+path.Clean(p))
	case strings.ContainsAny(p, ":\x00"):
		r.fail(MountPathInvalid, at, fmt.Sprintf("%.200q contains a character that Kubernetes or Docker takes for a separator", p), "use a path without colons")
	}
}

// dataRoot is where the places of local resources are mounted in a container: dataRoot/<id>.
const dataRoot = "/var/lib/alien"

// checkMountTargets: two mounts cannot be at one place, and one place is ours.
func checkMountTargets(r *report) {
	r.eachDaemon(func(d manifest.Daemon, at string) {
		seen := map[string]bool{}
		for i, m := range d.Runtime.Mounts {
			target := path.Clean(m.Target)
			at := fmt.Sprintf("%s.runtime.mounts[%d].target", at, i)
			switch {
			case m.Target == "":
			case seen[target]:
				r.fail(MountTargetDuplicate, at, fmt.Sprintf("two mounts are at %s, and one would hide the other", target), "give each a target of its own")
			case target == dataRoot || strings.HasPrefix(target, dataRoot+"/"):
				r.fail(MountTargetReserved, at, fmt.Sprintf("%s is where linked resources are mounted", target),
					"choose another target, or link a storage resource to keep data there")
			}
			seen[target] = true
		}
	})
}

// checkMountOptions: there are these and no others.
func checkMountOptions(r *report) {
	r.eachMount(func(m manifest.Mount, at string) {
		if m.Options == "" {
			return
		}
		access, propagation := 0, 0
		for option := range strings.SplitSeq(m.Options, ",") {
			switch strings.TrimSpace(option) {
			case "ro", "rw":
				access++
			case "rprivate", "rslave", "rshared":
				propagation++
			default:
				r.fail(MountOptionInvalid, at+".options", fmt.Sprintf("%.200q is no mount option", option), mountOptionHint(option))
			}
		}
		if access > 1 || propagation > 1 {
			r.fail(MountOptionInvalid, at+".options", fmt.Sprintf("%.200q says two things at once", m.Options),
				"use one of ro and rw, and at most one of rprivate, rslave and rshared")
		}
	})
}

// mountOptions are the options that there are; others are no options anywhere.
func mountOptions() []string { return []string{"ro", "rw", "rprivate", "rslave", "rshared"} }

// checkMountPropagation: not every target carries every option.
func checkMountPropagation(r *report) {
	row, _ := FieldByPath(mountOptionsPath)
	cell := row.On(r.target)
	if len(cell.Values) == 0 {
		return
	}
	r.eachMount(func(m manifest.Mount, at string) {
		for option := range strings.SplitSeq(m.Options, ",") {
			option = strings.TrimSpace(option)
			if slices.Contains(mountOptions(), option) && !slices.Contains(cell.Values, option) {
				r.failTarget(FieldUnsupported, at+".options",
					fmt.Sprintf("runtime.mounts[*].options: %s is not possible on %s: %s", option, r.target, cell.Note), cell.Instead)
			}
		}
	})
}

func mountOptionHint(option string) string {
	switch option {
	case "z", "Z":
		return "label the directory on the machine itself: chcon -Rt container_file_t DIRECTORY"
	case "private", "slave", "shared":
		return "use r" + option
	case "readonly":
		return "use ro"
	}
	return "use ro or rw, and with it one of rprivate, rslave and rshared"
}
