package image

import (
	"encoding/base64"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/docker/docker/api/types/registry"

	"github.com/alienplatform/alien-go/internal/deploy"
	"github.com/alienplatform/alien-go/internal/local/login"
	"github.com/alienplatform/alien-go/internal/manifest"
	"github.com/alienplatform/alien-go/internal/testbed"
	"github.com/alienplatform/alien-go/internal/workload"
)

func TestEnsureLogsIn(t *testing.T) {
	api := testbed.Engine(t)
	schemes := map[string]func(*testbed.RegistryServer){
		"basic":  func(r *testbed.RegistryServer) { r.RequireBasic("ann", "s3cret") },
		"bearer": func(r *testbed.RegistryServer) { r.RequireBearer("ann", "s3cret") },
	}
	for scheme, require := range schemes {
		t.Run(scheme, func(t *testing.T) {
			r := testbed.Registry(t)
			img := randomImage(t, runtime.GOARCH)
			ref := push(t, api, r, "private/app:1", img)
			require(r)

			_, err := newStore(t, api).Ensure(t.Context(), want(ref, ""), nil)
			if text := verdict(t, err, deploy.ImageDenied); !strings.Contains(text, "docker login "+r.Host) {
				t.Errorf("%q does not say how to log in", text)
			}
			_, err = storeWith(api, configWith(t, authFor(r.Host, "ann", "wrong-word"))).Ensure(t.Context(), want(ref, ""), nil)
			if text := verdict(t, err, deploy.ImageDenied); strings.Contains(text, "wrong-word") {
				t.Errorf("the password is in %q", text)
			}

			s := storeWith(api, configWith(t, authFor(r.Host, "ann", "s3cret")))
			w := want(ref, manifest.PullAlways)
			there, _, err := s.Resolve(t.Context(), []workload.Workload{w})
			must(t, err)
			if there[ref] != "registry:"+digestOfImage(t, img) {
				t.Errorf("resolved to %q", there[ref])
			}
			got, err := s.Ensure(t.Context(), w, nil)
			must(t, err)
			if got.ID != idOf(t, img) {
				t.Errorf("got %s", got.ID)
			}
		})
	}
}

func TestEnsureLogsInThroughAHelper(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("the helper is a shell script")
	}
	api, r := testbed.Engine(t), testbed.Registry(t)
	ref := push(t, api, r, "helped/app:1", randomImage(t, runtime.GOARCH))
	r.RequireBasic("ann", "s3cret")
	bin := t.TempDir()
	t.Setenv("PATH", bin+string(os.PathListSeparator)+os.Getenv("PATH"))
	helper := fmt.Sprintf("#!/bin/sh\nread host\n[ \"$1 $host\" = 'get %s' ] || exit 1\necho '{\"ServerURL\":\"%[1]s\",\"Username\":\"ann\",\"Secret\":\"s3cret\"}'\n", r.Host)
	must(t, os.WriteFile(filepath.Join(bin, "docker-credential-alientest"), []byte(helper), 0o700))

	broken := storeWith(api, configWith(t, fmt.Sprintf(`{"credHelpers":{%q:"alien-no-such-helper"}}`, r.Host)))
	_, err := broken.Ensure(t.Context(), want(ref, ""), nil)
	if text := verdict(t, err, deploy.ImageDenied); !strings.Contains(text, "alien-no-such-helper") {
		t.Errorf("%q does not tell that the credential helper failed", text)
	}
	_, err = storeWith(api, configWith(t, fmt.Sprintf(`{"credHelpers":{%q:"alientest"}}`, r.Host))).Ensure(t.Context(), want(ref, ""), nil)
	must(t, err)
}

func TestLoginKeys(t *testing.T) {
	l := login.New(configWith(t, authFor("https://index.docker.io/v1/", "hub", "x")))
	for host, user := range map[string]string{"docker.io": "hub", "ghcr.io": ""} {
		text, err := header(l, host)
		must(t, err)
		auth, err := registry.DecodeAuthConfig(text)
		must(t, err)
		if auth.Username != user {
			t.Errorf("%s: logged in as %q, want %q", host, auth.Username, user)
		}
	}
}

func authFor(host, user, password string) string {
	auth := base64.StdEncoding.EncodeToString([]byte(user + ":" + password))
	return fmt.Sprintf(`{"auths":{%q:{"auth":%q}}}`, host, auth)
}

func configWith(t *testing.T, content string) string {
	t.Helper()
	dir := t.TempDir()
	must(t, os.WriteFile(filepath.Join(dir, "config.json"), []byte(content), 0o600))
	return dir
}
