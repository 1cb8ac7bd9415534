package receiver

import (
	"errors"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/alienplatform/alien-go/internal/commands/wire"
)

func lookupIn(env map[string]string) func(string) (string, bool) {
	return func(name string) (string, bool) { v, ok := env[name]; return v, ok }
}

func TestConfig(t *testing.T) {
	unset := func(names ...string) map[string]string {
		env := with()
		for _, n := range names {
			delete(env, n)
		}
		return env
	}
	for _, c := range []struct {
		name string
		env  map[string]string
		want string // the variable that is wrong
	}{
		{"complete", with(), ""},
		{"container", with(EnvTargetType, "container"), ""},
		{"a file", func() map[string]string { e := unset(EnvToken); e[EnvTokenFile] = "/t"; return e }(), ""},
		{"everything set", with(EnvPollInterval, "1", EnvPollMaxInterval, "1", EnvPollJitter, "1", EnvMaxLeases, "9", EnvLeaseSeconds, "1", EnvDrainTimeout, "0"), ""},
		{"nothing set", map[string]string{}, EnvURL},
		{"no URL", unset(EnvURL), EnvURL},
		{"blank URL", with(EnvURL, " "), EnvURL},
		{"no host", with(EnvURL, "http:///v1"), EnvURL},
		{"other scheme", with(EnvURL, "ftp://h/v1"), EnvURL},
		{"no scheme", with(EnvURL, "localhost:80/v1"), EnvURL},
		{"no token", unset(EnvToken, EnvDeploymentID), EnvToken},
		{"blank token beside a file", with(EnvToken, "\t", EnvTokenFile, "/t"), EnvToken},
		{"blank file beside a token", with(EnvTokenFile, ""), EnvTokenFile},
		{"no deployment", unset(EnvDeploymentID, EnvTargetID), EnvDeploymentID},
		{"no target", unset(EnvTargetID, EnvTargetType), EnvTargetID},
		{"no type", unset(EnvTargetType), EnvTargetType},
		{"worker", with(EnvTargetType, "worker"), EnvTargetType},
		{"Daemon", with(EnvTargetType, "Daemon"), EnvTargetType},
		{"interval 0", with(EnvPollInterval, "0"), EnvPollInterval},
		{"interval in words", with(EnvPollInterval, "5s"), EnvPollInterval},
		{"interval too large", with(EnvPollInterval, "9223372036854775807"), EnvPollInterval},
		{"maximum below interval", with(EnvPollInterval, "40000"), EnvPollMaxInterval},
		{"blank maximum", with(EnvPollMaxInterval, ""), EnvPollMaxInterval},
		{"jitter below 0", with(EnvPollJitter, "-0.1"), EnvPollJitter},
		{"jitter above 1", with(EnvPollJitter, "1.1"), EnvPollJitter},
		{"jitter no number", with(EnvPollJitter, "NaN"), EnvPollJitter},
		{"no leases", with(EnvMaxLeases, "0"), EnvMaxLeases},
		{"lease of 0", with(EnvLeaseSeconds, "0"), EnvLeaseSeconds},
		{"drain below 0", with(EnvDrainTimeout, "-1"), EnvDrainTimeout},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := readConfig(lookupIn(c.env))
			var own *ConfigError
			if c.want == "" && err != nil || c.want != "" && (!errors.As(err, &own) || own.Variable != c.want) {
				t.Errorf("got %v, not %q", err, c.want)
			}
			if c.want != "" && !strings.HasPrefix(err.Error(), "COMMAND_RECEIVER_CONFIG_INVALID: "+c.want) {
				t.Errorf("text: %v", err)
			}
		})
	}
}

func TestDefaults(t *testing.T) {
	c, err := readConfig(lookupIn(map[string]string{
		EnvURL: "https://h/v1", EnvToken: " t ", EnvTokenFile: "/t", EnvDeploymentID: "d", EnvTargetID: "i", EnvTargetType: "daemon",
	}))
	if err != nil {
		t.Fatal(err)
	}
	if c.interval != 5*time.Second || c.maxInterval != 30*time.Second || c.jitter != 0.1 || c.maxLeases != 1 || c.leaseSeconds != 60 || c.drain != 30*time.Second {
		t.Errorf("%+v", c)
	}
	if c.token != (token{value: " t "}) {
		t.Errorf("the token is neither trimmed nor from the file: %q", c.token)
	}
}

func TestEndpoints(t *testing.T) {
	for base, want := range map[string][2]string{
		"https://h/v1":           {"https://h/v1/commands/leases", "https://h/v1/commands/leases/a%2Fb/release"},
		"https://h/v1/":          {"https://h/v1/commands/leases", "https://h/v1/commands/leases/a%2Fb/release"},
		"https://h/p/v1?x=1":     {"https://h/p/v1/commands/leases?x=1", "https://h/p/v1/commands/leases/a%2Fb/release?x=1"},
		"http://127.0.0.1:80":    {"http://127.0.0.1:80/commands/leases", "http://127.0.0.1:80/commands/leases/a%2Fb/release"},
		"http://h/with%2Fslash#": {"http://h/with%2Fslash/commands/leases", "http://h/with%2Fslash/commands/leases/a%2Fb/release"},
	} {
		c, err := readConfig(lookupIn(with(EnvURL, base)))
		if err != nil {
			t.Fatal(err)
		}
		if got := [2]string{c.leases.String(), below(c.leases, "a/b", "release").String()}; got != want {
			t.Errorf("%s: %v, not %v", base, got, want)
		}
	}
}

func TestResolve(t *testing.T) {
	base, err := url.Parse("https://h/prefix/v1/commands/leases?x=1")
	if err != nil {
		t.Fatal(err)
	}
	for address, want := range map[string]string{
		"cmd_9/response?response_token=a&expires=1": "https://h/prefix/v1/commands/cmd_9/response?response_token=a&expires=1",
		"../blobs/b?s=1":               "https://h/prefix/v1/blobs/b?s=1",
		"/v1/x":                        "https://h/v1/x",
		"https://s3/b%2Fc?X-Sig=a%2Fb": "https://s3/b%2Fc?X-Sig=a%2Fb",
		"HTTPS://S3/%7e?":              "HTTPS://S3/%7e?",
		"//other/x":                    "//other/x",
	} {
		if got := resolved(address, base); got != want {
			t.Errorf("%s: %s, not %s", address, got, want)
		}
	}
}

func TestHandlerNames(t *testing.T) {
	r, err := New(Options{Environment: with()})
	if err != nil {
		t.Fatal(err)
	}
	r.HandleFunc("taken", nil)
	for _, name := range []string{"", "a:b", "taken"} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%q was taken", name)
				}
			}()
			r.HandleFunc(name, nil)
		}()
	}
}

// FuzzLeases: whatever a manager answers, it is leases with all their parts, or an error.
func FuzzLeases(f *testing.F) {
	f.Add([]byte(leasesJSON(leaseOf("c", "echo", "1"))))
	f.Add([]byte(`{"leases":[]}`))
	f.Add([]byte(`{"leases":null}`))
	base, _ := url.Parse("http://h/v1/commands/leases")
	f.Fuzz(func(t *testing.T, body []byte) {
		leases, err := decodeLeases(body)
		if err != nil {
			return
		}
		for _, l := range leases {
			resolve(&l.Envelope, base)
			now := time.Now()
			if end := budget(l, now); end.After(now) && end.After(l.LeaseExpiresAt.Add(-safetyMargin)) {
				t.Errorf("the budget ends %s, the lease %s", end, l.LeaseExpiresAt)
			}
			if l.Envelope.Params.Mode == wire.Inline {
				_, _ = l.Envelope.Params.Content()
			}
		}
	})
}

// FuzzConfig: no environment makes it panic, and an error names a variable.
func FuzzConfig(f *testing.F) {
	f.Add("http://h/v1", "t", "daemon", "1", "0.5")
	f.Add("http://[::1]:%31/", "", "x", "-", "Inf")
	f.Fuzz(func(t *testing.T, address, bearer, kind, number, fraction string) {
		_, err := readConfig(lookupIn(with(EnvURL, address, EnvToken, bearer, EnvTargetType, kind, EnvMaxLeases, number, EnvPollJitter, fraction)))
		var own *ConfigError
		if err != nil && (!errors.As(err, &own) || own.Variable == "") {
			t.Errorf("%v", err)
		}
	})
}
