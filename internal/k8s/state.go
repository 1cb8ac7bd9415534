package k8s

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"syscall"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"

	"github.com/alienplatform/alien-go/internal/deploy"
)

// unschedulableAfter is how long the scheduler may look for a node before that counts as a failure: a node may be on its
// way.
const unschedulableAfter = 30 * time.Second

// view is all that is known of one daemon.
type view struct {
	daemon      string
	deployment  *appsv1.Deployment
	replicaSets []*appsv1.ReplicaSet
	pods        []*corev1.Pod
	events      map[string][]*corev1.Event // warnings, by the uid of what they are about
}

// look is what a view tells at one moment, and when time alone may change that.
type look struct {
	deploy.Observation
	again time.Time // zero: only news can
}

// observe tells a daemon's state. It is pure.
func (v view) observe(now time.Time) look {
	l := look{Observation: deploy.Observation{Daemon: v.daemon}}
	switch {
	case v.deployment == nil:
		l.State = deploy.Gone
	case v.deployment.Spec.Replicas != nil && *v.deployment.Spec.Replicas == 0:
		l.Instance, l.State, l.ByHand = v.noPod(), deploy.Stopped, true
	default:
		if pod := v.current(); pod != nil {
			return v.observePod(pod, now)
		}
		l.Instance, l.State, l.Problem = v.noPod(), deploy.Created, v.podProblem()
	}
	return l
}

// noPod names the instance that there is no pod of yet: each change of the Deployment makes another.
func (v view) noPod() string {
	return fmt.Sprintf("%s/%d", v.deployment.UID, v.deployment.Generation)
}

// current is the pod that was made from the Deployment as it is now, the newest that is not on its way out. Pods of an
// earlier template are looked at only as long as the cluster has not begun with the new one.
func (v view) current() *corev1.Pod {
	var best *corev1.Pod
	for _, p := range v.pods {
		if p.DeletionTimestamp != nil || p.Status.Phase == corev1.PodFailed || p.Status.Phase == corev1.PodSucceeded || !v.matches(p) {
			continue
		}
		if best == nil || best.CreationTimestamp.Before(&p.CreationTimestamp) {
			best = p
		}
	}
	return best
}

// matches says whether a pod was made from the template as it is now, as far as what we write into it tells.
func (v view) matches(p *corev1.Pod) bool {
	want := v.deployment.Spec.Template.Annotations
	return p.Annotations[noteHash] == want[noteHash] && p.Annotations[noteRestart] == want[noteRestart]
}

// podProblem tells why there is no pod, from the Deployment's conditions and its newest ReplicaSet's.
func (v view) podProblem() *deploy.Problem {
	for _, c := range v.deployment.Status.Conditions {
		if len(v.replicaSets) == 0 && c.Type == appsv1.DeploymentReplicaFailure && c.Status == corev1.ConditionTrue && v.deployment.Status.ObservedGeneration >= v.deployment.Generation {
			return find(podCauses(), c.Message, "")
		}
	}
	for _, rs := range v.replicaSets {
		a, want := rs.Spec.Template.Annotations, v.deployment.Spec.Template.Annotations
		if a[noteHash] != want[noteHash] || a[noteRestart] != want[noteRestart] {
			continue
		}
		for _, c := range rs.Status.Conditions {
			if c.Type == appsv1.ReplicaSetReplicaFailure && c.Status == corev1.ConditionTrue {
				return find(podCauses(), c.Message, "")
			}
		}
	}
	return nil
}

// observePod tells the state of a daemon from its pod.
func (v view) observePod(p *corev1.Pod, now time.Time) look {
	l := look{Observation: deploy.Observation{Daemon: v.daemon, Instance: string(p.UID), State: deploy.Created, Node: p.Spec.NodeName}}
	status := v.containerStatus(p)
	if status == nil {
		l.unscheduled(p, now)
		if l.Problem == nil {
			l.Problem = v.mountProblem(p)
		}
		return l
	}
	l.Restarts = int(status.RestartCount)
	if t := status.LastTerminationState.Terminated; t != nil && status.State.Terminated == nil { // else it is about the run before
		l.ended(t)
	}
	image := status.Image
	if c := v.container(p); c != nil {
		image = c.Image
	}
	switch s := status.State; {
	case s.Running != nil:
		l.State, l.StartedAt = deploy.Running, s.Running.StartedAt.Time
		if l.Restarts > 0 && l.LastExit == nil { // a node under load may clear away a container before it has told of its end
			l.LastExit = &deploy.Exit{Code: -1, At: l.StartedAt}
		}
		v.health(&l, p, status, now)
	case s.Terminated != nil:
		l.State = deploy.BackOff // restartPolicy is Always
		l.ended(s.Terminated)
		l.Problem = startProblem(s.Terminated)
	case s.Waiting != nil:
		if l.LastExit != nil || s.Waiting.Reason == "CrashLoopBackOff" {
			l.State = deploy.BackOff
		}
		l.Problem = v.withPullSecrets(p, waitingProblem(s.Waiting.Reason, s.Waiting.Message, image))
		if t := status.LastTerminationState.Terminated; l.Problem == nil && t != nil {
			l.Problem = startProblem(t)
		}
		if l.Problem == nil {
			l.Problem = v.mountProblem(p)
		}
		if l.State == deploy.BackOff && l.LastExit != nil {
			l.NextStart = l.LastExit.At.Add(backOff(l.Restarts))
		}
	}
	return l
}

// container is our container of a pod: others may have been injected.
func (v view) container(p *corev1.Pod) *corev1.Container {
	for i := range p.Spec.Containers {
		if p.Spec.Containers[i].Name == v.daemon {
			return &p.Spec.Containers[i]
		}
	}
	return nil
}

// image is the reference that a daemon's pods are made from now.
func (v view) image() string {
	for _, c := range v.deployment.Spec.Template.Spec.Containers {
		if c.Name == v.daemon {
			return c.Image
		}
	}
	return ""
}

func (v view) containerStatus(p *corev1.Pod) *corev1.ContainerStatus {
	for i := range p.Status.ContainerStatuses {
		if p.Status.ContainerStatuses[i].Name == v.daemon {
			return &p.Status.ContainerStatuses[i]
		}
	}
	return nil
}

// unscheduled tells what the scheduler says, which counts after a while only.
func (l *look) unscheduled(p *corev1.Pod, now time.Time) {
	for _, c := range p.Status.Conditions {
		if c.Type != corev1.PodScheduled || c.Status != corev1.ConditionFalse {
			continue
		}
		since := p.CreationTimestamp.Add(time.Second) // it is cut to whole seconds
		if at := since.Add(unschedulableAfter); now.Before(at) {
			l.again = at
			return
		}
		l.Problem = &deploy.Problem{Reason: deploy.Unschedulable, Message: "no node can take the daemon", Err: saidError(c.Message)}
	}
}

// withPullSecrets adds to a refusal of a registry what the node says of missing pull secrets: it goes on without them.
func (v view) withPullSecrets(p *corev1.Pod, problem *deploy.Problem) *deploy.Problem {
	if problem == nil || problem.Reason != deploy.ImageDenied {
		return problem
	}
	for _, e := range v.events[string(p.UID)] {
		if e.Reason == "FailedToRetrieveImagePullSecret" {
			problem.Hint = strings.TrimSpace(e.Message)
		}
	}
	return problem
}

// mountProblem tells from the pod's events why its volumes could not be mounted.
func (v view) mountProblem(p *corev1.Pod) *deploy.Problem {
	for _, e := range v.events[string(p.UID)] {
		if e.Reason == "FailedMount" {
			if problem := find(mountCauses(), e.Message, ""); problem != nil {
				return problem
			}
		}
	}
	return nil
}

// ended notes how a run ended.
func (l *look) ended(t *corev1.ContainerStateTerminated) {
	e := &deploy.Exit{Code: int(t.ExitCode), OOM: t.Reason == "OOMKilled", At: t.FinishedAt.Time}
	if n := t.Signal; n != 0 {
		e.Signal = signalName(int(n))
	} else if t.ExitCode > 128 && t.ExitCode < 128+65 {
		e.Signal = signalName(int(t.ExitCode) - 128)
	}
	l.LastExit = e
	if l.StartedAt.IsZero() {
		l.StartedAt = t.StartedAt.Time
	}
}

func signalName(n int) string {
	names := map[syscall.Signal]string{
		syscall.SIGHUP: "SIGHUP", syscall.SIGINT: "SIGINT", syscall.SIGQUIT: "SIGQUIT", syscall.SIGILL: "SIGILL", syscall.SIGTRAP: "SIGTRAP",
		syscall.SIGABRT: "SIGABRT", syscall.SIGBUS: "SIGBUS", syscall.SIGFPE: "SIGFPE", syscall.SIGKILL: "SIGKILL", syscall.SIGSEGV: "SIGSEGV",
		syscall.SIGPIPE: "SIGPIPE", syscall.SIGALRM: "SIGALRM", syscall.SIGTERM: "SIGTERM",
	}
	if name, ok := names[syscall.Signal(n)]; ok {
		return name
	}
	return fmt.Sprintf("signal %d", n)
}

// startProblem tells that a run never began.
func startProblem(t *corev1.ContainerStateTerminated) *deploy.Problem {
	if t.Reason == "StartError" || t.Reason == "ContainerCannotRun" {
		return find(startCauses(), t.Message, "")
	}
	return nil
}

// backOff is how long a kubelet waits before the n-th restart.
func backOff(restarts int) time.Duration {
	return min(10*time.Second<<min(max(restarts-1, 0), 10), 5*time.Minute)
}

// health tells what the probes say. A probe that has failed as often in a row as it may since the run began, is a
// failure; the cluster itself knows only ready and not ready.
func (v view) health(l *look, p *corev1.Pod, status *corev1.ContainerStatus, now time.Time) {
	c := v.container(p)
	if c == nil || c.ReadinessProbe == nil {
		return
	}
	if status.Ready {
		l.Health = deploy.Healthy
		return
	}
	l.Health = deploy.Starting
	l.Probe = v.failedProbe(p, l.StartedAt)
	probe := c.ReadinessProbe
	period, _ := time.ParseDuration(p.Annotations[noteStartPeriod])
	patience := period + time.Duration(probe.PeriodSeconds*max(probe.FailureThreshold-1, 0))*time.Second
	since := l.StartedAt
	for _, cond := range p.Status.Conditions {
		if cond.Type == corev1.ContainersReady && cond.Status == corev1.ConditionFalse && cond.LastTransitionTime.After(since.Add(2*time.Second)) {
			l.Health = deploy.Unhealthy // it was ready, and failureThreshold checks have failed since
			return
		}
	}
	switch at := since.Add(patience); {
	case now.Before(at):
		l.again = at
	case l.Probe != nil:
		l.Health = deploy.Unhealthy
	}
}

// failedProbe is the last probe of a run that failed, as the events tell it.
func (v view) failedProbe(p *corev1.Pod, since time.Time) *deploy.Probe {
	events := slices.Clone(v.events[string(p.UID)])
	slices.SortFunc(events, func(a, b *corev1.Event) int { return eventTime(b).Compare(eventTime(a)) })
	for _, e := range events {
		_, output, ok := strings.Cut(e.Message, " probe failed: ")
		if !ok {
			_, output, ok = strings.Cut(e.Message, " probe errored")
		}
		if e.Reason == "Unhealthy" && ok && !eventTime(e).Before(since.Truncate(time.Second)) {
			return &deploy.Probe{Code: 1, Output: strings.TrimSpace(output), At: eventTime(e)}
		}
	}
	return nil
}

func eventTime(e *corev1.Event) time.Time {
	times := []time.Time{e.LastTimestamp.Time, e.EventTime.Time, e.FirstTimestamp.Time}
	return slices.MaxFunc(times, func(a, b time.Time) int { return cmp.Compare(a.UnixNano(), b.UnixNano()) })
}
