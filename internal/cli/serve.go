package cli

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"os"
	"runtime/debug"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/alienplatform/alien-go/internal/cli/output"
	"github.com/alienplatform/alien-go/internal/cli/ui"
	server "github.com/alienplatform/alien-go/internal/commands/manager"
	"github.com/alienplatform/alien-go/internal/commands/store"
	"github.com/alienplatform/alien-go/internal/commands/store/sqlite"
)

// serveGC is how much garbage a manager lets come together, in percent of what lives: twice Go's usual share. It lives on short
// messages, and collecting them is a good part of what a command costs.
const serveGC = 200

type serveOptions struct {
	listen             []string
	baseURL, cert, key string
	state, logLevel    string
	retention, drain   time.Duration
	rate               float64
}

func newServeCmd(d *deps, c *common) *cobra.Command {
	o := &serveOptions{}
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Run the manager that takes commands and hands them to daemons",
		Long: "Runs the manager of the commands protocol: senders create commands, daemons with commandsEnabled fetch and answer them. " +
			"Everything is kept in one directory, which one manager at a time may use. The first start makes an admin key, prints it, and " +
			"leaves it in that directory for commands on this machine; the manager itself keeps only a hash of it. SIGINT and SIGTERM end " +
			"it in good order.",
		Example: "  alien serve\n  alien serve --listen 127.0.0.1:8080 --listen 172.17.0.1:8080\n  alien serve --listen :8443 --tls-cert m.crt --tls-key m.key --base-url https://m.example:8443",
		Args:    noArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return d.serve(cmd.Context(), c, o) },
	}
	f := cmd.Flags()
	f.StringSliceVar(&o.listen, "listen", []string{"127.0.0.1:8080"}, "`address` to listen on, HOST:PORT; can be given more than once")
	f.StringVar(&o.baseURL, "base-url", "", "`URL` at which others reach the manager (default: the address that each request came to)")
	f.StringVar(&o.cert, "tls-cert", "", "`path` of a certificate, with its chain, in PEM: serves HTTPS")
	f.StringVar(&o.key, "tls-key", "", "`path` of the certificate's key in PEM")
	f.StringVar(&o.state, "state", "", "`directory` that holds everything (default: $XDG_STATE_HOME/alien/manager)")
	f.DurationVar(&o.retention, "retention", 24*time.Hour, "how `long` finished commands are kept")
	f.DurationVar(&o.drain, "drain-timeout", 10*time.Second, "how `long` requests may take to finish at the end")
	f.Float64Var(&o.rate, "rate-limit", 2000, "`requests` per second and token; negative for any number")
	enum(cmd, f, &o.logLevel, "log-level", "", "info", "least `level` of what is logged to standard error", "debug", "info", "warn", "error")
	completeFlag(cmd, "tls-cert", completeFiles("pem", "crt"))
	completeFlag(cmd, "tls-key", completeFiles("pem", "key"))
	return cmd
}

// check refuses what cannot be served; it gives the TLS configuration, if there is one.
func (o *serveOptions) check() (*tls.Config, error) {
	if o.baseURL != "" {
		u, err := url.Parse(o.baseURL)
		if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" || u.RawQuery != "" || u.Fragment != "" {
			return nil, usagef("write it like https://manager.example", "--base-url: %q is not an http or https URL without a query", o.baseURL)
		}
	}
	switch {
	case len(o.listen) == 0:
		return nil, usagef("", "--listen: an address is needed")
	case o.retention <= 0 || o.drain < 0:
		return nil, usagef("", "--retention and --drain-timeout are not negative, and --retention is not 0")
	case o.rate == 0:
		return nil, usagef("pass a negative number for no limit", "--rate-limit: 0 would let no request through")
	case (o.cert == "") != (o.key == ""):
		return nil, usagef("", "--tls-cert and --tls-key go together")
	case o.cert == "":
		return nil, nil
	}
	pair, err := tls.LoadX509KeyPair(o.cert, o.key)
	if err != nil {
		return nil, usagef("", "cannot use the certificate: %v", err)
	}
	return &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12}, nil
}

func (d *deps) serve(ctx context.Context, c *common, o *serveOptions) (err error) {
	config, err := o.check()
	if err != nil {
		return err
	}
	dir, err := d.managerDir(o.state)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(string(dir), 0o700); err != nil {
		return unavailable(fmt.Sprintf("cannot make the state directory: %v", err), "pass --state with a directory that this user may write to")
	}
	if _, set := d.env("GOGC"); !set {
		debug.SetGCPercent(serveGC)
	}
	s, err := openManagerStore(dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	m, doc, err := d.newManager(ctx, c, o, dir, s)
	if err != nil {
		return err
	}
	listeners, err := listenAll(ctx, o.listen)
	if err != nil {
		return err
	}
	defer closeAll(listeners)
	running := describeManager(o.baseURL, listeners, config != nil)
	if err := dir.announce(running); err != nil {
		return fmt.Errorf("cannot write who serves: %w", err)
	}
	defer func() { err = errors.Join(err, dir.withdraw()) }()
	doc.BaseURL = running.BaseURL
	for _, l := range running.Listeners {
		doc.Listeners = append(doc.Listeners, l.URL)
	}
	if err := d.print(c, doc, func(ui.Theme) string { return servingText(doc) }); err != nil {
		return err
	}
	d.warnOfPlainText(c, listeners, config)
	return m.Serve(ctx, listeners, config, o.drain)
}

func openManagerStore(dir managerDir) (store.Store, error) {
	s, err := sqlite.Open(dir.database())
	switch {
	case errors.Is(err, sqlite.ErrInUse):
		return nil, unavailable(fmt.Sprintf("another manager uses %s%s", dir, dir.who()), "end it first, or pass --state with another directory")
	case err != nil:
		return nil, fmt.Errorf("cannot open the manager's store: %w", err)
	}
	return s, nil
}

// newManager makes the manager, and at the first start the admin key.
func (d *deps) newManager(ctx context.Context, c *common, o *serveOptions, dir managerDir, s store.Store) (*server.Manager, output.Serving, error) {
	doc := output.Serving{Head: output.NewHead(output.KindServing), State: string(dir), Listeners: []string{}}
	key, err := dir.signingKey()
	if err != nil {
		return nil, doc, fmt.Errorf("cannot keep the signing key: %w", err)
	}
	doc.AdminKey, err = server.FirstAdmin(ctx, s, d.now(), func(secret string) error { return dir.write(dir.adminKey(), []byte(secret+"\n")) })
	if err != nil {
		return nil, doc, fmt.Errorf("cannot make the admin key: %w", err)
	}
	files, err := store.OpenFiles(dir.blobs())
	if err != nil {
		return nil, doc, fmt.Errorf("cannot open the directory of large bodies: %w", err)
	}
	m, err := server.New(server.Options{
		Store: s, Blobs: files, SigningKey: key, BaseURL: o.baseURL, Log: d.logger(c, o.logLevel),
		Limits: server.Limits{Rate: o.rate, Retention: o.retention},
	})
	return m, doc, err
}

// logger writes to standard error: lines for people, or JSON where the result is for programs.
func (d *deps) logger(c *common, level string) *slog.Logger {
	var l slog.Level
	if err := l.UnmarshalText([]byte(level)); err != nil {
		panic(err) // the flag takes nothing else
	}
	options := &slog.HandlerOptions{Level: l}
	if c.format() == output.JSON {
		return slog.New(slog.NewJSONHandler(d.streams.Err, options))
	}
	return slog.New(slog.NewTextHandler(d.streams.Err, options))
}

func listenAll(ctx context.Context, addresses []string) ([]net.Listener, error) {
	var all []net.Listener
	for _, address := range addresses {
		l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", address)
		if err != nil {
			closeAll(all)
			return nil, unavailable(fmt.Sprintf("cannot listen on %s: %v", address, err), "pass --listen HOST:PORT with a free address of this machine")
		}
		all = append(all, l)
	}
	return all, nil
}

func closeAll(listeners []net.Listener) {
	for _, l := range listeners {
		_ = l.Close() // the server has closed those that it served
	}
}

func describeManager(baseURL string, listeners []net.Listener, secure bool) managerFile {
	scheme := "http://"
	if secure {
		scheme = "https://"
	}
	f := managerFile{Owner: thisProcess(), BaseURL: strings.TrimRight(baseURL, "/")}
	for _, l := range listeners {
		address := l.Addr().String()
		f.Listeners = append(f.Listeners, managerListener{Address: address, URL: scheme + reachable(address)})
	}
	if f.BaseURL == "" {
		f.BaseURL = f.Listeners[0].URL
	}
	return f
}

// reachable is an address that can be dialled on this machine: one that stands for all becomes the loopback's.
func reachable(address string) string {
	host, port, err := net.SplitHostPort(address)
	if ip := net.ParseIP(host); err == nil && ip != nil && ip.IsUnspecified() {
		return net.JoinHostPort("127.0.0.1", port)
	}
	return address
}

func servingText(doc output.Serving) string {
	var b strings.Builder
	for _, u := range doc.Listeners {
		fmt.Fprintf(&b, "listening on %s\n", u)
	}
	if doc.AdminKey != "" {
		fmt.Fprintf(&b, "admin key: %s\nIt is not shown again. For commands on this machine it is kept in %s.\n", doc.AdminKey, managerDir(doc.State).adminKey())
	}
	return b.String()
}

// warnOfPlainText tells where tokens would go over a network unencrypted.
func (d *deps) warnOfPlainText(c *common, listeners []net.Listener, config *tls.Config) {
	if config != nil {
		return
	}
	for _, l := range listeners {
		if tcp, ok := l.Addr().(*net.TCPAddr); ok && !tcp.IP.IsLoopback() {
			d.tell(c, fmt.Sprintf("%s is not encrypted: keep it within this machine, put a proxy with TLS before it, or pass --tls-cert", l.Addr()))
		}
	}
}
