// Command cluster is a Kubernetes cluster of one real node for tests: etcd, API server, controller manager, scheduler
// and kubelet in this one program, on a containerd of its own. See README.md.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"github.com/spf13/cobra"
)

func main() {
	// The keeper starts the parts of Kubernetes by their own names, so that ps shows which is which.
	if code, known := component(append([]string{filepath.Base(os.Args[0])}, os.Args[1:]...)); known {
		os.Exit(code)
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	if err := newCommand().ExecuteContext(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "cluster:", err)
		os.Exit(1)
	}
}

func newCommand() *cobra.Command {
	l := &layout{}
	root := &cobra.Command{
		Use: "cluster", Short: "a Kubernetes cluster of one real node, for tests",
		SilenceErrors: true, SilenceUsage: true,
		PersistentPreRunE: func(*cobra.Command, []string) error { return l.check() },
	}
	root.PersistentFlags().StringVar(&l.dir, "state", defaultState(), "directory for everything the cluster has")
	root.AddCommand(
		&cobra.Command{Use: "up", Short: "start the cluster, unless it runs, and wait until its node is ready", Args: cobra.NoArgs,
			RunE: func(c *cobra.Command, _ []string) error { return up(c.Context(), *l) }},
		&cobra.Command{Use: "down", Short: "stop the cluster and remove everything it has", Args: cobra.NoArgs,
			RunE: func(c *cobra.Command, _ []string) error { return down(c.Context(), *l) }},
		newKubeconfigCommand(l),
		&cobra.Command{Use: "import FILE", Short: "give the node the images of an archive (docker save or OCI); - is standard input", Args: cobra.ExactArgs(1),
			RunE: func(c *cobra.Command, args []string) error { return importFile(c.Context(), *l, args[0]) }},
		&cobra.Command{Use: "stop PART", Short: "stop kube-apiserver, kubelet or another part until it is started", Args: cobra.ExactArgs(1),
			RunE: func(c *cobra.Command, args []string) error {
				return control(c.Context(), *l, "/stop?part="+args[0], nil)
			}},
		&cobra.Command{Use: "start PART", Short: "start a stopped part, and wait until it answers", Args: cobra.ExactArgs(1),
			RunE: func(c *cobra.Command, args []string) error {
				return control(c.Context(), *l, "/start?part="+args[0], nil)
			}},
		&cobra.Command{Use: "keep", Hidden: true, Args: cobra.NoArgs,
			RunE: func(c *cobra.Command, _ []string) error { return keep(c.Context(), *l) }},
	)
	return root
}

func newKubeconfigCommand(l *layout) *cobra.Command {
	var restricted bool
	cmd := &cobra.Command{Use: "kubeconfig", Short: "print the path of the kubeconfig", Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			path := l.kubeconfig(admin)
			if restricted {
				path = l.kubeconfig(limited)
			}
			if _, err := os.Stat(path); err != nil {
				return fmt.Errorf("there is no cluster in %s; start one with `up`", l.dir)
			}
			_, err := fmt.Fprintln(c.OutOrStdout(), path)
			return err
		}}
	cmd.Flags().BoolVar(&restricted, "restricted", false, "that of the user who may do nothing until given a role")
	return cmd
}
