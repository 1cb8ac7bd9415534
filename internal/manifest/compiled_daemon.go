package manifest

import (
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// What the builder writes for a daemon whose author said nothing.
const (
	builderCPU    = "0.1"
	builderMemory = "128Mi"
)

// daemonFields are the fields of a daemon, apart from id and type.
func (c *compiled) daemonFields(d *Daemon) fields {
	return fields{
		"code":                   func(v node) { c.compiledCode(v, d) },
		"permissions":            func(v node) { d.Permissions = c.text(v) },
		"links":                  func(v node) { d.Links = c.refs(v) },
		"commandsEnabled":        func(v node) { d.CommandsEnabled = c.boolean(v) },
		"environment":            func(v node) { d.Environment = c.plainEnvironment(v) },
		"cpu":                    func(v node) { d.CPU = c.amounts(v, builderCPU) },
		"memory":                 func(v node) { d.Memory = c.amounts(v, builderMemory) },
		"publicEndpoints":        func(v node) { d.PublicEndpoints = c.endpoints(v) },
		"healthCheck":            orNull(func(v node) { d.HTTPHealthCheck = c.httpHealth(v) }),
		"command":                orNull(func(v node) { d.Command = c.texts(v, commandHint) }),
		"stopGracePeriodSeconds": orNull(func(v node) { c.grace(v, d) }),
		"runtime":                orNull(func(v node) { d.Runtime = c.hostOptions(v) }),
		"cluster":                orNull(c.elsewhere),
		"pool":                   orNull(c.elsewhere),
	}
}

// elsewhere reads a string that means something on other platforms only.
func (c *compiled) elsewhere(n node) {
	before := len(c.findings)
	if c.text(n); len(c.findings) == before {
		c.warnf(CodeIgnored, n.key, fmt.Sprintf("%q means nothing on local and kubernetes, and is ignored", n.name), "remove it if the stack runs nowhere else")
	}
}

// compiledCode reads what a daemon runs.
func (c *compiled) compiledCode(n node, d *Daemon) {
	kind := c.tag(n, "image", "source")
	known := fields{"type": c.tagged("a kind of code", "image", "source")}
	switch kind {
	case "image":
		known["image"] = func(v node) { d.Image = c.text(c.as(v, join(parent(n.model), "image"))) }
	case "source":
		known["src"] = func(v node) { d.Source = c.text(v) }
		known["toolchain"] = c.toolchain
	}
	if !c.object(n, known, c.ignoreOf(kind)) {
		return
	}
	c.require(n, "type")
	switch kind {
	case "image":
		c.require(n, "image")
	case "source":
		c.require(n, "src", "toolchain")
	}
}

// tag peeks at the word that decides over an object's shape; any other than the known ones gives "".
func (c *compiled) tag(n node, known ...string) string {
	y, ok := n.child("type")
	if !ok || !(node{yaml: y}).isText() {
		return ""
	}
	for _, word := range known {
		if y.Value == word {
			return word
		}
	}
	return ""
}

// tagged reads the word that tag peeks at, to report it where it is none.
func (c *compiled) tagged(what string, known ...string) func(node) {
	return func(n node) { c.word(n, what, known...) }
}

// ignoreOf is ignore for an object whose shape its tag decides over: without a valid one, nothing is known of the rest.
func (c *compiled) ignoreOf(tag string) func(node, []string) {
	if tag == "" {
		return nil
	}
	return c.ignore()
}

// toolchain reads how a daemon would be built. Preflight refuses such daemons; here the structure counts.
func (c *compiled) toolchain(n node) {
	kind := c.tag(n, "rust", "typescript", "docker")
	known := fields{"type": c.tagged("a toolchain", "rust", "typescript", "docker")}
	text := func(v node) { c.text(v) }
	switch kind {
	case "rust":
		known["binaryName"] = text
	case "typescript":
		known["binaryName"] = orNull(text)
	case "docker":
		known["dockerfile"], known["target"] = orNull(text), orNull(text)
		known["buildArgs"] = orNull(func(v node) { c.plainEnvironment(v) })
	}
	if !c.object(n, known, c.ignoreOf(kind)) {
		return
	}
	c.require(n, "type")
	if kind == "rust" {
		c.require(n, "binaryName")
	}
}

// plainEnvironment reads strings by name.
func (c *compiled) plainEnvironment(n node) []Env {
	members, _ := c.members(n)
	environment := make([]Env, 0, len(members))
	for _, m := range members {
		environment = append(environment, Env{Name: m.name, Value: Plain(c.text(m))})
	}
	return environment
}

// amounts reads cpu or memory. The builder always writes its own default, so a value equal to that says nothing, and least of
// all that there is a limit.
func (c *compiled) amounts(n node, builder string) Quantity {
	var q Quantity
	ok := c.object(n, fields{
		"min":     func(v node) { q.Request = c.text(v) },
		"desired": func(v node) { q.Limit = c.text(v) },
	}, c.ignore())
	if ok {
		c.require(n, "min", "desired")
	}
	if q.Request != builder || q.Limit != builder {
		return q
	}
	for _, path := range []string{n.model, join(n.model, "min"), join(n.model, "desired")} {
		delete(c.index, path)
	}
	return Quantity{}
}

// endpoints counts public endpoints.
func (c *compiled) endpoints(n node) int {
	items, _ := c.items(n, "")
	for _, item := range items {
		ok := c.object(item, fields{
			"name":               func(v node) { c.text(v) },
			"port":               func(v node) { c.unsigned(v, math.MaxUint16) },
			"protocol":           func(v node) { c.word(v, "a protocol", "http", "tcp") },
			"hostLabel":          orNull(func(v node) { c.text(v) }),
			"wildcardSubdomains": func(v node) { c.boolean(v) },
		}, c.ignore())
		if ok {
			c.require(item, "name", "port", "protocol")
		}
	}
	return len(items)
}

// httpHealth reads the health check of public endpoints, and says whether there is one.
func (c *compiled) httpHealth(n node) bool {
	return c.object(n, fields{
		"path":             func(v node) { c.text(v) },
		"port":             orNull(func(v node) { c.unsigned(v, math.MaxUint16) }),
		"method":           func(v node) { c.text(v) },
		"timeoutSeconds":   func(v node) { c.unsigned(v, math.MaxUint32) },
		"failureThreshold": func(v node) { c.unsigned(v, math.MaxUint32) },
	}, c.ignore())
}

func (c *compiled) grace(n node, d *Daemon) {
	if seconds, ok := c.unsigned(n, math.MaxUint32); ok {
		d.StopGrace = time.Duration(seconds) * time.Second
	}
}

// digits are how a number without sign, fraction and exponent is written.
var digits = regexp.MustCompile(`^[0-9]+$`)

// unsigned reads a number that counts something. 1.0 and 1e3 are none, as in the builder's own loader.
func (c *compiled) unsigned(n node, most uint64) (uint64, bool) {
	if !n.isNumber() {
		c.number(n)
		return 0, false
	}
	count, err := strconv.ParseUint(n.yaml.Value, 10, 64)
	switch {
	case !digits.MatchString(n.yaml.Value):
		c.errorf(CodeType, n.at, "must be a whole number that is not negative", "write its digits alone")
	case err != nil || count > most:
		c.errorf(CodeType, n.at, "the number is too large", fmt.Sprintf("the largest is %d", most))
	default:
		return count, true
	}
	return 0, false
}

// hostOptions reads the options that reach into the host. Which words they take is preflight's to say.
func (c *compiled) hostOptions(n node) RuntimeOptions {
	var o RuntimeOptions
	c.object(n, fields{
		"privileged":   orNull(func(v node) { o.Privileged = c.boolean(v) }),
		"pidNamespace": orNull(func(v node) { o.PidNamespace = c.text(v) }),
		"networkMode":  orNull(func(v node) { o.NetworkMode = c.text(v) }),
		"user":         orNull(func(v node) { o.User = c.text(v) }),
		"mounts":       func(v node) { o.Mounts = c.hostMounts(v) },
	}, c.refuse(nil))
	return o
}

func (c *compiled) hostMounts(n node) []Mount {
	items, _ := c.items(n, "")
	mounts := make([]Mount, 0, len(items))
	for _, item := range items {
		var m Mount
		ok := c.object(item, fields{
			"source":  func(v node) { m.Source = c.text(v) },
			"target":  func(v node) { m.Target = c.text(v) },
			"options": orNull(func(v node) { m.Options = c.text(v) }),
		}, c.refuse(nil))
		if ok {
			c.require(item, "source", "target")
		}
		mounts = append(mounts, m)
	}
	return mounts
}

// storageFields are the fields of a storage. How it is set up is for those to carry out who create it; here its structure counts.
func (c *compiled) storageFields() fields {
	flag := func(v node) { c.boolean(v) }
	return fields{
		"publicRead":         flag,
		"versioning":         flag,
		"corsAllowedOrigins": func(v node) { c.texts(v, "") },
		"lifecycleRules": func(v node) {
			items, _ := c.items(v, "")
			for _, item := range items {
				ok := c.object(item, fields{
					"days":   func(v node) { c.unsigned(v, math.MaxUint32) },
					"prefix": orNull(func(v node) { c.text(v) }),
				}, c.refuse(nil))
				if ok {
					c.require(item, "days")
				}
			}
		},
		"encryptionKey": orNull(func(v node) {
			c.ref(v)
			c.errorf(CodeCloudOnly, v.at, "only clouds encrypt a storage with a key of the stack", "remove it; it is not deployed to local and kubernetes")
		}),
	}
}

// postgresFields are the fields of a postgres.
func (c *compiled) postgresFields() fields {
	text := func(v node) { c.text(v) }
	return fields{
		"version": text, "storage": text, "cpu": orNull(text), "memory": orNull(text),
		"highAvailability": func(v node) { c.boolean(v) },
		"backend": orNull(func(v node) {
			if c.object(v, fields{"type": c.tagged("a backend", "auroraServerlessV2")}, c.ignore()) {
				c.require(v, "type")
			}
		}),
	}
}

// wildcard is a grant that holds for every resource of a kind.
type wildcard struct {
	kind string // storage, kv …
	at   Location
}

// wildcardKind is the kind of resource a grant such as storage/data-read speaks of.
func wildcardKind(grant string) string {
	kind, _, _ := strings.Cut(grant, "/")
	return kind
}
