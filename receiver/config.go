package receiver

import (
	"cmp"
	"fmt"
	"math"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/alienplatform/alien-go/internal/commands/wire"
)

// The environment variables of a receiver. `alien daemon up` sets the first, the token and the deployment and target of a
// daemon with commandsEnabled; the others are for tuning.
const (
	EnvURL             = "ALIEN_COMMANDS_URL"                  // base URL of the commands API, with /v1
	EnvToken           = "ALIEN_COMMANDS_TOKEN"                // bearer token; it beats the file
	EnvTokenFile       = "ALIEN_COMMANDS_TOKEN_FILE"           // file that holds the bearer token, and may change
	EnvDeploymentID    = "ALIEN_DEPLOYMENT_ID"                 //
	EnvTargetID        = "ALIEN_COMMANDS_TARGET_RESOURCE_ID"   // whose commands to take
	EnvTargetType      = "ALIEN_COMMANDS_TARGET_RESOURCE_TYPE" // container or daemon
	EnvPollInterval    = "ALIEN_COMMANDS_POLL_INTERVAL_MS"     // 5000
	EnvPollMaxInterval = "ALIEN_COMMANDS_POLL_MAX_INTERVAL_MS" // 30000; not less than the interval
	EnvPollJitter      = "ALIEN_COMMANDS_POLL_JITTER"          // 0.1; from 0 to 1
	EnvMaxLeases       = "ALIEN_COMMANDS_MAX_LEASES"           // 1; the most handlers that run at once
	EnvLeaseSeconds    = "ALIEN_COMMANDS_LEASE_SECONDS"        // 60
	EnvDrainTimeout    = "ALIEN_COMMANDS_DRAIN_TIMEOUT_MS"     // 30000; 0 does not wait
)

// ConfigError says which environment variable keeps the receiver from working, and why. A token file that cannot be read is
// found out by the first poll only.
type ConfigError struct {
	Variable string
	Problem  string
}

// Error begins with the code that every receiver gives this error.
func (e *ConfigError) Error() string {
	return "COMMAND_RECEIVER_CONFIG_INVALID: " + e.Variable + " " + e.Problem
}

// config is what the environment says.
type config struct {
	leases       *url.URL // the lease endpoint
	token        token
	deployment   string
	target       wire.Target
	interval     time.Duration
	maxInterval  time.Duration
	jitter       float64
	maxLeases    int64
	leaseSeconds int64
	drain        time.Duration
}

// variables reads the environment and keeps the first thing that is wrong with it.
type variables struct {
	lookup func(string) (string, bool)
	err    error
}

// environment looks a variable up where the caller gave it, and then in the process's environment.
func environment(given map[string]string) func(string) (string, bool) {
	return func(name string) (string, bool) {
		if v, ok := given[name]; ok {
			return v, true
		}
		return os.LookupEnv(name)
	}
}

func readConfig(lookup func(string) (string, bool)) (config, error) {
	v := &variables{lookup: lookup}
	c := config{
		leases:     v.endpoint(EnvURL),
		token:      v.token(),
		deployment: v.required(EnvDeploymentID),
		target: wire.Target{
			ResourceID: v.required(EnvTargetID), ResourceType: wire.TargetType(v.required(EnvTargetType)),
		},
		interval:     v.milliseconds(EnvPollInterval, 5000, 1),
		maxInterval:  v.milliseconds(EnvPollMaxInterval, 30_000, 1),
		jitter:       v.fraction(EnvPollJitter, 0.1),
		maxLeases:    v.integer(EnvMaxLeases, wire.DefaultMaxLeases, 1),
		leaseSeconds: v.integer(EnvLeaseSeconds, wire.DefaultLeaseSeconds, 1),
		drain:        v.milliseconds(EnvDrainTimeout, 30_000, 0),
	}
	switch {
	case v.err != nil:
	case c.target.ResourceType != wire.Container && c.target.ResourceType != wire.Daemon:
		v.fail(EnvTargetType, "is %q, and a receiver serves a container or a daemon", c.target.ResourceType)
	case c.maxInterval < c.interval:
		v.fail(EnvPollMaxInterval, "is less than %s", EnvPollInterval)
	}
	return c, v.err
}

func (v *variables) fail(name, format string, args ...any) {
	if v.err == nil {
		v.err = &ConfigError{Variable: name, Problem: fmt.Sprintf(format, args...)}
	}
}

// text gives a variable that may be absent, but not blank.
func (v *variables) text(name string) (string, bool) {
	text, ok := v.lookup(name)
	if ok && strings.TrimSpace(text) == "" {
		v.fail(name, "is blank")
	}
	return text, ok
}

func (v *variables) required(name string) string {
	text, ok := v.text(name)
	if !ok {
		v.fail(name, "is not set")
	}
	return text
}

// endpoint makes the lease endpoint of the base URL; its query stays.
func (v *variables) endpoint(name string) *url.URL {
	text := v.required(name)
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		v.fail(name, "is not an http or https URL") // which may hold a password: it is not repeated
		return nil
	}
	return below(u, "commands", "leases")
}

// below appends segments to a URL's path, in place of an empty last one.
func below(u *url.URL, segments ...string) *url.URL {
	out := *u
	path := strings.TrimSuffix(u.EscapedPath(), "/")
	for _, s := range segments {
		path += "/" + url.PathEscape(s)
	}
	out.RawPath = path
	out.Path, _ = url.PathUnescape(path) // it was escaped on the line above
	out.Fragment, out.RawFragment = "", ""
	return &out
}

func (v *variables) token() token {
	text, given := v.text(EnvToken)
	file, fromFile := v.text(EnvTokenFile)
	switch {
	case given:
		return token{value: text}
	case fromFile:
		return token{file: file}
	}
	v.fail(EnvToken, "is not set, and %s neither", EnvTokenFile)
	return token{}
}

func (v *variables) milliseconds(name string, standard, least int64) time.Duration {
	ms := v.integer(name, standard, least)
	if ms > math.MaxInt64/int64(time.Millisecond) {
		v.fail(name, "is too large")
		return 0
	}
	return time.Duration(ms) * time.Millisecond
}

func (v *variables) integer(name string, standard, least int64) int64 {
	text, ok := v.text(name)
	if !ok {
		return standard
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < least {
		v.fail(name, "is %q, and has to be a whole number from %d", text, least)
		return standard
	}
	return n
}

func (v *variables) fraction(name string, standard float64) float64 {
	text, ok := v.text(name)
	if !ok {
		return standard
	}
	f, err := strconv.ParseFloat(text, 64)
	if err != nil || !(f >= 0 && f <= 1) { // not a number is neither
		v.fail(name, "is %q, and has to be a number from 0 to 1", text)
		return standard
	}
	return cmp.Or(f, 0)
}
