package preflight_test

import (
	"slices"
	"strings"
	"time"

	"github.com/alienplatform/alien-go/internal/manifest"
	"github.com/alienplatform/alien-go/internal/preflight"
)

func codeCases() []codeCase {
	return slices.Concat(platformCases(), nameCases(), clusterCases(), imageCases(), linkCases(), environmentCases(), bindingCases(),
		limitCases(), runtimeCases(), compiledCases())
}

func platformCases() []codeCase {
	var cases []codeCase
	for _, p := range []manifest.Platform{manifest.AWS, manifest.GCP, manifest.Azure, manifest.Machines, manifest.Test, "moon"} {
		cases = append(cases, codeCase{preflight.PlatformUnsupported, string(p), func(s *manifest.Stack, _ *manifest.Daemon) {
			s.Platforms = []manifest.Platform{manifest.Local, manifest.Kubernetes, p}
		}, on(manifest.Target{Platform: p})})
	}
	return append(cases,
		codeCase{preflight.PlatformNotDeclared, "only kubernetes", func(s *manifest.Stack, _ *manifest.Daemon) {
			s.Platforms = []manifest.Platform{manifest.Kubernetes}
		}, on(docker, process)},
		codeCase{preflight.PlatformNotDeclared, "only local", func(s *manifest.Stack, _ *manifest.Daemon) {
			s.Platforms = []manifest.Platform{manifest.Local}
		}, on(cluster)},
		codeCase{preflight.FieldUnsupported, "privileged", func(_ *manifest.Stack, d *manifest.Daemon) {
			d.Runtime.Privileged = true
		}, on(process)},
		codeCase{preflight.FieldUnsupported, "rshared", mount("/srv", "/srv", "ro,rshared"), on(process)},
		codeCase{preflight.FieldUnsupported, "init", func(_ *manifest.Stack, d *manifest.Daemon) {
			d.Runtime.Init = true
		}, on(cluster)},
	)
}

func nameCases() []codeCase {
	stackName := func(name string) func(*manifest.Stack, *manifest.Daemon) {
		return func(s *manifest.Stack, _ *manifest.Daemon) { s.Name = name }
	}
	daemonName := func(name string) func(*manifest.Stack, *manifest.Daemon) {
		return func(_ *manifest.Stack, d *manifest.Daemon) { d.Name = name }
	}
	profile := func(name string) func(*manifest.Stack, *manifest.Daemon) {
		return func(_ *manifest.Stack, d *manifest.Daemon) { d.Permissions = name }
	}
	return []codeCase{
		{preflight.StackNameInvalid, "empty", stackName(""), nil},
		{preflight.StackNameInvalid, "capitals", stackName("Edge"), nil},
		{preflight.StackNameInvalid, "space", stackName("my edge"), nil},
		{preflight.StackNameInvalid, "two hyphens", stackName("my--edge"), nil},
		{preflight.StackNameInvalid, "too long", stackName(strings.Repeat("e", 64)), nil},
		{preflight.StackNameInvalid, "not ASCII", stackName("édge"), nil},
		{preflight.DaemonNameInvalid, "underscore", daemonName("my_api"), nil},
		{preflight.DaemonNameInvalid, "first", daemonName("-api"), nil},
		{preflight.DaemonNameInvalid, "last", daemonName("api-"), nil},
		{preflight.DaemonNameInvalid, "not ASCII", daemonName("aπi"), nil},
		{preflight.ResourceIDInvalid, "capitals", resource("Cache", "kv", localKV()), nil},
		{preflight.ResourceIDInvalid, "dot", resource("my.cache", "kv", localKV()), nil},
		{preflight.NameTooLong, "together", func(s *manifest.Stack, d *manifest.Daemon) {
			s.Name, d.Name = strings.Repeat("e", 40), strings.Repeat("a", 23)
			s.Daemons[1].Name = "b"
		}, nil},
		{preflight.NamespaceInvalid, "capitals", func(s *manifest.Stack, _ *manifest.Daemon) { s.Kubernetes.Namespace = "Edge" }, nil},
		{preflight.ProfileNameInvalid, "underscore", profile("run_it"), on(cluster)},
	}
}

func clusterCases() []codeCase {
	options := func(o manifest.ClusterOptions) func(*manifest.Stack, *manifest.Daemon) {
		return func(_ *manifest.Stack, d *manifest.Daemon) { d.Cluster = o }
	}
	labels := func(key, value string) func(*manifest.Stack, *manifest.Daemon) {
		return options(manifest.ClusterOptions{Labels: map[string]string{key: value}})
	}
	tolerates := func(t manifest.Toleration) func(*manifest.Stack, *manifest.Daemon) {
		return options(manifest.ClusterOptions{Tolerations: []manifest.Toleration{t}})
	}
	minute := 60
	return []codeCase{
		{preflight.ClusterNameInvalid, "pull secret", options(manifest.ClusterOptions{ImagePullSecrets: []string{"ok", "Not_OK"}}), nil},
		{preflight.ClusterNameInvalid, "empty pull secret", options(manifest.ClusterOptions{ImagePullSecrets: []string{""}}), nil},
		{preflight.ClusterNameInvalid, "service account", options(manifest.ClusterOptions{ServiceAccountName: "a/b"}), nil},
		{preflight.ClusterNameInvalid, "priority class", options(manifest.ClusterOptions{PriorityClassName: "High"}), nil},
		{preflight.LabelInvalid, "key", labels("-a", "b"), nil},
		{preflight.LabelInvalid, "prefix", labels("A_/a", "b"), nil},
		{preflight.LabelInvalid, "value", labels("a", "b c"), nil},
		{preflight.LabelInvalid, "node", options(manifest.ClusterOptions{NodeSelector: map[string]string{"a": "-"}}), nil},
		{preflight.AnnotationInvalid, "key", options(manifest.ClusterOptions{Annotations: map[string]string{"a/b/c": ""}}), nil},
		{preflight.AnnotationInvalid, "size", options(manifest.ClusterOptions{Annotations: map[string]string{"a": strings.Repeat("x", 129<<10)}}), nil},
		{preflight.LabelReserved, "ours", labels("daemons.alien.dev/stack", "other"), nil},
		{preflight.LabelReserved, "recommended", labels("app.kubernetes.io/name", "other"), nil},
		{preflight.LabelReserved, "revision", options(manifest.ClusterOptions{Annotations: map[string]string{"deployment.kubernetes.io/revision": "1"}}), nil},
		{preflight.TolerationInvalid, "no key", tolerates(manifest.Toleration{Value: "a"}), nil},
		{preflight.TolerationInvalid, "value compared by none", tolerates(manifest.Toleration{Key: "a", Operator: "Exists", Value: "b"}), nil},
		{preflight.TolerationInvalid, "seconds of what drives nothing out", tolerates(manifest.Toleration{Key: "a", Effect: "NoSchedule", Seconds: &minute}), nil},
		{preflight.ServiceAccountUnused, "profile of nobody", func(s *manifest.Stack, _ *manifest.Daemon) {
			s.ServiceAccounts = map[string]manifest.ServiceAccount{"execution": {}}
		}, nil},
		{preflight.ServiceAccountConflict, "beside a profile", func(_ *manifest.Stack, d *manifest.Daemon) {
			d.Permissions, d.Cluster.ServiceAccountName = "execution", "mine"
		}, nil},
	}
}

func localKV() manifest.Binding { return binding("service", "local-kv", "dataDir", "/data") }

func imageCases() []codeCase {
	return []codeCase{
		{preflight.SourceDaemon, "source", func(_ *manifest.Stack, d *manifest.Daemon) { d.Image, d.Source = "", "./api" }, nil},
		{preflight.ImageReferenceInvalid, "empty", image(""), nil},
		{preflight.ImageReferenceInvalid, "capitals", image("ghcr.io/Acme/api:1"), nil},
		{preflight.ImageReferenceInvalid, "URL", image("https://ghcr.io/acme/api:1"), nil},
		{preflight.ImageReferenceInvalid, "space", image("acme/api: 1"), nil},
		{preflight.ImageReferenceInvalid, "short digest", image("acme/api@sha256:1234"), nil},
		{preflight.ImageReferenceInvalid, "id", image(strings.Repeat("0f", 32)), nil},
		{preflight.ImageReferenceInvalid, "prefixed id", image("sha256:" + strings.Repeat("0f", 32)), nil},
		{preflight.ImageReferenceInvalid, "archive without path", image("oci:"), nil},
		{preflight.ImageReferenceInvalid, "archive with NUL", image("oci:a\x00b"), nil},
		{preflight.ImageArchiveUnsupported, "docker-archive", image("docker-archive:./api.tar"), on(cluster)},
		{preflight.ImageArchiveUnsupported, "oci", image("oci:./api"), on(cluster)},
		{preflight.ImageArchiveUnsupported, "oci-archive", image("oci-archive:/srv/api.tar"), on(cluster)},
	}
}

func linkCases() []codeCase {
	return []codeCase{
		{preflight.LinkUnknown, "nothing declared", func(_ *manifest.Stack, d *manifest.Daemon) { d.Links = dependsOn("cache") }, nil},
		{preflight.LinkUnknown, "another declared", func(s *manifest.Stack, d *manifest.Daemon) {
			link(s, d, "cache", "kv", localKV())
			d.Links = append(d.Links, manifest.Link{ID: "cash"})
		}, nil},
		{preflight.LinkNotResource, "daemon", func(_ *manifest.Stack, d *manifest.Daemon) { d.Links = dependsOn("worker") }, nil},
		{preflight.LinkUnknown, "many declared", func(s *manifest.Stack, d *manifest.Daemon) {
			for _, c := range "abcdefghijkl" {
				link(s, d, string(c), "kv", localKV())
			}
			d.Links = append(d.Links, manifest.Link{ID: "cash"})
		}, nil},
		{preflight.LinkDuplicate, "twice", func(s *manifest.Stack, d *manifest.Daemon) {
			link(s, d, "cache", "kv", localKV())
			d.Links = append(d.Links, manifest.Link{ID: "cache"})
		}, nil},
		{preflight.LinkTypeMismatch, "kv for storage", func(s *manifest.Stack, d *manifest.Daemon) {
			link(s, d, "cache", "kv", localKV())
			d.Links[0].Type = "storage"
		}, nil},
		{preflight.DependencyUnknown, "daemon", func(_ *manifest.Stack, d *manifest.Daemon) { d.DependsOn = dependsOn("ghost") }, nil},
		{preflight.DependencyUnknown, "resource", func(s *manifest.Stack, d *manifest.Daemon) {
			link(s, d, "cache", "kv", localKV())
			s.Resources[0].DependsOn = dependsOn("ghost")
		}, nil},
		{preflight.DependencyCycle, "itself", func(_ *manifest.Stack, d *manifest.Daemon) { d.DependsOn = dependsOn("api") }, nil},
		{preflight.DependencyCycle, "two daemons", func(s *manifest.Stack, d *manifest.Daemon) {
			d.DependsOn, s.Daemons[1].DependsOn = dependsOn("worker"), dependsOn("api")
		}, nil},
		{preflight.DependencyCycle, "through a link", func(s *manifest.Stack, d *manifest.Daemon) {
			link(s, d, "cache", "kv", localKV())
			s.Resources[0].DependsOn = dependsOn("api")
		}, nil},
	}
}

func environmentCases() []codeCase {
	secret := func(text string) manifest.Value { return manifest.Secret(secretText+text, "environment variable X") }
	long := strings.Repeat("x", 128<<10)
	cases := []codeCase{
		{preflight.EnvNameInvalid, "digit", variable("1ST", manifest.Plain("")), nil},
		{preflight.EnvNameInvalid, "empty", variable("", manifest.Plain("")), nil},
		{preflight.EnvNameInvalid, "equals", variable("A=B", manifest.Plain("")), nil},
		{preflight.EnvNameInvalid, "dots", variable("..A", manifest.Plain("")), nil},
		{preflight.EnvNameInvalid, "long", variable(strings.Repeat("A", 254), manifest.Plain("")), nil},
		{preflight.EnvDuplicate, "twice", func(_ *manifest.Stack, d *manifest.Daemon) {
			d.Environment = []manifest.Env{env("A", "1"), env("A", "2")}
		}, nil},
		{preflight.ValueInvalid, "NUL", variable("A", secret("\x00")), nil},
		{preflight.ValueInvalid, "not UTF-8", variable("A", secret("\xff")), nil},
		{preflight.ValueInvalid, "argument", func(_ *manifest.Stack, d *manifest.Daemon) { d.Command = []string{"/api", "a\x00b"} }, nil},
		{preflight.ValueInvalid, "probe's argument", func(_ *manifest.Stack, d *manifest.Daemon) {
			d.HealthCheck = health("/api", "a\xff")
		}, nil},
		{preflight.ValueInvalid, "binding", resource("cache", "kv", binding("service", "redis", "connectionUrl", secret("\xff"))), nil},
		{preflight.ValueInvalid, "deployment", func(s *manifest.Stack, _ *manifest.Daemon) {
			s.Deployment = manifest.Deployment{ID: "d-1", Name: "a\x00b"}
		}, nil},
		{preflight.ValueTooLong, "variable", variable("A", secret(long)), nil},
		{preflight.ValueTooLong, "with its name", variable("AB", manifest.Plain(long[3:])), nil},
		{preflight.ValueTooLong, "binding", resource("cache", "kv", binding("service", "redis", "connectionUrl", secret(long))), nil},
		{preflight.EnvironmentTooLarge, "together", func(_ *manifest.Stack, d *manifest.Daemon) {
			for _, c := range "ABCDEFGHI" {
				d.Environment = append(d.Environment, env(string(c), long[4:]))
			}
		}, nil},
		{preflight.SecretRefUnsupported, "variable", variable("A", ref("db", "password")), on(docker, process)},
		{preflight.SecretRefUnsupported, "binding", resource("cache", "kv",
			binding("service", "redis", "connectionUrl", ref("db", "url"))), on(docker, process)},
		{preflight.SecretRefUnsupported, "inside a binding", resource("builds", "build", manifest.Binding{Fields: []manifest.BindingField{
			text("service", "local"), text("dataDir", "/data"),
			{Name: "buildEnvVars", Value: manifest.BindingValue{Object: []manifest.BindingField{
				{Name: "LIST", Value: manifest.BindingValue{List: []manifest.BindingValue{{Text: pointer(ref("db", "url"))}}}},
			}}},
		}}), on(docker, process)},
		{preflight.SecretRefInvalid, "name", func(s *manifest.Stack, d *manifest.Daemon) {
			s.Platforms = []manifest.Platform{manifest.Kubernetes}
			variable("A", ref("DB", "password"))(s, d)
		}, on(cluster)},
		{preflight.SecretRefInvalid, "key", func(s *manifest.Stack, d *manifest.Daemon) {
			s.Platforms = []manifest.Platform{manifest.Kubernetes}
			variable("A", ref("db", "pass word"))(s, d)
		}, on(cluster)},
	}
	for _, name := range []string{
		"ALIEN_DEPLOYMENT_ID", "ALIEN_CACHE_BINDING", "ALIEN_BINDING_CACHE_URL", "ALIEN_COMMANDS_TOKEN_FILE",
		"OPERATOR_BASE_PLATFORM", "ALIEN_SECRETS", "ALIEN__BINDING",
	} {
		cases = append(cases, codeCase{preflight.EnvNameReserved, name, variable(name, manifest.Plain("")), nil})
	}
	return cases
}

func bindingCases() []codeCase {
	postgres := func(port any) manifest.Binding {
		return binding("service", "external", "host", "db", "port", port, "database", "d", "username", "u",
			"password", manifest.Secret(secretText, "file p"))
	}
	bound := func(p manifest.Platform) func(*manifest.Stack, *manifest.Daemon) {
		return func(s *manifest.Stack, d *manifest.Daemon) {
			link(s, d, "db", "postgres", postgres(5432))
			delete(s.Resources[0].Bindings, p)
		}
	}
	return []codeCase{
		{preflight.BindingCollision, "hyphen and underscore", func(s *manifest.Stack, d *manifest.Daemon) {
			link(s, d, "a-b", "kv", localKV())
			link(s, d, "a_b", "kv", localKV())
		}, nil},
		{preflight.BindingCollision, "case", func(s *manifest.Stack, d *manifest.Daemon) {
			link(s, d, "Cache", "kv", localKV())
			link(s, d, "cache", "kv", localKV())
		}, nil},
		{preflight.BindingRequired, "postgres on local", bound(manifest.Local), on(docker, process)},
		{preflight.BindingRequired, "postgres on kubernetes", bound(manifest.Kubernetes), on(cluster)},
		{preflight.BindingRequired, "storage on kubernetes", func(s *manifest.Stack, d *manifest.Daemon) {
			s.Resources, d.Links = []manifest.Resource{{ID: "reports", Type: "storage"}}, dependsOn("reports")
		}, on(cluster)},
		{preflight.BindingServiceUnknown, "other type's", resource("cache", "kv", binding("service", "s3", "bucketName", "b")), nil},
		{preflight.BindingServiceUnknown, "none", resource("cache", "kv", binding("connectionUrl", "redis://cache")), nil},
		{preflight.BindingServiceUnknown, "secret", resource("cache", "kv",
			binding("service", manifest.Secret(secretText, "file s"))), nil},
		{preflight.BindingFieldMissing, "url", resource("cache", "kv", binding("service", "redis")), nil},
		{preflight.BindingFieldMissing, "ai", resource("llm", "ai", binding("provider", "openai")), nil},
		{preflight.BindingFieldType, "port in quotes", resource("db", "postgres", postgres("5432")), nil},
		{preflight.BindingFieldType, "number for text", resource("events", "storage", binding("service", "s3", "bucketName", 5)), nil},
		{preflight.BindingSecretRef, "port", func(s *manifest.Stack, d *manifest.Daemon) {
			link(s, d, "db", "postgres", postgres(ref("db", "port")))
			s.Platforms = []manifest.Platform{manifest.Kubernetes}
			s.Resources[0].Bindings[manifest.Local] = postgres(5432)
		}, nil},
	}
}

func limitCases() []codeCase {
	probe := func(change func(*manifest.HealthCheck)) func(*manifest.Stack, *manifest.Daemon) {
		return func(_ *manifest.Stack, d *manifest.Daemon) {
			d.HealthCheck = health("/api", "health")
			change(d.HealthCheck)
		}
	}
	return []codeCase{
		{preflight.QuantityInvalid, "128MB", memory("128MB", "128MB"), nil},
		{preflight.QuantityInvalid, "128m of memory", memory("", "128m"), nil},
		{preflight.QuantityInvalid, "1.5 bytes", memory("1.5", ""), nil},
		{preflight.QuantityInvalid, "finer than a thousandth", cpu("0.0001", ""), nil},
		{preflight.QuantityInvalid, "a word", cpu("half", ""), nil},
		{preflight.QuantityInvalid, "capital K", memory("1K", ""), nil},
		{preflight.QuantityRange, "negative", cpu("-1", ""), nil},
		{preflight.QuantityRange, "no memory", memory("", "5Mi"), nil},
		{preflight.QuantityRange, "hardly a cpu", cpu("", "5m"), nil},
		{preflight.QuantityRange, "huge", memory("9000E", ""), nil},
		{preflight.RequestAboveLimit, "memory", memory("1Gi", "512Mi"), nil},
		{preflight.RequestAboveLimit, "cpu, written differently", cpu("0.501", "500m"), nil},
		{preflight.RequestUnused, "memory", memory("128Mi", ""), on(docker, process)},
		{preflight.RequestUnused, "cpu", cpu("0.5", ""), on(docker, process)},
		{preflight.OutOfRange, "no grace", func(_ *manifest.Stack, d *manifest.Daemon) { d.StopGrace = 0 }, nil},
		{preflight.OutOfRange, "grace of more than a day", func(_ *manifest.Stack, d *manifest.Daemon) {
			d.StopGrace = 86401 * time.Second
		}, nil},
		{preflight.OutOfRange, "negative settle", func(_ *manifest.Stack, d *manifest.Daemon) { d.Settle = -1 }, nil},
		{preflight.OutOfRange, "settle of hours", func(_ *manifest.Stack, d *manifest.Daemon) { d.Settle = 2 * time.Hour }, nil},
		{preflight.OutOfRange, "negative failures", func(_ *manifest.Stack, d *manifest.Daemon) { d.StartFailuresAllowed = -1 }, nil},
		{preflight.OutOfRange, "interval", probe(func(h *manifest.HealthCheck) { h.Interval = 0 }), nil},
		{preflight.OutOfRange, "timeout", probe(func(h *manifest.HealthCheck) { h.Timeout = 0 }), nil},
		{preflight.OutOfRange, "threshold", probe(func(h *manifest.HealthCheck) { h.FailureThreshold = 0 }), nil},
		{preflight.OutOfRange, "start period", probe(func(h *manifest.HealthCheck) { h.StartPeriod = -time.Second }), nil},
		{preflight.CommandEmpty, "no words", func(_ *manifest.Stack, d *manifest.Daemon) { d.Command = []string{} }, nil},
		{preflight.CommandEmpty, "empty first word", func(_ *manifest.Stack, d *manifest.Daemon) { d.Command = []string{"", "x"} }, nil},
		{preflight.CommandEmpty, "probe", probe(func(h *manifest.HealthCheck) { h.Command = nil }), nil},
	}
}

func runtimeCases() []codeCase {
	user := func(u string) func(*manifest.Stack, *manifest.Daemon) {
		return func(_ *manifest.Stack, d *manifest.Daemon) { d.Runtime.User = u }
	}
	twice := func(first, second string) func(*manifest.Stack, *manifest.Daemon) {
		return func(s *manifest.Stack, d *manifest.Daemon) {
			mount("/var/log", first, "")(s, d)
			mount("/srv", second, "")(s, d)
		}
	}
	return []codeCase{
		{preflight.UserInvalid, "name", user("nobody"), nil},
		{preflight.UserInvalid, "half", user("1000:"), nil},
		{preflight.UserInvalid, "too large", user("2147483648"), nil},
		{preflight.PidNamespaceInvalid, "word", func(_ *manifest.Stack, d *manifest.Daemon) { d.Runtime.PidNamespace = "shared" }, nil},
		{preflight.NetworkModeInvalid, "bridge", func(_ *manifest.Stack, d *manifest.Daemon) { d.Runtime.NetworkMode = "bridge" }, on(docker, cluster, process)},
		{preflight.MountPathInvalid, "relative source", mount("./log", "/log", ""), nil},
		{preflight.MountPathInvalid, "relative target", mount("/log", "log", ""), nil},
		{preflight.MountPathInvalid, "empty source", mount("", "/log", ""), nil},
		{preflight.MountPathInvalid, "empty target", mount("/log", "", ""), nil},
		{preflight.MountPathInvalid, "root", mount("/log", "//", ""), nil},
		{preflight.MountPathInvalid, "dots", mount("/srv/../etc", "/etc2", ""), nil},
		{preflight.MountPathInvalid, "colon", mount("/srv", "/a:b", ""), nil},
		{preflight.MountTargetDuplicate, "same", twice("/logs", "/logs"), nil},
		{preflight.MountTargetDuplicate, "written differently", twice("/logs", "/logs/"), nil},
		{preflight.MountTargetReserved, "root of places", mount("/srv", "/var/lib/alien", ""), nil},
		{preflight.MountTargetReserved, "a place", mount("/srv", "/var/lib//alien/cache", ""), nil},
		{preflight.MountOptionInvalid, "unknown", mount("/srv", "/srv", "ro,exec"), nil},
		{preflight.MountOptionInvalid, "both", mount("/srv", "/srv", "ro,rw"), nil},
		{preflight.MountOptionInvalid, "two propagations", mount("/srv", "/srv", "rslave,rprivate"), nil},
		{preflight.MountOptionInvalid, "label", mount("/srv", "/srv", "z"), nil},
		{preflight.MountOptionInvalid, "empty word", mount("/srv", "/srv", "ro,"), nil},
	}
}

func compiledCases() []codeCase {
	return []codeCase{
		{preflight.PublicEndpoints, "one", func(_ *manifest.Stack, d *manifest.Daemon) { d.PublicEndpoints = 1 }, nil},
		{preflight.HTTPHealthCheck, "one", func(_ *manifest.Stack, d *manifest.Daemon) { d.HTTPHealthCheck = true }, nil},
		{preflight.CommandsManagerRequired, "enabled", takes(manifest.Manager{}), nil},
		{preflight.CommandsManagerRequired, "no key", takes(manifest.Manager{Known: true}), nil},
		{preflight.CommandsManagerUnreachable, "loopback", takes(manifest.Manager{Known: true, HasKey: true, Loopback: true}), on(cluster)},
		{preflight.NotDeployed, "worker", func(s *manifest.Stack, _ *manifest.Daemon) {
			s.Undeployed = []manifest.Undeployed{{ID: "site", Type: "worker"}}
		}, nil},
	}
}

func soundCases() []codeCase {
	cases := []codeCase{
		{"", "bare", func(*manifest.Stack, *manifest.Daemon) {}, every},
		{"", "digest", image("ghcr.io/acme/api@sha256:" + strings.Repeat("0f", 32)), every},
		{"", "short name", image("busybox"), every},
		{"", "registry with port", image("127.0.0.1:5000/a/b:V_1"), every},
		{"", "archive", image("docker-archive:./api.tar"), on(docker, process)},
		{"", "names at their limit", func(s *manifest.Stack, d *manifest.Daemon) {
			s.Name, d.Name = strings.Repeat("e", 40), strings.Repeat("a", 22)
		}, every},
		{"", "amounts", func(_ *manifest.Stack, d *manifest.Daemon) {
			d.CPU, d.Memory = manifest.Quantity{Request: "0.5", Limit: "500m"}, manifest.Quantity{Request: "0.125Gi", Limit: "128Mi"}
		}, every},
		{"", "exponents", memory("1e7", "1E"), every},
		{"", "no request", cpu("0", "2"), every},
		{"", "ranges at their ends", func(_ *manifest.Stack, d *manifest.Daemon) {
			d.StopGrace, d.Settle, d.StartFailuresAllowed = 24*time.Hour, 0, 0
			d.HealthCheck = health("/api")
			d.HealthCheck.Interval, d.HealthCheck.Timeout, d.HealthCheck.FailureThreshold = time.Second, time.Minute, 1
		}, every},
		{"", "runtime options", func(s *manifest.Stack, d *manifest.Daemon) {
			d.Runtime = manifest.RuntimeOptions{User: "0:2147483647", PidNamespace: "host", NetworkMode: "host"}
			mount("/var/log", "/logs", "ro,rslave")(s, d)
			mount("/", "/host", "rw")(s, d)
		}, every},
		{"", "defaults of local", func(s *manifest.Stack, d *manifest.Daemon) {
			for _, kind := range []string{"storage", "kv", "queue", "vault"} {
				s.Resources = append(s.Resources, manifest.Resource{ID: "my-" + kind, Type: kind})
				d.Links = append(d.Links, manifest.Link{ID: "my-" + kind, Type: kind})
			}
		}, on(docker, process)},
		{"", "default of kubernetes", func(s *manifest.Stack, d *manifest.Daemon) {
			s.Resources, d.Links = []manifest.Resource{{ID: "keys", Type: "vault"}}, dependsOn("keys")
		}, every},
		{"", "not linked, not bound", func(s *manifest.Stack, _ *manifest.Daemon) {
			s.Resources = []manifest.Resource{{ID: "db", Type: "postgres"}}
		}, every},
		{"", "a binding of a free type", resource("mail", "email", binding("from", "a@b")), every},
		{"", "ai without service", resource("llm", "ai", binding("provider", "p", "apiKey", manifest.Secret(secretText, "file k"))), every},
		{"", "redis with a number", resource("cache", "kv", binding("service", "redis", "connectionUrl", "redis://c", "database", 2)), every},
		{"", "secretRef", variable("DB", ref("db.prod", "pass.word")), on(cluster)},
		{"", "longest value", variable("AB", manifest.Plain(strings.Repeat("x", 128<<10-4))), every},
		{"", "every character", variable("A", manifest.Plain("$ $$ $(X) \"quotes\"\n\ttabs\x01π")), every},
		{"", "dependencies without a circle", func(s *manifest.Stack, d *manifest.Daemon) {
			link(s, d, "cache", "kv", localKV())
			d.DependsOn = dependsOn("worker", "cache")
			s.Daemons[1].DependsOn = dependsOn("cache")
		}, every},
		{"", "daemon and resource of one name", resource("api", "kv", localKV()), every},
		{"", "namespace with two hyphens", func(s *manifest.Stack, _ *manifest.Daemon) { s.Kubernetes.Namespace = "a--b" }, every},
		{"", "all that clusters have use for", func(s *manifest.Stack, d *manifest.Daemon) {
			d.Permissions = "execution"
			s.ServiceAccounts = map[string]manifest.ServiceAccount{"execution": {Annotations: map[string]string{"eks.amazonaws.com/role-arn": "arn:aws:iam::1:role/a"}}}
			d.Cluster = manifest.ClusterOptions{
				ImagePullSecrets: []string{"login.eu"}, PriorityClassName: "system-node-critical", NodeSelector: map[string]string{"kubernetes.io/arch": "amd64", "gpu": ""},
				Labels: map[string]string{"team": "blue", "acme.com/Cost_Center": "7"}, Annotations: map[string]string{"acme.com/x": "any text\n{}"},
				Tolerations: []manifest.Toleration{{Operator: "Exists"}, {Key: "a", Value: "b", Effect: "NoExecute"}},
			}
		}, every},
		{"", "profile on local", func(_ *manifest.Stack, d *manifest.Daemon) { d.Permissions = "Run_It" }, on(docker, process)},
	}
	for _, name := range []string{
		"AWS_REGION", "AZURE_CLIENT_ID", "GCP_REGION", "GOOGLE_CLOUD_PROJECT", "ALIEN_COMMANDS_POLL_INTERVAL_MS",
		"ALIEN_COMMANDS_POLL_MAX_INTERVAL_MS", "ALIEN_COMMANDS_POLL_JITTER", "ALIEN_COMMANDS_LEASE_SECONDS",
		"ALIEN_COMMANDS_MAX_LEASES", "ALIEN_COMMANDS_DRAIN_TIMEOUT_MS", "alien_deployment_id", "MY_ALIEN_BINDING", "a.b-c",
	} {
		cases = append(cases, codeCase{"", "variable " + name, variable(name, manifest.Plain("x")), every})
	}
	return cases
}

// takes has a daemon take commands from a manager.
func takes(m manifest.Manager) func(*manifest.Stack, *manifest.Daemon) {
	return func(s *manifest.Stack, d *manifest.Daemon) { s.Manager, d.CommandsEnabled = m, true }
}
