package engine

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/docker/cli/cli/context/docker"
	"github.com/docker/cli/cli/context/store"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/client"

	"github.com/alienplatform/alien-go/internal/deploy"
	"github.com/alienplatform/alien-go/internal/testbed"
)

// environment gives exactly these variables. Without its own configuration it gets an empty one: whoever runs the test
// may have a Docker context in use.
func environment(t *testing.T, vars map[string]string) func(string) (string, bool) {
	t.Helper()
	if vars["DOCKER_CONFIG"] == "" {
		vars["DOCKER_CONFIG"] = t.TempDir()
	}
	return func(name string) (string, bool) { v, ok := vars[name]; return v, ok }
}

// configuration is a Docker configuration with that config.json and contexts of those names and hosts.
func configuration(t *testing.T, config string, contexts map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	must(t, os.WriteFile(filepath.Join(dir, "config.json"), []byte(config), 0o600))
	for name, host := range contexts {
		must(t, contextStore(dir).CreateOrUpdate(store.Metadata{
			Name: name, Endpoints: map[string]any{docker.DockerEndpoint: docker.EndpointMeta{Host: host}},
		}))
	}
	return dir
}

func contextStore(dir string) *store.ContextStore {
	return store.New(filepath.Join(dir, "contexts"), store.NewConfig(func() any { return &map[string]any{} },
		store.EndpointTypeGetter(docker.DockerEndpoint, func() any { return &docker.EndpointMeta{} })))
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestConnectFindsTheEngineThatDockerWould(t *testing.T) {
	config := configuration(t, `{"currentContext":"stored"}`, map[string]string{
		"stored": "tcp://stored:2375", "other": "unix:///other.sock", "far": "ssh://ann@far",
	})
	tests := map[string]struct {
		host, context string
		env           map[string]string
		place         string
	}{
		"nothing":                       {place: "docker (" + client.DefaultDockerHost + ")"},
		"option":                        {host: "unix:///a.sock", env: map[string]string{"DOCKER_HOST": "unix:///b.sock", "DOCKER_CONFIG": config}, place: "docker (unix:///a.sock)"},
		"context option beats host":     {context: "other", env: map[string]string{"DOCKER_HOST": "unix:///b.sock", "DOCKER_CONFIG": config}, place: "docker context other (unix:///other.sock)"},
		"DOCKER_HOST beats contexts":    {env: map[string]string{"DOCKER_HOST": "unix:///b.sock", "DOCKER_CONTEXT": "other", "DOCKER_CONFIG": config}, place: "docker (unix:///b.sock)"},
		"DOCKER_CONTEXT beats stored":   {env: map[string]string{"DOCKER_CONTEXT": "other", "DOCKER_CONFIG": config}, place: "docker context other (unix:///other.sock)"},
		"stored context":                {env: map[string]string{"DOCKER_CONFIG": config}, place: "docker context stored (tcp://stored:2375)"},
		"default context is no context": {context: "default", env: map[string]string{"DOCKER_CONFIG": config}, place: "docker (" + client.DefaultDockerHost + ")"},
		"context over ssh":              {context: "far", env: map[string]string{"DOCKER_CONFIG": config}, place: "docker context far (ssh://ann@far)"},
		"ssh":                           {env: map[string]string{"DOCKER_HOST": "ssh://ann@far:2222"}, place: "docker (ssh://ann@far:2222)"},
		"address, broken configuration": {env: map[string]string{"DOCKER_HOST": "unix:///b.sock", "DOCKER_CONFIG": configuration(t, "{", nil)}, place: "docker (unix:///b.sock)"},
		"no port":                       {env: map[string]string{"DOCKER_HOST": "tcp://far"}, place: "docker (tcp://far:2375)"},
		"no scheme":                     {env: map[string]string{"DOCKER_HOST": "far:99"}, place: "docker (tcp://far:99)"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if test.env == nil {
				test.env = map[string]string{}
			}
			c, place, err := Connect(t.Context(), Options{Host: test.host, Context: test.context, LookupEnv: environment(t, test.env)})
			must(t, err)
			if place != test.place {
				t.Errorf("place is %q, want %q", place, test.place)
			}
			must(t, c.Close())
		})
	}
}

func TestConnectRefuses(t *testing.T) {
	broken := configuration(t, `{`, nil)
	empty := t.TempDir()
	tests := map[string]struct {
		options Options
		env     map[string]string
		says    string
	}{
		"unknown context":        {Options{Context: "nowhere"}, nil, `no Docker context "nowhere"`},
		"unknown DOCKER_CONTEXT": {Options{}, map[string]string{"DOCKER_CONTEXT": "nowhere"}, `no Docker context "nowhere"`},
		"unknown stored context": {Options{}, map[string]string{"DOCKER_CONFIG": configuration(t, `{"currentContext":"gone"}`, nil)}, `no Docker context "gone"`},
		"both":                   {Options{Host: "unix:///a", Context: "b"}, nil, "give only one"},
		"broken configuration":   {Options{}, map[string]string{"DOCKER_CONFIG": broken}, "cannot read the Docker configuration"},
		"no address":             {Options{Host: "ftp://far"}, nil, `"ftp://far" is no address of a Docker engine`},
		"password in ssh":        {Options{Host: "ssh://ann:s3cret@far"}, nil, "ssh://ann:***@far"},
		"password, bad address":  {Options{Host: "tcp://ann:s3 cret@far"}, nil, "tcp://ann:***@far"},
		"no certificates":        {Options{Host: "tcp://far:2376"}, map[string]string{"DOCKER_TLS_VERIFY": "1", "DOCKER_CERT_PATH": empty}, "ca.pem"},
		"old API asked for":      {Options{}, map[string]string{"DOCKER_API_VERSION": "1.40"}, "at least 1.41"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if test.env == nil {
				test.env = map[string]string{}
			}
			test.options.LookupEnv = environment(t, test.env)
			_, _, err := Connect(t.Context(), test.options)
			text := verdict(t, err, deploy.Unavailable)
			if !strings.Contains(text, test.says) || strings.Contains(text, "cret@") {
				t.Errorf("%q does not say %q", text, test.says)
			}
		})
	}
}

func verdict(t *testing.T, err error, reason deploy.Reason) string {
	t.Helper()
	var p *deploy.Problem
	if !errors.As(err, &p) || p.Reason != reason {
		t.Fatalf("got %v; want a problem %s", err, reason)
	}
	return p.Error() + "; " + p.Hint
}

func TestNegotiateWithTheEngine(t *testing.T) {
	testbed.Engine(t)
	c, _, err := Connect(t.Context(), Options{})
	must(t, err)
	defer c.Close()
	must(t, Negotiate(t.Context(), c))
	v, err := c.ServerVersion(t.Context())
	must(t, err)
	if got := c.ClientVersion(); got != v.APIVersion && got == "" {
		t.Errorf("speaks API %s, the engine %s", got, v.APIVersion)
	}
}

func TestConnectHonoursTheAPIVersion(t *testing.T) {
	c, _, err := Connect(t.Context(), Options{Host: "unix:///a.sock", LookupEnv: environment(t, map[string]string{"DOCKER_API_VERSION": "1.42"})})
	must(t, err)
	if got := c.ClientVersion(); got != "1.42" {
		t.Errorf("speaks %s", got)
	}
}

func TestConnectSendsNothing(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	defer listener.Close()
	called := make(chan struct{})
	go func() {
		if conn, err := listener.Accept(); err == nil {
			_ = conn.Close()
			close(called)
		}
	}()
	c, _, err := Connect(t.Context(), Options{Host: "tcp://" + listener.Addr().String(), LookupEnv: environment(t, map[string]string{})})
	must(t, err)
	select {
	case <-called:
		t.Error("Connect made a connection")
	default:
	}
	_, err = c.Ping(t.Context()) // the listener does notice
	verdict(t, Problem(err), deploy.EngineUnreachable)
	<-called
}

func TestNegotiateRefusesAnOldEngine(t *testing.T) {
	host := fakeEngine(t, func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Api-Version", "1.40") })
	c, _, err := Connect(t.Context(), Options{Host: host, LookupEnv: environment(t, map[string]string{})})
	must(t, err)
	if text := verdict(t, Negotiate(t.Context(), c), deploy.Unavailable); !strings.Contains(text, "API 1.40") || !strings.Contains(text, host) {
		t.Error(text)
	}
}

func fakeEngine(t *testing.T, serve http.HandlerFunc) (host string) {
	t.Helper()
	s := httptest.NewServer(serve)
	t.Cleanup(s.Close)
	return "tcp://" + s.Listener.Addr().String()
}

// ask connects to host and gives what Problem makes of the first request.
func ask(t *testing.T, host string, env map[string]string) error {
	t.Helper()
	c, _, err := Connect(t.Context(), Options{Host: host, LookupEnv: environment(t, env)})
	must(t, err)
	defer c.Close()
	_, err = c.Info(t.Context())
	return Problem(err)
}

func TestProblemNamesTheAddress(t *testing.T) {
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	must(t, closed.Close())
	socket := filepath.Join(t.TempDir(), "none.sock")
	deaf := filepath.Join(t.TempDir(), "deaf.sock")
	must(t, os.WriteFile(deaf, nil, 0o600))
	for _, host := range []string{"unix://" + socket, "unix://" + deaf, "tcp://" + closed.Addr().String()} {
		text := verdict(t, ask(t, host, map[string]string{}), deploy.EngineUnreachable)
		if !strings.Contains(text, host) || !strings.Contains(text, "DOCKER_HOST") {
			t.Errorf("%q neither names %s nor says what to do", text, host)
		}
	}
}

func TestProblemOfASocketThatIsNotOurs(t *testing.T) {
	refused := &net.OpError{Op: "dial", Net: "unix", Err: os.NewSyscallError("connect", syscall.EACCES)}
	c, err := client.NewClientWithOpts(client.WithHTTPClient(&http.Client{Transport: failing{refused}}))
	must(t, err)
	_, err = c.Info(t.Context())
	if text := verdict(t, Problem(err), deploy.EngineDenied); !strings.Contains(text, "docker group") || !strings.Contains(text, " at "+client.DefaultDockerHost) {
		t.Error(text)
	}
}

type failing struct{ err error }

func (f failing) RoundTrip(*http.Request) (*http.Response, error) { return nil, f.err }

func TestProblemOverSSH(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("ssh is a shell script here")
	}
	bin := t.TempDir()
	t.Setenv("PATH", bin+string(os.PathListSeparator)+os.Getenv("PATH"))
	tests := map[string]struct {
		script string
		reason deploy.Reason
		says   string
	}{
		"refused": {"echo 'ssh: connect to host far port 22: Connection refused' >&2; exit 255", deploy.EngineUnreachable, "over ssh"},
		"denied":  {"echo 'ann@far: Permission denied (publickey).' >&2; exit 255", deploy.EngineDenied, "ssh logs in"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			must(t, os.WriteFile(filepath.Join(bin, "ssh"), []byte("#!/bin/sh\nread -r request\n"+test.script+"\n"), 0o700))
			text := verdict(t, ask(t, "ssh://ann@far", map[string]string{}), test.reason)
			if !strings.Contains(text, test.says) {
				t.Errorf("%q does not say %q", text, test.says)
			}
		})
	}
}

func TestProblemLeavesOtherErrorsAlone(t *testing.T) {
	host := fakeEngine(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusForbidden)
		_, _ = w.Write([]byte(`{"message":"permission denied by a plugin"}`))
	})
	err := ask(t, host, map[string]string{})
	if p := (*deploy.Problem)(nil); err == nil || errors.As(err, &p) {
		t.Errorf("an answer of the engine became %v", err)
	}
	for _, same := range []error{nil, context.Canceled, context.DeadlineExceeded} {
		if got := Problem(same); got != same { //nolint:errorlint // identity is meant
			t.Errorf("%v became %v", same, got)
		}
	}
}

func TestProblemOfAnAPIVersionTheEngineHasNot(t *testing.T) {
	host := fakeEngine(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusBadRequest)
		_, _ = w.Write([]byte(`{"message":"client version 1.51 is too new. Maximum supported API version is 1.41"}`))
	})
	text := verdict(t, ask(t, host, map[string]string{"DOCKER_API_VERSION": "1.51"}), deploy.Unavailable)
	if !strings.Contains(text, "unset DOCKER_API_VERSION") {
		t.Error(text)
	}
}

func TestConnectWithTLS(t *testing.T) {
	certs, server := certificatesFor(t, "127.0.0.1")
	other, _ := certificatesFor(t, "127.0.0.1")
	engine := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Api-Version", "1.41")
	}))
	engine.TLS = server
	engine.Config.ErrorLog = log.New(io.Discard, "", 0)
	engine.StartTLS()
	t.Cleanup(engine.Close)
	host := "tcp://" + engine.Listener.Addr().String()
	plain := fakeEngine(t, func(http.ResponseWriter, *http.Request) {})

	negotiate := func(o Options, env map[string]string) error {
		t.Helper()
		o.LookupEnv = environment(t, env)
		c, _, err := Connect(t.Context(), o)
		must(t, err)
		defer c.Close()
		return Negotiate(t.Context(), c)
	}
	must(t, negotiate(Options{Host: host}, map[string]string{"DOCKER_TLS_VERIFY": "1", "DOCKER_CERT_PATH": certs}))
	must(t, negotiate(Options{Host: host}, map[string]string{"DOCKER_TLS": "1", "DOCKER_CERT_PATH": certs}))
	must(t, negotiate(Options{Context: "secure"}, map[string]string{"DOCKER_CONFIG": storedTLS(t, "secure", host, certs)}))

	err := negotiate(Options{Host: host}, map[string]string{"DOCKER_TLS_VERIFY": "1", "DOCKER_CERT_PATH": other})
	if text := verdict(t, err, deploy.EngineUnreachable); !strings.Contains(text, "ca.pem") || !strings.Contains(text, engine.Listener.Addr().String()) {
		t.Error(text)
	}
	onlyCA := t.TempDir()
	must(t, os.Rename(copyOf(t, filepath.Join(certs, "ca.pem")), filepath.Join(onlyCA, "ca.pem")))
	err = negotiate(Options{Host: host}, map[string]string{"DOCKER_TLS_VERIFY": "1", "DOCKER_CERT_PATH": onlyCA})
	verdict(t, err, deploy.EngineDenied)
	for h, env := range map[string]map[string]string{host: {}, plain: {"DOCKER_TLS_VERIFY": "1", "DOCKER_CERT_PATH": certs}} {
		text := verdict(t, negotiate(Options{Host: h}, env), deploy.EngineUnreachable)
		if !strings.Contains(text, "DOCKER_TLS_VERIFY") || !strings.Contains(text, strings.TrimPrefix(h, "tcp://")) {
			t.Error(text)
		}
	}
}

func copyOf(t *testing.T, path string) string {
	t.Helper()
	content, err := os.ReadFile(path)
	must(t, err)
	to := filepath.Join(t.TempDir(), "copy")
	must(t, os.WriteFile(to, content, 0o600))
	return to
}

// storedTLS stores a context with its certificates.
func storedTLS(t *testing.T, name, host, certs string) string {
	t.Helper()
	dir := configuration(t, "{}", map[string]string{name: host})
	files := map[string][]byte{}
	for _, file := range []string{"ca.pem", "cert.pem", "key.pem"} {
		content, err := os.ReadFile(filepath.Join(certs, file))
		must(t, err)
		files[file] = content
	}
	must(t, contextStore(dir).ResetEndpointTLSMaterial(name, docker.DockerEndpoint, &store.EndpointTLSData{Files: files}))
	return dir
}

// certificatesFor makes an authority and one certificate, used by both sides: the directory for the client, and the
// configuration of a server that insists on it.
func certificatesFor(t *testing.T, ip string) (dir string, server *tls.Config) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: "engine"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, IPAddresses: []net.IP{net.ParseIP(ip)},
		KeyUsage:    x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	must(t, err)
	cert := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	keyDER, err := x509.MarshalECPrivateKey(key)
	must(t, err)
	keyPEM := pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: keyDER})
	dir = t.TempDir()
	for name, content := range map[string][]byte{"ca.pem": cert, "cert.pem": cert, "key.pem": keyPEM} {
		must(t, os.WriteFile(filepath.Join(dir, name), content, 0o600))
	}
	pair, err := tls.X509KeyPair(cert, keyPEM)
	must(t, err)
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(cert)
	return dir, &tls.Config{Certificates: []tls.Certificate{pair}, ClientCAs: pool, ClientAuth: tls.RequireAndVerifyClientCert}
}

// TestCutOff: a call that we end ourselves says nothing of the engine, whatever the reason.
func TestCutOff(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	silent := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		cancel(deploy.Interrupt{Signal: syscall.SIGTERM})
		<-r.Context().Done()
	}))
	defer silent.Close()
	api, err := client.NewClientWithOpts(client.WithHost("tcp://"+silent.Listener.Addr().String()), client.WithVersion("1.41"))
	must(t, err)
	defer api.Close()
	err = api.ContainerStart(ctx, "id", container.StartOptions{})
	if got := Problem(err); !errors.As(got, new(deploy.Interrupt)) || errors.As(got, new(*deploy.Problem)) {
		t.Errorf("of %v it makes %v", err, got)
	}
}
