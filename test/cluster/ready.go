package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	core "k8s.io/api/core/v1"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"
)

const lookAgain = 100 * time.Millisecond

func newClient(l layout) (*kubernetes.Clientset, error) {
	config, err := clientcmd.BuildConfigFromFlags("", l.kubeconfig(admin))
	if err != nil {
		return nil, err
	}
	config.QPS, config.Timeout = -1, 5*time.Second
	return kubernetes.NewForConfig(config)
}

// awaitServer waits until the API server says that it is ready.
func awaitServer(ctx context.Context, l layout) error {
	client, err := newClient(l)
	if err != nil {
		return err
	}
	return every(ctx, lookAgain, func() error {
		_, err := client.Discovery().RESTClient().Get().AbsPath("/readyz").DoRaw(ctx)
		return err
	})
}

// awaitNode waits until the node takes pods, and pods of the default namespace have a service account.
func awaitNode(ctx context.Context, l layout) error {
	if err := awaitServer(ctx, l); err != nil {
		return fmt.Errorf("the API server does not become ready: %w", err)
	}
	client, err := newClient(l)
	if err != nil {
		return err
	}
	return every(ctx, lookAgain, func() error {
		n, err := client.CoreV1().Nodes().Get(ctx, nodeName, meta.GetOptions{})
		if err != nil {
			return fmt.Errorf("the node does not register: %w", err)
		}
		if why := notReady(n); why != "" {
			return errors.New("the node does not become ready: " + why)
		}
		_, err = client.CoreV1().ServiceAccounts(core.NamespaceDefault).Get(ctx, "default", meta.GetOptions{})
		return err
	})
}

func notReady(n *core.Node) string {
	for _, t := range n.Spec.Taints {
		if t.Effect != core.TaintEffectPreferNoSchedule {
			return "it is tainted " + t.ToString()
		}
	}
	for _, c := range n.Status.Conditions {
		if c.Type == core.NodeReady && c.Status == core.ConditionTrue {
			return ""
		} else if c.Type == core.NodeReady {
			return c.Message
		}
	}
	return "it reports no conditions"
}
