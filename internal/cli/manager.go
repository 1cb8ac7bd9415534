package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/alienplatform/alien-go/internal/commands/client"
	"github.com/alienplatform/alien-go/internal/commands/wire"
	"github.com/alienplatform/alien-go/internal/manifest"
)

// The variables of a manager, beside those of its flags. A key is not a flag: it would be in the list of processes.
const (
	managerVariable = "ALIEN_MANAGER_URL"
	keyVariable     = "ALIEN_API_KEY"
)

// The codes of what goes wrong with a manager.
const (
	codeNoManager      = "MANAGER_UNKNOWN"
	codeManagerSilent  = "MANAGER_UNREACHABLE"
	codeManagerRefused = "MANAGER_REFUSED"
)

// manager is where commands come from, as far as that is known without contacting it.
type manager struct {
	base string // its address for this command, without /v1
	key  string // "" where none is known
	// listeners are the addresses that one on this machine listens at, as URLs.
	listeners []string
}

func (c *common) addManagerFlags(cmd *cobra.Command) {
	f := cmd.PersistentFlags()
	f.StringVar(&c.manager, "manager", "", "`URL` of the manager that commands come from (default: $ALIEN_MANAGER_URL, or the one that runs on this machine)")
	f.StringVar(&c.keyFile, "api-key-file", "", "`path` of a file with the manager's API key (default: $ALIEN_API_KEY, or that of the manager on this machine)")
	completeFlag(cmd, "api-key-file", completeFiles())
}

// findManager gives the manager that was named, or the one that runs on this machine; nil where there is none.
func (d *deps) findManager(c *common) (*manager, error) {
	base := c.manager
	if base == "" {
		base, _ = d.env(managerVariable)
	}
	here, err := d.managerHere()
	if err != nil {
		return nil, err
	}
	m := here
	switch {
	case base == "":
	case here != nil && here.at(base):
		m.base = base
	default:
		if u, err := url.Parse(base); err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
			return nil, usagef("write it as https://HOST[:PORT]", "the manager's address is not an http or https URL")
		}
		m = &manager{base: base}
	}
	if m == nil {
		return nil, nil
	}
	return m, d.findKey(c, m)
}

// at says whether an address is one of the manager's.
func (m *manager) at(base string) bool {
	for _, own := range append([]string{m.base}, m.listeners...) {
		if strings.TrimRight(own, "/") == strings.TrimRight(base, "/") {
			return true
		}
	}
	return false
}

// findKey takes the key that was given; that of a manager on this machine is known already.
func (d *deps) findKey(c *common, m *manager) error {
	if c.keyFile != "" {
		text, err := os.ReadFile(c.keyFile)
		if err != nil {
			return usagef("", "cannot read the API key: %v", err)
		}
		m.key = strings.TrimSpace(string(text))
		return nil
	}
	if key, _ := d.env(keyVariable); key != "" {
		m.key = key
	}
	return nil
}

// managerHere finds the manager that runs on this machine as this user; nil where none does.
func (d *deps) managerHere() (*manager, error) {
	dir, err := d.managerDir("")
	if err != nil {
		return nil, nil // without a place for its state there is no manager of this user
	}
	f, serves, err := dir.serving()
	if errors.Is(err, fs.ErrPermission) || err == nil && !serves {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("cannot look for a manager on this machine: %w", err)
	}
	m := &manager{base: f.BaseURL}
	for _, l := range f.Listeners {
		m.listeners = append(m.listeners, l.URL)
	}
	if key, err := os.ReadFile(dir.adminKey()); err == nil {
		m.key = strings.TrimSpace(string(key))
	}
	return m, nil
}

// facts are what preflight wants to know of a manager.
func (m *manager) facts() manifest.Manager {
	if m == nil {
		return manifest.Manager{}
	}
	return manifest.Manager{Known: true, HasKey: m.key != "", Loopback: m.outward() == ""}
}

// outward is an address of the manager that other machines may reach, "" where there is none.
func (m *manager) outward() string {
	for _, address := range append([]string{m.base}, m.listeners...) {
		if host := hostOf(address); !loopback(host) && !unspecified(host) {
			return address
		}
	}
	return ""
}

// api is the manager's own API.
func (m *manager) api() client.Client {
	return client.Client{Base: m.base, Key: m.key, HTTP: &http.Client{}}
}

// managerFor is the manager of a command that needs one.
func (d *deps) managerFor(c *common) (*manager, error) {
	m, err := d.findManager(c)
	switch {
	case err != nil:
		return nil, err
	case m == nil:
		return nil, &failure{exit: exitFailed, code: codeNoManager, message: "no manager is known, and none runs on this machine",
			hint: "start one with alien serve, or name one with --manager URL and ALIEN_API_KEY"}
	case m.key == "":
		return nil, &failure{exit: exitFailed, code: codeNoManager, message: "no API key is known for the manager at " + hostOf(m.base),
			hint: "set ALIEN_API_KEY, or name a file with --api-key-file"}
	}
	return m, nil
}

// managerFailure is how a request to the manager failed.
func managerFailure(err error) error {
	var refused *wire.Error
	switch {
	case err == nil:
		return nil
	case errors.As(err, &refused):
		hint := refused.Hint
		if refused.Code == wire.Unauthorized {
			hint = "the API key is not one of this manager's, or has been revoked: check ALIEN_API_KEY"
		}
		return &failure{exit: exitFailed, code: codeManagerRefused, message: fmt.Sprintf("the manager refuses: %s (%s)", refused.Message, refused.Code), hint: hint, err: err}
	}
	return &failure{exit: exitFailed, code: codeManagerSilent, message: err.Error(), hint: "is it running? alien serve starts one; --manager URL names another", err: err}
}

func hostOf(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return ""
	}
	return u.Hostname()
}

func loopback(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || strings.HasSuffix(host, ".localhost") || err == nil && ip.Unmap().IsLoopback()
}

func unspecified(host string) bool {
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.IsUnspecified()
}

// ofThisMachine says whether an address is one of this machine's.
func ofThisMachine(host string) bool {
	addresses, err := net.InterfaceAddrs()
	if err != nil {
		return false
	}
	for _, a := range addresses {
		if n, ok := a.(*net.IPNet); ok && n.IP.String() == host {
			return true
		}
	}
	return false
}
