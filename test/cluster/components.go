package main

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"
	"go.etcd.io/etcd/server/v3/embed"
	"k8s.io/component-base/cli"
	_ "k8s.io/component-base/metrics/prometheus/clientgo" // the components' client metrics
	apiserver "k8s.io/kubernetes/cmd/kube-apiserver/app"
	manager "k8s.io/kubernetes/cmd/kube-controller-manager/app"
	scheduler "k8s.io/kubernetes/cmd/kube-scheduler/app"
	kubelet "k8s.io/kubernetes/cmd/kubelet/app"
)

// component runs the part of Kubernetes that the first argument names; the others are that part's own. The second
// result says whether there is such a part.
func component(args []string) (code int, known bool) {
	commands := map[string]func() *cobra.Command{
		"kube-apiserver":          func() *cobra.Command { return apiserver.NewAPIServerCommand() },
		"kube-controller-manager": func() *cobra.Command { return manager.NewControllerManagerCommand() },
		"kube-scheduler":          func() *cobra.Command { return scheduler.NewSchedulerCommand() },
		"kubelet":                 func() *cobra.Command { return kubelet.NewKubeletCommand(context.Background()) },
		"etcd":                    newEtcdCommand,
	}
	if len(args) == 0 || commands[args[0]] == nil {
		return 0, false
	}
	os.Args = args                                              // the parts read their arguments, and their name, from there
	_ = os.WriteFile("/proc/self/comm", []byte(args[0]), 0o600) // for ps; nothing depends on it
	return cli.Run(commands[args[0]]()), true
}

// newEtcdCommand is an etcd of one member. It does not wait for the disk: a test cluster's data need not survive the
// machine.
func newEtcdCommand() *cobra.Command {
	var dir, client, peer string
	cmd := &cobra.Command{Use: "etcd", SilenceUsage: true, RunE: func(*cobra.Command, []string) error {
		return runEtcd(dir, client, peer)
	}}
	cmd.Flags().StringVar(&dir, "data-dir", "", "where the data is")
	cmd.Flags().StringVar(&client, "client", "", "address for clients")
	cmd.Flags().StringVar(&peer, "peer", "", "address for peers, of which there are none")
	return cmd
}

func runEtcd(dir, client, peer string) error {
	c := embed.NewConfig()
	c.Dir, c.UnsafeNoFsync, c.LogLevel = dir, true, "error" // as a warning it tells of each slow request
	clients, peers := url.URL{Scheme: "http", Host: client}, url.URL{Scheme: "http", Host: peer}
	c.ListenClientUrls, c.AdvertiseClientUrls = []url.URL{clients}, []url.URL{clients}
	c.ListenPeerUrls, c.AdvertisePeerUrls = []url.URL{peers}, []url.URL{peers}
	c.InitialCluster = c.InitialClusterFromName(c.Name)
	server, err := embed.StartEtcd(c)
	if err != nil {
		return fmt.Errorf("cannot start etcd: %w", err)
	}
	defer server.Close()
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM, syscall.SIGINT)
	select {
	case <-stop:
		return nil
	case err := <-server.Err():
		return err
	case <-server.Server.StopNotify():
		return errors.New("etcd stopped by itself")
	}
}
