package preflight

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/alienplatform/alien-go/internal/manifest"
)

const (
	// maxString is what Linux takes as one argument or one NAME=value, the closing NUL included.
	maxString = 128 << 10
	// maxEnvironment is what fits into one Kubernetes Secret, and well into Linux' default for a new process.
	maxEnvironment = 1 << 20
	// maxEnvName is the longest key of a Kubernetes Secret.
	maxEnvName = 253
)

// eachEnv calls do with every variable of every daemon and its model path.
func (r *report) eachEnv(do func(e manifest.Env, path string)) {
	r.eachDaemon(func(d manifest.Daemon, path string) {
		for _, e := range d.Environment {
			do(e, path+".environment."+e.Name)
		}
	})
}

// envName is what every Kubernetes version takes; Docker takes more.
var envName = regexp.MustCompile(`^[-._a-zA-Z][-._a-zA-Z0-9]*$`)

// checkEnvNames holds names to the rule of variables and of Secret keys.
func checkEnvNames(r *report) {
	r.eachEnv(func(e manifest.Env, path string) {
		switch {
		case len(e.Name) > maxEnvName:
			r.fail(EnvNameInvalid, path, fmt.Sprintf("the variable's name is %d characters long", len(e.Name)),
				fmt.Sprintf("use at most %d", maxEnvName))
		case !envName.MatchString(e.Name) || e.Name == "." || strings.HasPrefix(e.Name, ".."):
			r.fail(EnvNameInvalid, path, fmt.Sprintf("%.200q cannot be the name of a variable", e.Name),
				"use letters, digits and underscores, starting with a letter or underscore")
		}
	})
}

// checkReservedNames keeps users from variables that are ours to set.
func checkReservedNames(r *report) {
	r.eachEnv(func(e manifest.Env, path string) {
		if !Reserved(e.Name) {
			return
		}
		hint := "choose another name"
		if strings.HasSuffix(e.Name, "_BINDING") || strings.HasPrefix(e.Name, "ALIEN_BINDING_") {
			hint = "declare the resource with its binding under resources, and link it"
		}
		r.fail(EnvNameReserved, path, fmt.Sprintf("%.200s is set by the deployment, not by the manifest", e.Name), hint)
	})
}

// Reserved is set R of the runtime environment without the names that are the user's: the six that tune a command
// receiver, and those of clouds, because none of them is injected here.
func Reserved(name string) bool {
	if strings.HasPrefix(name, "ALIEN_BINDING_") {
		return true
	}
	if rest, ok := strings.CutPrefix(name, "ALIEN_"); ok && strings.HasSuffix(rest, "_BINDING") {
		return true
	}
	return slices.Contains(reservedNames(), name)
}

func reservedNames() []string {
	return []string{
		"ALIEN_COMMANDS_TARGET_RESOURCE_ID", "ALIEN_COMMANDS_TARGET_RESOURCE_TYPE", "ALIEN_COMMANDS_TOKEN",
		"ALIEN_COMMANDS_TOKEN_FILE", "ALIEN_COMMANDS_URL", "ALIEN_CURRENT_CONTAINER_BINDING_NAME",
		"ALIEN_CURRENT_WORKER_BINDING_NAME", "ALIEN_DEPLOYMENT_ID", "ALIEN_DEPLOYMENT_NAME",
		"ALIEN_DEPLOYMENT_SERVICE_ACCOUNT", "ALIEN_DEPLOYMENT_TOKEN", "ALIEN_DEPLOYMENT_TYPE", "ALIEN_LAMBDA_MODE",
		"ALIEN_MANAGER_URL", "ALIEN_PUBLIC_ENDPOINTS_JSON", "ALIEN_RESOURCE_ID", "ALIEN_RUNTIME_SECRETS",
		"ALIEN_RUNTIME_SEND_OTLP", "ALIEN_SECRETS", "ALIEN_SECRET_ENV_REVISION", "ALIEN_TRANSPORT",
		"ALIEN_WORKER_GRPC_ADDRESS", "ALIEN_WORKER_TIMEOUT_SECONDS", "OPERATOR_BASE_PLATFORM",
	}
}

// checkDuplicateEnv: of two values one would be lost, and which one depends on the target.
func checkDuplicateEnv(r *report) {
	r.eachDaemon(func(d manifest.Daemon, path string) {
		seen := map[string]bool{}
		for _, e := range d.Environment {
			if seen[e.Name] {
				r.fail(EnvDuplicate, path+".environment."+e.Name, fmt.Sprintf("%.200s is given twice", e.Name), "remove one of the two")
			}
			seen[e.Name] = true
		}
	})
}

// checkValues refuses text that cannot reach a process byte for byte. It never shows the text: it may be secret.
func checkValues(r *report) {
	r.eachEnv(func(e manifest.Env, path string) {
		r.text("the value", e.Value.Reveal(), len(e.Name)+1, path)
	})
	r.eachDaemon(func(d manifest.Daemon, path string) {
		for i, arg := range d.Command {
			r.text("the argument", arg, 0, fmt.Sprintf("%s.command[%d]", path, i))
		}
		if d.HealthCheck == nil {
			return
		}
		for i, arg := range d.HealthCheck.Command {
			r.text("the argument", arg, 0, fmt.Sprintf("%s.healthCheck.command[%d]", path, i))
		}
	})
	r.eachBinding(func(_ manifest.Resource, _ manifest.Platform, b manifest.Binding, path string) {
		r.bindingText(b, path)
	})
	if d := r.stack.Deployment; d.ID != r.stack.Name || d.Name != r.stack.Name {
		r.text("the deployment's id", d.ID, len("ALIEN_DEPLOYMENT_ID="), "deployment.id")
		r.text("the deployment's name", d.Name, len("ALIEN_DEPLOYMENT_NAME="), "deployment.name")
	}
}

// text reports what keeps one string from a process; extra is what the operating system counts with it.
func (r *report) text(what, text string, extra int, path string) {
	switch {
	case strings.ContainsRune(text, 0):
		r.fail(ValueInvalid, path, what+" contains a NUL byte, which ends a string for every operating system",
			"encode it, for example as base64, and decode it in the daemon")
	case !utf8.ValidString(text):
		r.fail(ValueInvalid, path, what+" is not valid UTF-8, and the engines' interfaces carry nothing else",
			"encode it, for example as base64, and decode it in the daemon")
	case len(text)+extra+1 > maxString:
		r.fail(ValueTooLong, path, fmt.Sprintf("%s is %d bytes long, and Linux gives a process no string over 128 KiB", what, len(text)),
			"mount it as a file with runtime.mounts")
	}
}

// bindingText checks the strings of a binding. In its JSON a NUL is escaped and does no harm.
func (r *report) bindingText(b manifest.Binding, path string) {
	size := 0
	for _, f := range b.Fields {
		walk(f.Value, path+"."+f.Name, func(v manifest.BindingValue, at string) {
			if v.Text == nil {
				return
			}
			size += len(v.Text.Reveal())
			if !utf8.ValidString(v.Text.Reveal()) {
				r.fail(ValueInvalid, at, "the value is not valid UTF-8, and the binding is JSON", "encode it, for example as base64")
			}
		})
	}
	if size > maxString {
		r.fail(ValueTooLong, path, fmt.Sprintf("the binding is over %d bytes long, and Linux gives a process no string over 128 KiB", size),
			"hand over large parts as a file with runtime.mounts")
	}
}

// checkEnvironmentSize adds up what a daemon is given.
func checkEnvironmentSize(r *report) {
	r.eachDaemon(func(d manifest.Daemon, path string) {
		size := 0
		for _, e := range d.Environment {
			size += len(e.Name) + len(e.Value.Reveal()) + 2
		}
		if size > maxEnvironment {
			r.fail(EnvironmentTooLarge, path+".environment", fmt.Sprintf("the variables are %d bytes together, and 1 MiB is the most", size),
				"mount large values as files with runtime.mounts")
		}
	})
}

var secretKey = regexp.MustCompile(`^[-._a-zA-Z0-9]{1,253}$`)
var secretName = regexp.MustCompile(`^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$`)

// checkSecretRefs: only a cluster has Secrets, and it takes only names of theirs.
func checkSecretRefs(r *report) {
	r.eachEnv(func(e manifest.Env, path string) { r.secretRef(e.Value.Ref(), path) })
	r.eachBinding(func(_ manifest.Resource, platform manifest.Platform, b manifest.Binding, path string) {
		if platform != r.target.Platform {
			return
		}
		for _, f := range b.Fields {
			walk(f.Value, path+"."+f.Name, func(v manifest.BindingValue, at string) {
				if v.Text != nil {
					r.secretRef(v.Text.Ref(), at)
				}
			})
		}
	})
}

func (r *report) secretRef(ref *manifest.SecretRef, path string) {
	switch {
	case ref == nil:
	case r.target.Platform == manifest.Local:
		r.failPlatform(SecretRefUnsupported, path, fmt.Sprintf("the value is in the Kubernetes Secret %.200q, and there is no cluster on local", ref.Name),
			"use fromEnv or fromFile, which work on every target, or keep this manifest to -p kubernetes")
	case len(ref.Name) > 253 || !secretName.MatchString(ref.Name):
		r.failPlatform(SecretRefInvalid, path, fmt.Sprintf("%.200q cannot be the name of a Secret", ref.Name),
			"use lower-case letters, digits, hyphens and dots, as kubectl get secrets shows it")
	case !secretKey.MatchString(ref.Key):
		r.failPlatform(SecretRefInvalid, path, fmt.Sprintf("%.200q cannot be a key of a Secret", ref.Key),
			"use letters, digits, hyphens, underscores and dots, as kubectl describe secret shows it")
	}
}
