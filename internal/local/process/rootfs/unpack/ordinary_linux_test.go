package unpack

import (
	"archive/tar"
	"os"
	"strings"
	"testing"

	"github.com/alienplatform/alien-go/internal/testbed"
)

func TestAsOrdinaryUser(t *testing.T) { testbed.AsOrdinaryUser(t, "") }

// An ordinary user owns all of it, may read all of it, and can remove it.
func TestMetadataOfOrdinaryUser(t *testing.T) {
	if os.Geteuid() == 0 {
		t.Skip("for ordinary users")
	}
	s := newSandbox(t)
	must(t, s.apply(t, pack(t,
		item{kind: tar.TypeDir, name: "closed", mode: 0o000, uid: 7},
		item{name: "closed/f", mode: 0o000, uid: 1 << 30, content: "x"},
		item{kind: tar.TypeDir, name: "read", mode: 0o555},
		item{name: "read/su", mode: 0o6755, content: "y", xattrs: map[string]string{"user.note": "n", "security.capability": "c"}},
		item{kind: tar.TypeDir, name: "tmp", mode: 0o1777},
	), pack(t, file("read/.wh.su", ""), file("read/more", "z"))))
	want := "closed/ 700\nclosed/f 400 x\nread/ 755\nread/more 644 z\ntmp/ 1777"
	if got := strings.Join(tree(t, s.root, ""), "\n"); got != want {
		t.Errorf("got:\n%s\nwant:\n%s", got, want)
	}
	must(t, os.RemoveAll(s.root))
}
