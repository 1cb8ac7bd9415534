package main

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"

	"github.com/vishvananda/netlink"
)

const controlGroups = "/sys/fs/cgroup"

// hierarchies lists the control group trees of this machine: one in version 2, one per controller in version 1.
func hierarchies() ([]string, error) {
	if _, err := os.Stat(filepath.Join(controlGroups, "cgroup.controllers")); err == nil {
		return []string{controlGroups}, nil
	}
	entries, err := os.ReadDir(controlGroups)
	if err != nil {
		return nil, fmt.Errorf("cannot list the control groups: %w", err)
	}
	var trees []string
	for _, e := range entries {
		if e.IsDir() { // a link is a second name
			trees = append(trees, filepath.Join(controlGroups, e.Name()))
		}
	}
	return trees, nil
}

// makeControlGroup makes the group under which all pods are: the kubelet wants to find it.
func makeControlGroup(l layout, _ settings) error {
	trees, err := hierarchies()
	if err != nil {
		return err
	}
	for _, tree := range trees {
		group := filepath.Join(tree, l.cgroup())
		if err := os.Mkdir(group, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
			return fmt.Errorf("cannot make control group %s: %w", group, err)
		}
		for _, inherited := range []string{"cpuset.cpus", "cpuset.mems"} { // empty in a new group of version 1
			if err := inherit(tree, group, inherited); err != nil {
				return err
			}
		}
	}
	return nil
}

func inherit(parent, child, file string) error {
	content, err := os.ReadFile(filepath.Join(parent, file))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(child, file), content, 0o644)
}

// makeBridge makes the bridge that pods are on. Its address is the node's: it depends on no network that the machine
// may or may not have.
func makeBridge(l layout, s settings) error {
	bridge, err := netlink.LinkByName(l.bridge())
	if errors.As(err, &netlink.LinkNotFoundError{}) {
		attributes := netlink.NewLinkAttrs()
		attributes.Name = l.bridge()
		bridge = &netlink.Bridge{LinkAttrs: attributes}
		err = netlink.LinkAdd(bridge)
	}
	if err != nil {
		return fmt.Errorf("cannot make bridge %s: %w", l.bridge(), err)
	}
	_, subnet, err := net.ParseCIDR(s.Subnet)
	if err != nil {
		return err
	}
	subnet.IP = net.ParseIP(s.Gateway)
	if err := netlink.AddrReplace(bridge, &netlink.Addr{IPNet: subnet}); err != nil {
		return fmt.Errorf("cannot give bridge %s its address: %w", l.bridge(), err)
	}
	return netlink.LinkSetUp(bridge)
}

func removeBridge(l layout) error {
	bridge, err := netlink.LinkByName(l.bridge())
	if errors.As(err, &netlink.LinkNotFoundError{}) {
		return nil
	}
	if err != nil {
		return err
	}
	return netlink.LinkDel(bridge)
}
