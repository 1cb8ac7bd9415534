package receiver

import (
	"os"
	"strings"
	"sync"
)

// token is the bearer token: fixed, or in a file that may be given another one.
type token struct {
	value string
	file  string // empty where the value is fixed
}

// tokenSource keeps the token in use.
type tokenSource struct {
	token
	mu sync.Mutex
}

// get gives the token in use, reading its file the first time.
func (t *tokenSource) get() (string, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.value != "" {
		return t.value, nil
	}
	return t.read()
}

// again gives the token to use after one was refused: what the file says now. ok is false for a fixed token.
func (t *tokenSource) again(refused string) (value string, ok bool, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.file == "" {
		return "", false, nil
	}
	if t.value != refused { // somebody else has read it again in the meantime
		return t.value, true, nil
	}
	value, err = t.read()
	return value, err == nil, err
}

func (t *tokenSource) read() (string, error) {
	text, err := os.ReadFile(t.file)
	if err != nil {
		return "", &ConfigError{Variable: EnvTokenFile, Problem: "names a file that cannot be read: " + err.Error()}
	}
	value := strings.TrimSpace(string(text))
	if value == "" {
		return "", &ConfigError{Variable: EnvTokenFile, Problem: "names a file that is empty"}
	}
	t.value = value
	return value, nil
}
