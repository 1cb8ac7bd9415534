package workload

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/alienplatform/alien-go/internal/manifest"
)

// placeRoot is where a daemon sees the local places of the resources it links to.
const placeRoot = "/var/lib/alien"

// Render turns the daemons of a stack into workloads for one target, in the order of the file. It counts on preflight
// having passed; what preflight would have refused is an error here, never a workload that is not what was asked for.
func Render(stack *manifest.Stack, target manifest.Target) ([]Workload, error) {
	out := make([]Workload, 0, len(stack.Daemons))
	for i := range stack.Daemons {
		w, err := render(stack, &stack.Daemons[i], target)
		if err != nil {
			return nil, fmt.Errorf("cannot render daemon %s for %s: %w", stack.Daemons[i].Name, target, err)
		}
		out = append(out, w)
	}
	return out, nil
}

func render(stack *manifest.Stack, d *manifest.Daemon, target manifest.Target) (Workload, error) {
	if d.Image == "" {
		return Workload{}, fmt.Errorf("it has no image")
	}
	w := Workload{
		Stack: stack.Name, Daemon: d.Name,
		Image: absoluteImage(d.Image, stack.Dir), PullPolicy: d.PullPolicy,
		Command: slices.Clone(d.Command), Binds: binds(d.Runtime.Mounts),
		User: d.Runtime.User, Privileged: d.Runtime.Privileged, Init: d.Runtime.Init,
		HostPID: d.Runtime.PidNamespace == "host", HostNetwork: d.Runtime.NetworkMode == "host",
		StopGrace: d.StopGrace, Settle: d.Settle, StartFailuresAllowed: d.StartFailuresAllowed,
	}
	w.Commands.Enabled = d.CommandsEnabled
	if target.Platform == manifest.Kubernetes {
		w.Cluster = Cluster{Profile: d.Permissions, AccountAnnotations: stack.ServiceAccounts[d.Permissions].Annotations, ClusterOptions: d.Cluster}
	}
	if d.HealthCheck != nil {
		health := *d.HealthCheck
		health.Command = slices.Clone(health.Command)
		w.Health = &health
	}
	if err := w.setResources(d, target); err != nil {
		return Workload{}, err
	}
	return w, w.setEnvironment(stack, d, target)
}

// setResources reads the amounts. A limit is one that the manifest states; a request is something to schedule by, which
// only a cluster does.
func (w *Workload) setResources(d *manifest.Daemon, target manifest.Target) error {
	amounts := []struct {
		field, text string
		parse       func(string) (int64, error)
		into        *int64
	}{
		{"cpu", d.CPU.Limit, parseCPU, &w.CPULimit},
		{"memory", d.Memory.Limit, parseMemory, &w.MemoryLimit},
		{"cpu", d.CPU.Request, parseCPU, &w.CPURequest},
		{"memory", d.Memory.Request, parseMemory, &w.MemoryRequest},
	}
	if target.Platform != manifest.Kubernetes {
		amounts = amounts[:2]
	}
	for _, a := range amounts {
		if a.text == "" {
			continue
		}
		n, err := a.parse(a.text)
		if err != nil {
			return fmt.Errorf("%s: %w", a.field, err)
		}
		*a.into = n
	}
	return nil
}

// setEnvironment lays the layers over each other, later ones win: the user's variables in the order of the file, who the
// deployment is, and the bindings in the order of the links.
func (w *Workload) setEnvironment(stack *manifest.Stack, d *manifest.Daemon, target manifest.Target) error {
	for _, e := range d.Environment {
		if e.Value.Ref() != nil && target.Platform != manifest.Kubernetes {
			return fmt.Errorf("environment.%s: a key of a Kubernetes Secret can only be read in a cluster", e.Name)
		}
		w.set(e.Name, e.Value)
	}
	w.set("ALIEN_DEPLOYMENT_TYPE", manifest.Plain(string(target.Platform)))
	w.set("ALIEN_DEPLOYMENT_ID", manifest.Plain(orDefault(stack.Deployment.ID, stack.Name)))
	w.set("ALIEN_DEPLOYMENT_NAME", manifest.Plain(orDefault(stack.Deployment.Name, stack.Name)))
	for _, link := range d.Links {
		if err := w.link(stack, link.ID, target); err != nil {
			return fmt.Errorf("link %s: %w", link.ID, err)
		}
	}
	return nil
}

// link hands over a resource: its binding as a variable, and its place where it has one of ours.
func (w *Workload) link(stack *manifest.Stack, id string, target manifest.Target) error {
	r, ok := stack.Resource(id)
	if !ok {
		return fmt.Errorf("there is no such resource")
	}
	binding, given := r.Bindings[target.Platform]
	switch {
	case given && target.Platform == manifest.Kubernetes:
		return w.clusterBinding(id, binding)
	case !given && target.Platform == manifest.Kubernetes && r.Type == "vault":
		w.clusterVault(stack.Name, id)
		return nil
	}
	if !given {
		place := path.Join(placeRoot, id)
		if binding, ok = localBinding(r, place); !ok || target.Platform != manifest.Local {
			return fmt.Errorf("a %s has no binding for %s", r.Type, target.Platform)
		}
		w.addVolume(Volume{Resource: id, Name: stack.Name + "-" + id, Target: place})
	}
	value, err := bindingValue(binding, "the binding of "+id)
	if err != nil {
		return err
	}
	w.set(BindingVariable(id), value)
	return nil
}

// set gives a variable its value; one that an earlier layer set moves to where the later one stands.
func (w *Workload) set(name string, value manifest.Value) {
	w.Env = slices.DeleteFunc(w.Env, func(e manifest.Env) bool { return e.Name == name })
	w.Env = append(w.Env, manifest.Env{Name: name, Value: value})
}

func (w *Workload) addVolume(v Volume) {
	if !slices.Contains(w.Volumes, v) {
		w.Volumes = append(w.Volumes, v)
	}
}

// binds takes the options of mounts apart. rw is what a mount is anyway.
func binds(mounts []manifest.Mount) []Bind {
	var out []Bind
	for _, m := range mounts {
		b := Bind{Source: m.Source, Target: m.Target}
		for option := range strings.SplitSeq(m.Options, ",") {
			switch option = strings.TrimSpace(option); option {
			case "", "rw":
			case "ro":
				b.ReadOnly = true
			default:
				b.Options = append(b.Options, option)
			}
		}
		out = append(out, b)
	}
	return out
}

func orDefault(s, standard string) string {
	if s == "" {
		return standard
	}
	return s
}
