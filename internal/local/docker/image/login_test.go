package image

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/docker/docker/api/types/registry"

	"github.com/alienplatform/alien-go/internal/local/login"
	"github.com/alienplatform/alien-go/internal/testbed"
	"github.com/alienplatform/alien-go/internal/testbed/storetest"
)

func TestEnsureLogsInThroughAHelper(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("the helper is a shell script")
	}
	api, r := testbed.Engine(t), testbed.Registry(t)
	ref := push(t, api, r, "helped/app:1", testbed.RandomImage(t, runtime.GOARCH))
	r.RequireBasic("ann", "s3cret")
	bin := t.TempDir()
	t.Setenv("PATH", bin+string(os.PathListSeparator)+os.Getenv("PATH"))
	helper := fmt.Sprintf("#!/bin/sh\nread host\n[ \"$1 $host\" = 'get %s' ] || exit 1\necho '{\"ServerURL\":\"%[1]s\",\"Username\":\"ann\",\"Secret\":\"s3cret\"}'\n", r.Host)
	must(t, os.WriteFile(filepath.Join(bin, "docker-credential-alientest"), []byte(helper), 0o700))

	_, err := storeWith(api, storetest.Config(t, fmt.Sprintf(`{"credHelpers":{%q:"alientest"}}`, r.Host))).Ensure(t.Context(), storetest.Want(ref, ""), nil)
	must(t, err)
}

func TestLoginKeys(t *testing.T) {
	l := login.New(storetest.Login(t, "https://index.docker.io/v1/", "hub", "x"))
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
