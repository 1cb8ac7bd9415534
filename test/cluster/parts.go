package main

import (
	"encoding/json"
	"fmt"
	"os"
	"strconv"
)

// pauseImage holds each pod's namespaces. It is made here and never pulled.
const pauseImage = "alien.test/pause:1"

// parts lists the cluster's processes in the order in which they start.
func parts(l layout, s settings) []*part {
	etcd := fmt.Sprintf("127.0.0.1:%d", s.EtcdPort)
	return []*part{
		{name: "containerd", program: "containerd", args: []string{"--config", l.path("containerd", "config.toml")}},
		{name: "etcd", args: []string{
			"--data-dir=" + l.path("etcd"), "--client=" + etcd, fmt.Sprintf("--peer=127.0.0.1:%d", s.PeerPort)}},
		{name: apiServer, args: apiServerArgs(l, s, etcd)},
		{name: "kube-controller-manager", args: []string{
			"--kubeconfig=" + l.kubeconfig("kube-controller-manager"), "--leader-elect=false", "--secure-port=0",
			"--use-service-account-credentials=true", "--flex-volume-plugin-dir=" + l.path("kubelet", "volume-plugins"),
			"--service-account-private-key-file=" + l.path("pki", "service-accounts.key"),
			"--root-ca-file=" + l.path("pki", "ca.crt")}},
		{name: "kube-scheduler", args: []string{
			"--kubeconfig=" + l.kubeconfig("kube-scheduler"), "--leader-elect=false", "--secure-port=0"}},
		{name: "kubelet", args: []string{
			"--config=" + l.path("kubelet.json"), "--kubeconfig=" + l.kubeconfig("kubelet"),
			"--root-dir=" + l.path("kubelet"), "--cert-dir=" + l.path("kubelet", "pki"),
			"--hostname-override=" + nodeName, "--node-ip=" + s.Gateway}},
	}
}

func apiServerArgs(l layout, s settings, etcd string) []string {
	key := l.path("pki", "service-accounts.key")
	return []string{
		"--bind-address=127.0.0.1", "--secure-port=" + strconv.Itoa(s.APIPort), "--advertise-address=" + s.Gateway,
		"--endpoint-reconciler-type=none", // no pod can reach 127.0.0.1, so no pod is told to
		"--etcd-servers=http://" + etcd,
		"--tls-cert-file=" + l.path("pki", "apiserver.crt"), "--tls-private-key-file=" + l.path("pki", "apiserver.key"),
		"--token-auth-file=" + l.path("pki", "tokens.csv"), "--authorization-mode=Node,RBAC",
		"--service-account-issuer=https://kubernetes.default.svc",
		"--service-account-key-file=" + key, "--service-account-signing-key-file=" + key,
		"--service-cluster-ip-range=" + s.Services, "--allow-privileged=true",
		"--kubelet-client-certificate=" + l.path("pki", "apiserver-kubelet.crt"),
		"--kubelet-client-key=" + l.path("pki", "apiserver-kubelet.key"),
		"--kubelet-preferred-address-types=InternalIP", // the node's name resolves nowhere
	}
}

// writeConfigs writes what the parts read. It does so at each start: a newer program may want it otherwise.
func writeConfigs(l layout, s settings) error {
	for path, content := range map[string]any{
		l.path("kubelet.json"):                  kubeletConfig(l, s),
		l.path("cni", "conf", "alien.conflist"): networkConfig(l, s),
	} {
		text, err := json.MarshalIndent(content, "", "  ")
		if err != nil {
			return err
		}
		if err := os.WriteFile(path, text, 0o600); err != nil {
			return err
		}
	}
	return os.WriteFile(l.path("containerd", "config.toml"), []byte(containerdConfig(l)), 0o600)
}

type object = map[string]any

func kubeletConfig(l layout, s settings) object {
	return object{
		"apiVersion": "kubelet.config.k8s.io/v1beta1", "kind": "KubeletConfiguration",
		"address": s.Gateway, "port": s.KubeletPort, "healthzPort": 0,
		"containerRuntimeEndpoint": "unix://" + l.containerd(),
		"podLogsDir":               l.path("pods"), "volumePluginDir": l.path("kubelet", "volume-plugins"),
		"authentication": object{
			"anonymous": object{"enabled": false}, "webhook": object{"enabled": false},
			"x509": object{"clientCAFile": l.path("pki", "ca.crt")},
		},
		"authorization": object{"mode": "AlwaysAllow"},
		"cgroupDriver":  "cgroupfs", "cgroupRoot": "/" + l.cgroup(), "failCgroupV1": false, "failSwapOn": false,
		"makeIPTablesUtilChains":        false, // the machine's own firewall and Docker's stay as they are
		"localStorageCapacityIsolation": false,
		"imageGCHighThresholdPercent":   100, // imported images cannot be pulled again
		"evictionHard":                  object{"memory.available": "32Mi", "nodefs.available": "1%", "imagefs.available": "1%"},
		"clusterDNS":                    []string{s.Gateway}, // nothing answers there; without one each pod gets a warning
		"clusterDomain":                 "cluster.local",
		"maxPods":                       1000, "registryPullQPS": 0, "eventRecordQPS": 0,
		"serializeImagePulls": false,
	}
}

func networkConfig(l layout, s settings) object {
	return object{
		"cniVersion": "0.4.0", "name": l.network(),
		"plugins": []object{{
			"type": "bridge", "bridge": l.bridge(), "isGateway": true, "ipMasq": false,
			"ipam": object{
				"type": "host-local", "dataDir": l.path("cni", "addresses"),
				"ranges": [][]object{{{"subnet": s.Subnet, "gateway": s.Gateway}}},
				"routes": []object{{"dst": "0.0.0.0/0"}},
			},
		}},
	}
}

// containerdConfig restricts the OOM score because the sandbox fails without CAP_SYS_RESOURCE otherwise.
func containerdConfig(l layout) string {
	const cri = `plugins."io.containerd.grpc.v1.cri"`
	return fmt.Sprintf(`version = 2
root = %q
state = %q
[grpc]
address = %q
[%s]
sandbox_image = %q
restrict_oom_score_adj = true
stream_server_address = "127.0.0.1"
stream_server_port = "0"
[%s.cni]
bin_dir = %q
conf_dir = %q
[%s.containerd.runtimes.runc]
runtime_type = "io.containerd.runc.v2"
[plugins."io.containerd.internal.v1.opt"]
path = %q
`, l.path("containerd", "root"), l.path("containerd", "run"), l.containerd(), cri, pauseImage,
		cri, plugins, l.path("cni", "conf"), cri, l.path("containerd", "opt"))
}
