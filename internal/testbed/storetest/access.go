package storetest

import (
	"fmt"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/alienplatform/alien-go/internal/deploy"
	"github.com/alienplatform/alien-go/internal/manifest"
	"github.com/alienplatform/alien-go/internal/testbed"
	"github.com/alienplatform/alien-go/internal/workload"
)

func wrongPlatform(t *testing.T, p Place) {
	r := testbed.Registry(t)
	plain := p.push(t, r, "platform/plain:1", p.Image(t, testbed.ForeignArch()))
	index := r.PushIndex(t, "platform/index:1", testbed.ForeignArch())
	for name, ref := range map[string]string{"plain": plain, "index": index} {
		t.Run(name, func(t *testing.T) {
			_, err := p.Open(t, "").Ensure(t.Context(), Want(ref, ""), nil)
			if text := Verdict(t, err, deploy.ImagePlatform); !strings.Contains(text, "linux/"+runtime.GOARCH) {
				t.Errorf("%q does not name this platform", text)
			}
		})
	}
}

func logsIn(t *testing.T, p Place, scheme string) {
	r, img := testbed.Registry(t), p.image(t)
	ref := p.push(t, r, "private/app:1", img)
	map[string]func(user, password string){"basic": r.RequireBasic, "bearer": r.RequireBearer}[scheme]("ann", "s3cret")

	_, err := p.Open(t, "").Ensure(t.Context(), Want(ref, ""), nil)
	if text := Verdict(t, err, deploy.ImageDenied); !strings.Contains(text, "docker login "+r.Host) {
		t.Errorf("%q does not say how to log in", text)
	}
	_, err = p.Open(t, Login(t, r.Host, "ann", "wrong-word")).Ensure(t.Context(), Want(ref, ""), nil)
	if text := Verdict(t, err, deploy.ImageDenied); strings.Contains(text, "wrong-word") {
		t.Errorf("the password is in %q", text)
	}

	s, w := p.Open(t, Login(t, r.Host, "ann", "s3cret")), Want(ref, manifest.PullAlways)
	there, _, err := s.Resolve(t.Context(), []workload.Workload{w})
	must(t, err)
	if there[ref] != "registry:"+testbed.DigestOf(t, img) {
		t.Errorf("resolved to %q", there[ref])
	}
	got, err := s.Ensure(t.Context(), w, nil)
	must(t, err)
	if got.ID != testbed.IDOf(t, img) {
		t.Errorf("got %s", got.ID)
	}
}

func brokenLogin(t *testing.T, p Place) {
	r := testbed.Registry(t)
	ref := p.push(t, r, "helped/app:1", p.image(t))
	r.RequireBasic("ann", "s3cret")
	config := Config(t, fmt.Sprintf(`{"credHelpers":{%q:"alien-no-such-helper"}}`, r.Host))
	_, err := p.Open(t, config).Ensure(t.Context(), Want(ref, ""), nil)
	if text := Verdict(t, err, deploy.ImageDenied); !strings.Contains(text, "alien-no-such-helper") {
		t.Errorf("%q does not tell that the credential helper failed", text)
	}
}

func loadsOnce(t *testing.T, p Place, kind testbed.ArchiveKind) {
	img, path := p.image(t), filepath.Join(t.TempDir(), "image")
	must(t, testbed.WriteArchive(kind, path, img))
	w := Want(string(kind)+":"+path, manifest.PullNever) // the policy is about registries
	p.Tidy(t, testbed.IDOf(t, img))

	before, _, err := p.Open(t, "").Resolve(t.Context(), []workload.Workload{w})
	must(t, err)
	p.Holds(t)
	var progress Heard
	got, err := p.Open(t, "").Ensure(t.Context(), w, progress.Hear)
	must(t, err)
	if want := (Image{ID: testbed.IDOf(t, img), Digest: testbed.IDOf(t, img), User: "1000"}); got != want || before[w.Image] != want.ID {
		t.Errorf("resolved to %s before, got %+v; want %+v", before[w.Image], got, want)
	}
	if last, _ := progress.Last(); last.Phase != deploy.Loading || last.Total == 0 || last.Current != last.Total {
		t.Errorf("last progress %+v", last)
	}
	var again Heard
	_, err = p.Open(t, "").Ensure(t.Context(), w, again.Hear)
	if _, any := again.Last(); err != nil || any {
		t.Errorf("loaded again: %v, %v", err, again.Details())
	}
	p.Holds(t, got.ID)
}

func foreignArchive(t *testing.T, p Place) {
	img := p.Image(t, testbed.ForeignArch())
	for _, kind := range []testbed.ArchiveKind{testbed.DockerArchive, testbed.OCI} {
		path := filepath.Join(t.TempDir(), "image")
		must(t, testbed.WriteArchive(kind, path, img))
		_, err := p.Open(t, "").Ensure(t.Context(), Want(string(kind)+":"+path, ""), nil)
		if text := Verdict(t, err, deploy.ImagePlatform); !strings.Contains(text, "linux/"+testbed.ForeignArch()) {
			t.Errorf("%q does not name what it is made for", text)
		}
	}
	p.Holds(t)
}
