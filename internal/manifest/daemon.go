package manifest

import (
	"time"

	"gopkg.in/yaml.v3"
)

// What a daemon has where the manifest says nothing.
const (
	DefaultStopGrace            = 30 * time.Second
	DefaultSettle               = 500 * time.Millisecond
	DefaultStartFailuresAllowed = 2

	DefaultHealthInterval         = 5 * time.Second
	DefaultHealthTimeout          = 2 * time.Second
	DefaultHealthFailureThreshold = 3
)

// newDaemon is a daemon of which nothing but the name is stated.
func newDaemon(name string) Daemon {
	return Daemon{
		Name:                 name,
		PullPolicy:           PullMissing,
		StopGrace:            DefaultStopGrace,
		Settle:               DefaultSettle,
		StartFailuresAllowed: DefaultStartFailuresAllowed,
	}
}

const (
	commandHint     = `write ["/program", "--flag"]; for a shell line ["sh", "-c", "…"]`
	environmentHint = "write NAME: value"
)

// daemon reads one daemon of the friendly form.
func (r *reader) daemon(n node) Daemon {
	d := newDaemon(n.name)
	if n.yaml.Kind != yaml.MappingNode && !n.isNull() {
		r.wrongType(n, "a daemon, which is an object", "write { image: … }; what belongs to the daemon above is indented deeper")
		return d
	}
	ok := r.object(n, fields{
		"image":                  func(v node) { d.Image = r.textOr(v, "put it in quotes") },
		"code":                   func(v node) { r.code(v, &d) },
		"pullPolicy":             func(v node) { d.PullPolicy = r.pullPolicy(v) },
		"command":                func(v node) { d.Command = r.texts(v, commandHint) },
		"environment":            func(v node) { d.Environment = r.environment(v) },
		"links":                  func(v node) { d.Links = r.links(v) },
		"permissions":            func(v node) { d.Permissions = r.text(v) },
		"commandsEnabled":        func(v node) { d.CommandsEnabled = r.boolean(v) },
		"cpu":                    func(v node) { d.CPU = r.quantity(v) },
		"memory":                 func(v node) { d.Memory = r.quantity(v) },
		"stopGracePeriodSeconds": func(v node) { r.seconds(v, &d.StopGrace) },
		"minReadySeconds":        func(v node) { r.fraction(v, &d.Settle) },
		"healthCheck":            func(v node) { d.HealthCheck = r.healthCheck(v) },
		"startFailuresAllowed": func(v node) {
			if count, ok := r.integer(v); ok {
				d.StartFailuresAllowed = count
			}
		},
		"runtime":    func(v node) { d.Runtime = r.runtimeOptions(v) },
		"kubernetes": func(v node) { d.Cluster = r.clusterOptions(v) },
	}, r.refuse(daemonHabits()))
	if ok {
		r.oneImage(n)
	}
	return d
}

// oneImage sees to it that the daemon says once what it runs.
func (r *reader) oneImage(n node) {
	image, code := n.has("image"), n.has("code")
	switch {
	case image && code:
		r.errorf(CodeConflict, r.index[join(n.model, "code")], `"image" is short for "code", and both stand here`, "keep one of the two")
	case !image && !code:
		r.errorf(CodeMissing, n.at, `"image" is missing`, "name the container image to run")
	}
}

// code reads the long form of what to run.
func (r *reader) code(n node, d *Daemon) {
	var kind string
	ok := r.object(n, fields{
		"type":      func(v node) { kind = r.word(v, "a kind of code", "image", "source") },
		"image":     func(v node) { d.Image = r.text(r.as(v, join(parent(n.model), "image"))) },
		"src":       func(v node) { d.Source = r.text(v) },
		"toolchain": func(v node) { r.object(v, nil, nil) },
	}, r.refuse(codeHabits()))
	if !ok {
		return
	}
	r.require(n, "type")
	switch kind {
	case "image":
		r.require(n, "image")
		r.only(n, kind, "src", "toolchain")
	case "source":
		r.require(n, "src")
		r.only(n, kind, "image")
	}
}

// only reports members that belong to the other kind of code.
func (r *reader) only(n node, kind string, others ...string) {
	for _, name := range others {
		if n.has(name) {
			r.errorf(CodeConflict, r.index[join(n.model, name)], "this does not belong to code of the type "+kind, "remove it, or change the type")
		}
	}
}

func (r *reader) pullPolicy(n node) PullPolicy {
	word := r.word(n, "a pull policy", string(PullMissing), string(PullAlways), string(PullNever))
	if word == "" {
		return PullMissing
	}
	return PullPolicy(word)
}

func (r *reader) environment(n node) []Env {
	if items := n.yaml.Content; len(items) > 0 && n.kind() == "a list" {
		r.wrongType(n, "an object", environmentHint)
		return nil
	}
	members, _ := r.members(n)
	environment := make([]Env, 0, len(members))
	for _, m := range members {
		environment = append(environment, Env{Name: m.name, Value: r.value(m)})
	}
	return environment
}

func (r *reader) links(n node) []Link {
	ids := r.texts(n, "write [name, name]")
	links := make([]Link, 0, len(ids))
	for _, id := range ids {
		links = append(links, Link{ID: id})
	}
	return links
}

// fraction reads a number of seconds that need not be whole; a mistake leaves the target as it is.
func (r *reader) fraction(n node, into *time.Duration) {
	if v, ok := r.number(n); ok {
		*into = time.Duration(v * float64(time.Second))
	}
}

func (r *reader) healthCheck(n node) *HealthCheck {
	check := HealthCheck{
		Interval:         DefaultHealthInterval,
		Timeout:          DefaultHealthTimeout,
		FailureThreshold: DefaultHealthFailureThreshold,
	}
	ok := r.object(n, fields{
		"command":         func(v node) { check.Command = r.texts(v, commandHint) },
		"intervalSeconds": func(v node) { r.seconds(v, &check.Interval) },
		"timeoutSeconds":  func(v node) { r.seconds(v, &check.Timeout) },
		"failureThreshold": func(v node) {
			if count, ok := r.integer(v); ok {
				check.FailureThreshold = count
			}
		},
		"startPeriodSeconds": func(v node) { r.seconds(v, &check.StartPeriod) },
	}, r.refuse(healthHabits()))
	if !ok {
		return nil
	}
	r.require(n, "command")
	return &check
}

func (r *reader) runtimeOptions(n node) RuntimeOptions {
	var o RuntimeOptions
	r.object(n, fields{
		"user":         func(v node) { o.User = r.text(v) },
		"privileged":   func(v node) { o.Privileged = r.boolean(v) },
		"pidNamespace": func(v node) { o.PidNamespace = r.word(v, "a process namespace", "host", "private") },
		"networkMode":  func(v node) { o.NetworkMode = r.word(v, "a network mode", "host", "appnet") },
		"init":         func(v node) { o.Init = r.boolean(v) },
		"mounts":       func(v node) { o.Mounts = r.mounts(v) },
	}, r.refuse(runtimeHabits()))
	return o
}

func (r *reader) mounts(n node) []Mount {
	items, _ := r.items(n, "write [{ source: /on/the/host, target: /in/the/daemon }]")
	mounts := make([]Mount, 0, len(items))
	for _, item := range items {
		mounts = append(mounts, r.mount(item))
	}
	return mounts
}

func (r *reader) mount(n node) Mount {
	var m Mount
	if n.isText() {
		r.wrongType(n, "an object", "write { source: /on/the/host, target: /in/the/daemon, options: ro }")
		return m
	}
	ok := r.object(n, fields{
		"source":  func(v node) { m.Source = r.text(v) },
		"target":  func(v node) { m.Target = r.text(v) },
		"options": func(v node) { m.Options = r.text(v) },
	}, r.refuse(mountHabits()))
	if ok {
		r.require(n, "source", "target")
	}
	return m
}
