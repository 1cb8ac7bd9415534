package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"syscall"
)

// layout says where things are below the state directory, and how that which cannot be below it is called.
type layout struct{ dir string }

// The containerd socket below the state directory must fit into the 107 bytes of a Unix socket's address.
const longestState = 70

func defaultState() string {
	if state := os.Getenv("XDG_STATE_HOME"); filepath.IsAbs(state) {
		return filepath.Join(state, "alien-test-cluster")
	}
	return filepath.Join(os.TempDir(), "alien-test-cluster")
}

func (l *layout) check() error {
	dir, err := filepath.Abs(l.dir)
	if err != nil {
		return err
	}
	if len(dir) > longestState {
		return fmt.Errorf("the state directory %s is too long for the sockets in it: at most %d bytes", dir, longestState)
	}
	if dir == "/" {
		return errors.New("the state directory cannot be /: down removes it")
	}
	l.dir = dir
	return nil
}

func (l layout) path(parts ...string) string {
	return filepath.Join(append([]string{l.dir}, parts...)...)
}

func (l layout) settings() string              { return l.path("cluster.json") }
func (l layout) lock() string                  { return l.path("keeper.lock") }
func (l layout) control() string               { return l.path("control.sock") }
func (l layout) containerd() string            { return l.path("containerd", "containerd.sock") }
func (l layout) log(part string) string        { return l.path("logs", part+".log") }
func (l layout) kubeconfig(user string) string { return l.path("kubeconfig", user) }

// id tells this cluster's bridge, network and control group from those of clusters in other state directories.
func (l layout) id() string {
	sum := sha256.Sum256([]byte(l.dir))
	return hex.EncodeToString(sum[:])[:6]
}

func (l layout) bridge() string  { return "alien" + l.id() }
func (l layout) network() string { return "alien-test-" + l.id() }
func (l layout) cgroup() string  { return "alien-test-cluster-" + l.id() }

// settings are chosen once per cluster and kept where they can be, so that a kubeconfig stays good when the cluster is
// started again.
type settings struct {
	APIPort, EtcdPort, PeerPort, RegistryPort, KubeletPort int
	Subnet, Gateway, Services                              string
}

// loadSettings reads the cluster's settings, and makes them where there are none. A port that somebody else listens on by
// now is replaced.
func loadSettings(l layout) (settings, error) {
	var s settings
	before, err := os.ReadFile(l.settings())
	if err == nil {
		err = json.Unmarshal(before, &s)
	} else {
		s.Subnet, s.Gateway, s.Services, err = freeSubnet(l.id())
	}
	if err == nil {
		err = freePorts(&s.APIPort, &s.EtcdPort, &s.PeerPort, &s.RegistryPort, &s.KubeletPort)
	}
	if err != nil {
		return s, err
	}
	content, err := json.MarshalIndent(s, "", "  ")
	if err != nil || bytes.Equal(before, content) {
		return s, err
	}
	return s, os.WriteFile(l.settings(), content, 0o600)
}

// freePorts replaces the ports that something listens on, and 0, by others. All are held until the last is found, so that no
// two are the same.
func freePorts(ports ...*int) error {
	for _, port := range ports {
		listener, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", *port))
		if errors.Is(err, syscall.EADDRINUSE) {
			listener, err = net.Listen("tcp", "127.0.0.1:0")
		}
		if err != nil {
			return fmt.Errorf("cannot find a free port: %w", err)
		}
		defer listener.Close()
		*port = listener.Addr().(*net.TCPAddr).Port
	}
	return nil
}

// freeSubnet gives a network for pods, and one for services, that no interface of this machine is in.
func freeSubnet(id string) (subnet, gateway, services string, err error) {
	addresses, err := net.InterfaceAddrs()
	if err != nil {
		return "", "", "", fmt.Errorf("cannot list this machine's addresses: %w", err)
	}
	first, err := hex.DecodeString(id[:2])
	if err != nil {
		return "", "", "", err
	}
	for i := range 64 {
		second := 128 + 2*((int(first[0])+i)%64)
		_, both, err := net.ParseCIDR(fmt.Sprintf("10.%d.0.0/15", second))
		if err != nil {
			return "", "", "", err
		}
		if !anyWithin(addresses, both) {
			return fmt.Sprintf("10.%d.0.0/16", second), fmt.Sprintf("10.%d.0.1", second), fmt.Sprintf("10.%d.0.0/16", second+1), nil
		}
	}
	return "", "", "", errors.New("cannot find a network for pods: 10.128.0.0/9 is in use")
}

func anyWithin(addresses []net.Addr, network *net.IPNet) bool {
	for _, a := range addresses {
		if n, ok := a.(*net.IPNet); ok && (network.Contains(n.IP) || n.Contains(network.IP)) {
			return true
		}
	}
	return false
}
