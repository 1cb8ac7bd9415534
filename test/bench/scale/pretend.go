package main

import (
	"context"
	"encoding/json"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/alienplatform/alien-go/internal/k8s/kube"
)

type object = map[string]any

func connect(kubeconfig, namespace string) (*kube.Client, error) {
	return kube.Connect(kube.Options{Namespace: namespace, UserAgent: "bench", LookupEnv: func(name string) (string, bool) {
		return kubeconfig, name == "KUBECONFIG"
	}})
}

// parallel is how many pods are told to run at once.
const parallel = 8

// pretend says of every pod of a namespace that it runs, in the kubelet's place, until ctx ends.
func pretend(ctx context.Context, api *kube.Client) error {
	slots := make(chan struct{}, parallel)
	version := "0"
	for ctx.Err() == nil {
		_ = api.Watch(ctx, kube.Pods, kube.Selector{}, version, func(c kube.Change) error {
			var pod corev1.Pod
			if err := json.Unmarshal(c.Object, &pod); err != nil {
				return err
			}
			version = pod.ResourceVersion
			if c.Type != "ADDED" || pod.Status.Phase == corev1.PodRunning {
				return nil
			}
			slots <- struct{}{}
			go func() {
				defer func() { <-slots }()
				running(ctx, api, &pod)
			}()
			return nil
		})
	}
	return ctx.Err()
}

// running writes the status of a pod that runs. One that is gone by then does not matter.
func running(ctx context.Context, api *kube.Client, pod *corev1.Pod) {
	now := metav1.NewTime(time.Now())
	ready := func(kind corev1.PodConditionType) corev1.PodCondition {
		return corev1.PodCondition{Type: kind, Status: corev1.ConditionTrue, LastTransitionTime: now}
	}
	yes, c := true, pod.Spec.Containers[0]
	status := corev1.PodStatus{Phase: corev1.PodRunning, StartTime: &now,
		Conditions: []corev1.PodCondition{ready(corev1.PodInitialized), ready(corev1.ContainersReady), ready(corev1.PodReady)},
		ContainerStatuses: []corev1.ContainerStatus{{Name: c.Name, Image: c.Image, ContainerID: "none://" + pod.Name, Ready: true, Started: &yes,
			State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{StartedAt: now}}}},
	}
	_ = api.Patch(ctx, kube.Pods, pod.Name+"/status", "bench", []kube.PatchOp{{Op: "replace", Path: "/status", Value: status}}, false, nil)
}
