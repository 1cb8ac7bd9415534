package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/alienplatform/alien-go/test/bench/measure"
)

// version is what an update changes.
func version(step string) int {
	if step == update || step == down {
		return 2
	}
	return 1
}

// alien is what we measure, with its settle time or without.
type alien struct {
	measure.Program
	image, dir string
	hasty      bool // no settle time
}

func (a alien) name() string {
	if a.hasty {
		return hasty
	}
	return "alien"
}

func (a alien) do(ctx context.Context, step, namespace string, n int) (measure.Usage, error) {
	var text strings.Builder
	settle := ""
	if a.hasty {
		settle = ", minReadySeconds: 0"
	}
	fmt.Fprintf(&text, "name: bench\ndaemons:\n")
	for i := range n {
		fmt.Fprintf(&text, "  d%02d: { image: %q, command: [/daemon, run], environment: { VERSION: \"%d\" }%s }\n", i, a.image, version(step), settle)
	}
	file := filepath.Join(a.dir, namespace+".yaml")
	if err := os.WriteFile(file, []byte(text.String()), 0o600); err != nil {
		return measure.Usage{}, err
	}
	verb := map[string]string{up: "up", unchanged: "up", update: "up", status: "status", down: "down"}[step]
	return a.Run(ctx, "daemon", verb, "-p", "kubernetes", "-n", namespace, "-f", file)
}

// deployment is what alien makes of such a daemon, as a careful person would write it: NAME, IMAGE and VERSION are open.
const deployment = `apiVersion: apps/v1
kind: Deployment
metadata:
  name: NAME
  labels: { app.kubernetes.io/name: NAME, app.kubernetes.io/part-of: bench }
spec:
  replicas: 1
  revisionHistoryLimit: 2
  strategy: { type: Recreate }
  selector: { matchLabels: { app.kubernetes.io/name: NAME, app.kubernetes.io/part-of: bench } }
  template:
    metadata:
      labels: { app.kubernetes.io/name: NAME, app.kubernetes.io/part-of: bench }
    spec:
      automountServiceAccountToken: false
      enableServiceLinks: false
      terminationGracePeriodSeconds: 30
      securityContext: { seccompProfile: { type: RuntimeDefault } }
      containers:
      - name: daemon
        image: IMAGE
        imagePullPolicy: IfNotPresent
        command: [/daemon, run]
        env: [{ name: VERSION, value: "VERSION_VALUE" }]
        securityContext: { allowPrivilegeEscalation: false }
`

// kubectl applies and waits.
type kubectl struct {
	measure.Program
	image, dir string
}

func (kubectl) name() string { return "kubectl" }

func (k kubectl) do(ctx context.Context, step, namespace string, n int) (measure.Usage, error) {
	var text strings.Builder
	for i := range n {
		text.WriteString("---\n" + strings.NewReplacer("NAME", fmt.Sprintf("d%02d", i), "IMAGE", k.image, "VERSION_VALUE", fmt.Sprint(version(step))).Replace(deployment))
	}
	file := filepath.Join(k.dir, namespace+".yaml")
	if err := os.WriteFile(file, []byte(text.String()), 0o600); err != nil {
		return measure.Usage{}, err
	}
	const ours = "app.kubernetes.io/part-of=bench"
	apply := []string{"apply", "-f", file}
	return k.inTurn(ctx, namespace, map[string][][]string{
		up:        {apply, {"wait", "--for=condition=Available", "--timeout=10m", "deployment", "-l", ours}},
		unchanged: {apply, {"rollout", "status", "--timeout=10m", "deployment", "-l", ours}},
		update:    {apply, {"rollout", "status", "--timeout=10m", "deployment", "-l", ours}},
		status:    {{"get", "deployments,pods", "-l", ours}, {"describe", "deployments,pods", "-l", ours}},
		down:      {{"delete", "-f", file}, {"wait", "--for=delete", "--timeout=10m", "pod", "-l", ours}},
	}[step])
}

// inTurn runs one command after another and adds their times up.
func (k kubectl) inTurn(ctx context.Context, namespace string, commands [][]string) (measure.Usage, error) {
	var all measure.Usage
	for _, args := range commands {
		u, err := k.Run(ctx, append([]string{"-n", namespace}, args...)...)
		if err != nil {
			return all, err
		}
		all.Took, all.Peak = all.Took+u.Took, max(all.Peak, u.Peak)
	}
	return all, nil
}

// helm installs a chart of the same Deployments.
type helm struct {
	measure.Program
	image, chart string
}

func (helm) name() string { return "helm" }

func (h helm) do(ctx context.Context, step, namespace string, n int) (measure.Usage, error) {
	if err := h.write(); err != nil {
		return measure.Usage{}, err
	}
	set := []string{"--set", fmt.Sprintf("count=%d,version=%d", n, version(step))}
	args := map[string][]string{
		up:        append([]string{"install", "bench", h.chart, "--wait"}, set...),
		unchanged: append([]string{"upgrade", "bench", h.chart, "--wait"}, set...),
		update:    append([]string{"upgrade", "bench", h.chart, "--wait"}, set...),
		status:    {"status", "bench", "--show-resources"},
		down:      {"uninstall", "bench", "--wait"},
	}[step]
	return h.Run(ctx, append(args, "-n", namespace)...)
}

// write writes the chart.
func (h helm) write() error {
	template := strings.NewReplacer("NAME", `{{ printf "d%02d" $i }}`, "IMAGE", h.image, "VERSION_VALUE", "{{ $.Values.version }}").Replace(deployment)
	files := map[string]string{
		"Chart.yaml":                "apiVersion: v2\nname: bench\nversion: 1.0.0\n",
		"values.yaml":               "count: 1\nversion: 1\n",
		"templates/deployment.yaml": "{{ range $i := until (int .Values.count) }}\n---\n" + template + "{{ end }}\n",
	}
	for name, text := range files {
		path := filepath.Join(h.chart, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			return err
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			return err
		}
	}
	return nil
}
