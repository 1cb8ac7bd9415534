package k8s

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"iter"
	"net/url"
	"strconv"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/alienplatform/alien-go/internal/deploy"
	"github.com/alienplatform/alien-go/internal/k8s/kube"
)

// longestLine is where a line is cut.
const longestLine = 1 << 20

// errEnough says that nobody wants more lines.
var errEnough = errors.New("enough")

// Logs implements deploy.Platform. A cluster keeps the log of a container's present run and of the one before.
func (p *platform) Logs(ctx context.Context, stack, daemon string, q deploy.LogQuery) iter.Seq2[deploy.LogLine, error] {
	return func(yield func(deploy.LogLine, error) bool) {
		l := &logReader{platform: p, stack: stack, daemon: daemon, q: q, yield: yield, last: q.Since}
		read := l.once
		if q.Follow {
			read = l.follow
		}
		if err := read(ctx); err != nil && !errors.Is(err, errEnough) && ctx.Err() == nil {
			yield(deploy.LogLine{}, p.problem(err))
		}
	}
}

// logReader reads one daemon's log.
type logReader struct {
	*platform
	stack, daemon string
	q             deploy.LogQuery
	yield         func(deploy.LogLine, error) bool
	last          time.Time // of the last line yielded; before there is one, where reading begins
}

// once reads what there is now.
func (l *logReader) once(ctx context.Context) error {
	var pods list[corev1.Pod]
	var deployments list[live]
	ours := kube.Selector{Labels: labelStack + "=" + l.stack + "," + labelDaemon + "=" + l.daemon}
	err := together(
		func() error { return l.client.List(ctx, kube.Pods, ours, &pods) },
		func() error { return l.client.List(ctx, kube.Deployments, ours, &deployments) })
	if err != nil {
		return err
	}
	v := view{daemon: l.daemon}
	for i := range pods.Items {
		v.pods = append(v.pods, &pods.Items[i])
	}
	if len(deployments.Items) > 0 {
		v.deployment = &deployments.Items[0].Deployment
	}
	return l.history(ctx, v)
}

// history reads the runs of one pod that the cluster still has the log of.
func (l *logReader) history(ctx context.Context, v view) error {
	pod := l.pod(v)
	if pod == nil {
		if v.deployment == nil && len(v.pods) == 0 && l.q.Instance == "" {
			return &deploy.Problem{Reason: deploy.NotFound, Message: fmt.Sprintf("stack %s has no daemon %s", l.stack, l.daemon)}
		}
		return nil
	}
	var lines []deploy.LogLine
	keep := func(line deploy.LogLine) error {
		lines = append(lines, line)
		if l.q.Tail >= 0 && len(lines) > l.q.Tail {
			lines = lines[1:]
		}
		return nil
	}
	s := v.containerStatus(pod)
	if s != nil && s.LastTerminationState.Terminated != nil && s.RestartCount > 0 && s.State.Waiting == nil {
		if err := l.run(ctx, pod.Name, url.Values{"previous": {"true"}}, keep); err != nil && !noLog(err) {
			return err
		}
	}
	if err := l.run(ctx, pod.Name, url.Values{}, keep); err != nil && !noLog(err) {
		return err
	}
	for _, line := range lines {
		if err := l.emit(line); err != nil {
			return err
		}
	}
	return nil
}

// pod chooses whose log is read: the instance asked for, else the current one, else the newest.
func (l *logReader) pod(v view) *corev1.Pod {
	if l.q.Instance == "" && v.deployment != nil {
		if p := v.current(); p != nil {
			return p
		}
	}
	var newest *corev1.Pod
	for _, p := range v.pods {
		if l.q.Instance != "" && string(p.UID) != l.q.Instance {
			continue
		}
		if newest == nil || newest.CreationTimestamp.Before(&p.CreationTimestamp) {
			newest = p
		}
	}
	return newest
}

// noLog says that a run has no log, or none any more: that is no error.
func noLog(err error) bool { return apierrors.IsBadRequest(err) || apierrors.IsNotFound(err) }

// run reads the log of one run to its end.
func (l *logReader) run(ctx context.Context, pod string, q url.Values, line func(deploy.LogLine) error) error {
	q.Set("container", l.daemon)
	q.Set("timestamps", "true")
	if !l.last.IsZero() {
		q.Set("sinceTime", l.last.UTC().Format(time.RFC3339))
	} else if l.q.Tail >= 0 && q.Get("follow") == "" {
		q.Set("tailLines", strconv.Itoa(l.q.Tail))
	}
	stream, err := l.client.Log(ctx, pod, q)
	if err != nil {
		return err
	}
	defer func() { _ = stream.Close() }()
	lines := bufio.NewScanner(stream)
	lines.Buffer(nil, longestLine)
	for lines.Scan() {
		stamp, text, _ := strings.Cut(lines.Text(), " ")
		at, err := time.Parse(time.RFC3339Nano, stamp)
		if err != nil && strings.HasPrefix(lines.Text(), "unable to retrieve container logs for ") {
			continue // the kubelet itself says so, of a run that was cleared away
		}
		if err != nil {
			at, text = l.last, lines.Text()
		} else if !at.After(l.last) {
			continue // read already: the cluster counts in whole seconds
		}
		if !l.q.Until.IsZero() && at.After(l.q.Until) {
			return nil
		}
		if err := line(deploy.LogLine{Daemon: l.daemon, Time: at, Stream: "stdout", Text: text}); err != nil {
			return err
		}
	}
	return nil // a stream that broke off is taken up again by who follows
}

func (l *logReader) emit(line deploy.LogLine) error {
	if line.Time.After(l.last) {
		l.last = line.Time
	}
	if !l.yield(line, nil) {
		return errEnough
	}
	return nil
}

// runID names one run of a pod's container.
type runID struct {
	pod      string // its uid
	restarts int32
}

// follow reads on across restarts and replacements.
func (l *logReader) follow(ctx context.Context) error {
	m, release := l.mirrorOf(l.stack)
	defer release()
	if err := m.sync(ctx); err != nil {
		return err
	}
	all, err := m.views()
	if err != nil {
		return err
	}
	if err := l.history(ctx, all[l.daemon]); err != nil {
		return err
	}
	var read runID
	if s := l.present(all[l.daemon]); s != nil {
		read = *s
	}
	for {
		var v view
		err := m.await(ctx, l.daemon, func(now view) bool {
			v = now
			r := l.present(now)
			return r != nil && (l.runs(now) || *r != read)
		})
		if err != nil {
			return err
		}
		next := *l.present(v)
		if err := l.announce(v, read, next); err != nil {
			return err
		}
		read = next
		if err := l.read(ctx, v); err != nil {
			return err
		}
	}
}

// read follows the present run to its end. A stream that ends while the run goes on is opened again soon.
func (l *logReader) read(ctx context.Context, v view) error {
	err := l.run(ctx, v.current().Name, url.Values{"follow": {"true"}}, l.emit)
	if err != nil && !noLog(err) && !kube.Unreachable(err) {
		return err
	}
	return kube.Pause(ctx, 1)
}

// present is the run that the current pod is in, or was in last; nil before the first.
func (l *logReader) present(v view) *runID {
	if v.deployment == nil {
		return nil
	}
	p := v.current()
	if p == nil {
		return nil
	}
	s := v.containerStatus(p)
	if s == nil || s.State.Waiting != nil {
		return nil
	}
	return &runID{string(p.UID), s.RestartCount}
}

func (l *logReader) runs(v view) bool {
	s := v.containerStatus(v.current())
	return s != nil && s.State.Running != nil
}

// announce puts markers where one run ends and the next begins.
func (l *logReader) announce(v view, before, next runID) error {
	if before == next || before.pod == "" {
		return nil
	}
	text := "started again"
	if before.pod != next.pod {
		text = "started as a new instance " + v.current().Name
	} else if t := v.containerStatus(v.current()).LastTerminationState.Terminated; t != nil {
		if err := l.emit(deploy.LogLine{Daemon: l.daemon, Time: t.FinishedAt.Time, Stream: "marker", Text: fmt.Sprintf("exited with code %d", t.ExitCode)}); err != nil {
			return err
		}
	}
	// The lines of a new pod may be stamped by another node's clock: they are read from its beginning.
	if before.pod != next.pod {
		l.last = time.Time{}
	}
	return l.emit(deploy.LogLine{Daemon: l.daemon, Stream: "marker", Text: text})
}
