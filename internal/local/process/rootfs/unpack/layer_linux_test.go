package unpack

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// item is an entry of a layer.
type item struct {
	kind         byte // tar type; 0 is a file
	name, target string
	content      string
	mode         int64
	uid, gid     int
	size         int64 // what the header says, where that is a lie
	xattrs       map[string]string
	when         time.Time
}

func dir(name string) item           { return item{kind: tar.TypeDir, name: name, mode: 0o755} }
func file(name, content string) item { return item{name: name, content: content, mode: 0o644} }
func symlink(name, target string) item {
	return item{kind: tar.TypeSymlink, name: name, target: target}
}
func hardlink(name, target string) item  { return item{kind: tar.TypeLink, name: name, target: target} }
func device(kind byte, name string) item { return item{kind: kind, name: name, mode: 0o666} }

func pack(t testing.TB, items ...item) []byte {
	t.Helper()
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	for _, i := range items {
		h := &tar.Header{
			Typeflag: i.kind, Name: i.name, Linkname: i.target, Mode: i.mode, Uid: i.uid, Gid: i.gid,
			Size: int64(len(i.content)), ModTime: i.when, Format: tar.FormatPAX,
		}
		if h.Typeflag == 0 {
			h.Typeflag = tar.TypeReg
		}
		if h.ModTime.IsZero() {
			h.ModTime = time.Unix(1_000_000_000, 0)
		}
		if i.size > 0 {
			h.Size = i.size
		}
		for name, value := range i.xattrs {
			if h.PAXRecords == nil {
				h.PAXRecords = map[string]string{}
			}
			h.PAXRecords[xattrPrefix+name] = value
		}
		if err := w.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(w, i.content); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Flush(); err != nil && !slices.ContainsFunc(items, func(i item) bool { return i.size > 0 }) {
		t.Fatal(err)
	}
	return append(out.Bytes(), make([]byte, 1024)...)
}

// sandbox is a directory to unpack into, beside files that must stay as they are.
type sandbox struct{ outer, root string }

func newSandbox(t testing.TB) sandbox {
	t.Helper()
	outer := t.TempDir()
	s := sandbox{outer, filepath.Join(outer, "root")}
	must(t, os.Mkdir(s.root, 0o755))
	must(t, os.Mkdir(filepath.Join(outer, "outside"), 0o755))
	must(t, os.WriteFile(filepath.Join(outer, "outside", "secret"), []byte("secret"), 0o600))
	must(t, os.WriteFile(filepath.Join(outer, "secret"), []byte("secret"), 0o600))
	return s
}

func (s sandbox) apply(t testing.TB, layers ...[]byte) error {
	t.Helper()
	return s.applyWith(t.Context(), t, Standard(), layers...)
}

func (s sandbox) applyWith(ctx context.Context, t testing.TB, budget *Budget, layers ...[]byte) error {
	t.Helper()
	root, err := os.OpenRoot(s.root)
	must(t, err)
	defer root.Close()
	for _, l := range layers {
		if err := Layer(ctx, root, bytes.NewReader(l), budget); err != nil {
			return err
		}
	}
	return nil
}

// untouched checks that nothing beside the root was read into it, changed, made or removed.
func (s sandbox) untouched(t testing.TB) {
	t.Helper()
	if got := strings.Join(tree(t, s.outer, "root"), "\n"); got != "outside/ 755\noutside/secret 600 secret\nsecret 600 secret" {
		t.Errorf("outside of the root there is now:\n%s", got)
	}
	for _, line := range tree(t, s.root, "") {
		if strings.HasSuffix(line, " secret") {
			t.Errorf("the secret came in: %s", line)
		}
	}
}

// tree lists a directory without what is below skip: PATH MODE CONTENT or -> TARGET.
func tree(t testing.TB, dir, skip string) []string {
	t.Helper()
	var lines []string
	must(t, filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, _ := filepath.Rel(dir, path)
		if name == "." {
			return nil
		}
		if name == skip && d.IsDir() {
			return fs.SkipDir
		}
		lines = append(lines, describe(t, path, name))
		return nil
	}))
	return lines
}

func describe(t testing.TB, path, name string) string {
	t.Helper()
	info, err := os.Lstat(path)
	must(t, err)
	stat := info.Sys().(*syscall.Stat_t)
	switch mode := fmt.Sprintf("%o", stat.Mode&0o7777); {
	case info.IsDir():
		return name + "/ " + mode
	case info.Mode()&os.ModeSymlink != 0:
		target, err := os.Readlink(path)
		must(t, err)
		return name + " -> " + target
	case !info.Mode().IsRegular():
		return name + " " + info.Mode().String()
	default:
		content, err := os.ReadFile(path)
		must(t, err)
		return strings.TrimSpace(name + " " + mode + " " + string(content))
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestLayers(t *testing.T) {
	deep := strings.Repeat("d/", 40) + "f"
	tests := map[string]struct {
		layers [][]item
		want   []string
	}{
		"files and directories": {
			[][]item{{dir("a/"), file("a/f", "x"), dir("b"), {name: "run", mode: 0o755, content: "#!"}}},
			[]string{"a/ 755", "a/f 644 x", "b/ 755", "run 755 #!"},
		},
		"missing parents":     {[][]item{{file("a/b/c", "x")}}, []string{"a/ 755", "a/b/ 755", "a/b/c 644 x"}},
		"leading slash":       {[][]item{{file("/a", "x"), file("./b", "y"), file("c/../d", "z")}}, []string{"a 644 x", "b 644 y", "d 644 z"}},
		"root entry":          {[][]item{{dir("./"), file("a", "x")}}, []string{"a 644 x"}},
		"above layer wins":    {[][]item{{file("a", "old")}, {file("a", "new")}}, []string{"a 644 new"}},
		"directories merge":   {[][]item{{dir("a"), file("a/x", "1")}, {{kind: tar.TypeDir, name: "a", mode: 0o711}, file("a/y", "2")}}, []string{"a/ 711", "a/x 644 1", "a/y 644 2"}},
		"file over directory": {[][]item{{file("a/x", "1")}, {file("a", "2")}}, []string{"a 644 2"}},
		"directory over file": {[][]item{{file("a", "1")}, {dir("a")}}, []string{"a/ 755"}},
		"directory over link": {[][]item{{dir("b"), symlink("a", "b")}, {dir("a"), file("a/x", "1")}}, []string{"a/ 755", "a/x 644 1", "b/ 755"}},
		"link over directory": {[][]item{{file("a/x", "1")}, {symlink("a", "b")}}, []string{"a -> b"}},
		"whiteout":            {[][]item{{file("a", "1"), file("b", "2"), file("c/d", "3")}, {file(".wh.a", ""), file(".wh.c", "")}}, []string{"b 644 2"}},
		"whiteout of nothing": {[][]item{{file(".wh.a", ""), file("no/dir/.wh.a", ""), file("b", "1")}}, []string{"b 644 1"}},
		"whiteout of a link":  {[][]item{{file("b/x", "1"), symlink("a", "b")}, {file(".wh.a", "")}}, []string{"b/ 755", "b/x 644 1"}},
		"whiteout and anew":   {[][]item{{file("a/x", "1")}, {dir("a"), file("a/y", "2"), file(".wh.a", "")}}, []string{"a/ 755", "a/y 644 2"}},
		"opaque":              {[][]item{{file("a/x", "1"), file("a/b/y", "2")}, {dir("a"), file("a/.wh..wh..opq", ""), file("a/z", "3")}}, []string{"a/ 755", "a/z 644 3"}},
		"opaque comes last":   {[][]item{{file("a/x", "1"), file("a/b/y", "2")}, {dir("a"), file("a/z", "3"), file("a/b/w", "4"), file("a/.wh..wh..opq", "")}}, []string{"a/ 755", "a/b/ 755", "a/b/w 644 4", "a/z 644 3"}},
		"notes of aufs":       {[][]item{{file(".wh..wh.plnk/1.2", ""), file(".wh..wh.aufs", "")}}, []string{".wh..wh.plnk/ 755", ".wh..wh.plnk/1.2 644"}},
		"case of whiteouts":   {[][]item{{file("a", "1")}, {file(".WH.a", "2")}}, []string{".WH.a 644 2", "a 644 1"}},
		"case of names":       {[][]item{{file("File", "1"), file("file", "2"), dir("D"), file("d", "3")}}, []string{"D/ 755", "File 644 1", "d 644 3", "file 644 2"}},
		"hard link":           {[][]item{{file("a", "x"), hardlink("d/b", "a"), hardlink("c", "/d/b")}}, []string{"a 644 x", "c 644 x", "d/ 755", "d/b 644 x"}},
		"hard link to lower":  {[][]item{{file("a", "x")}, {hardlink("b", "a")}}, []string{"a 644 x", "b 644 x"}},
		"hard link to a link": {[][]item{{symlink("a", "nowhere"), hardlink("b", "a")}}, []string{"a -> nowhere", "b -> nowhere"}},
		"through links":       {[][]item{{dir("run"), symlink("var", "/run"), symlink("lib", "usr/lib")}, {file("var/pid", "1"), file("lib/so", "2")}}, []string{"lib -> usr/lib", "run/ 755", "run/pid 644 1", "usr/ 755", "usr/lib/ 755", "usr/lib/so 644 2", "var -> /run"}},
		"absolute link":       {[][]item{{symlink("etc", "/outside/../etc2"), file("etc/f", "x")}}, []string{"etc -> /outside/../etc2", "etc2/ 755", "etc2/f 644 x", "outside/ 755"}},
		"devices":             {[][]item{{device(tar.TypeChar, "dev/null"), device(tar.TypeBlock, "dev/sda"), file("a", "x")}}, []string{"a 644 x", "dev/ 755"}},
		"pipe":                {[][]item{{{kind: tar.TypeFifo, name: "p", mode: 0o640}}}, []string{"p prw-r-----"}},
		"deep":                {[][]item{{file(deep, "x")}, {file(strings.Repeat("d/", 2)+".wh.d", "")}}, []string{"d/ 755", "d/d/ 755"}},
		"strange names":       {[][]item{{file("a b\n\xff*", "x"), file("-rf", "y"), file("...", "z")}}, []string{"-rf 644 y", "... 644 z", "a b\n\xff* 644 x"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			s := newSandbox(t)
			var layers [][]byte
			for _, items := range test.layers {
				layers = append(layers, pack(t, items...))
			}
			must(t, s.apply(t, layers...))
			s.untouched(t)
			if got := tree(t, s.root, ""); strings.Join(got, "\n") != strings.Join(test.want, "\n") {
				t.Errorf("got:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(test.want, "\n"))
			}
		})
	}
}

func TestHostileLayers(t *testing.T) {
	tests := map[string]struct {
		items []item
		says  string
	}{
		"path out":                  {[]item{file("../secret", "x")}, "leads out of the image"},
		"path out, hidden":          {[]item{file("a/../../secret", "x")}, "leads out of the image"},
		"path is out":               {[]item{dir("..")}, "leads out of the image"},
		"root is a link":            {[]item{symlink("./", "/outside")}, "root is not a directory"},
		"root is a file":            {[]item{file(".", "x")}, "root is not a directory"},
		"link out":                  {[]item{symlink("a", "../outside")}, "leads out of the image"},
		"link out, from below":      {[]item{symlink("a/b", "../../outside")}, "leads out of the image"},
		"link to nothing":           {[]item{symlink("a", "")}, "leads to what no path can say"},
		"hard link out":             {[]item{hardlink("a", "../secret")}, "leads out of the image"},
		"hard link through a link":  {[]item{symlink("a", "/"), hardlink("b", "a/../../secret")}, "leads out of the image"},
		"hard link to nothing":      {[]item{hardlink("a", "b")}, "no such file"},
		"hard link to itself":       {[]item{file("a", "x"), hardlink("a", "a")}, "no such file"},
		"hard link to a directory":  {[]item{dir("a"), hardlink("b", "a")}, "leads to a directory"},
		"file as directory":         {[]item{file("a", "x"), file("a/b", "y")}, "used as a directory"},
		"link to file as directory": {[]item{file("a", "x"), symlink("l", "a"), file("l/b", "y")}, "used as a directory"},
		"link loop":                 {[]item{symlink("a", "b"), symlink("b", "a"), file("a/x", "y")}, "too many links"},
		"link to itself":            {[]item{symlink("a", "a/a"), file("a/x", "y")}, "too many links"},
		"whiteout of all":           {[]item{file(".wh..", "")}, "takes away nothing that can be named"},
		"whiteout of above":         {[]item{file("a/x", ""), file("a/.wh...", "")}, "takes away nothing that can be named"},
		"whiteout of no name":       {[]item{file(".wh.", "")}, "takes away nothing that can be named"},
		"name too long":             {[]item{file(strings.Repeat("n", 300), "x")}, "file name too long"},
		"path too long":             {[]item{file(strings.Repeat("d/", 3000)+"f", "x")}, "path of 6001 bytes"},
		"too deep":                  {[]item{file(strings.Repeat("d/", depthLimit+10)+"f", "x")}, "deep"},
		"too deep through links":    {[]item{dir(strings.Repeat("d/", 200)), symlink("l", "/"+strings.Repeat("d/", 200)), file("l/"+strings.Repeat("d/", 200)+"f", "x")}, "deep"},
		"nobody's":                  {[]item{{name: "a", uid: -1}}, "belongs to nobody"},
		"beyond all users":          {[]item{{name: "a", gid: 1 << 32}}, "belongs to nobody"},
		"no such kind":              {[]item{{kind: 'Z', name: "a"}}, "of a kind"},
		"cut off":                   {[]item{{name: "a", content: "x", size: 1 << 20}}, "unexpected EOF"},
		"size beyond all":           {[]item{{name: "a", size: 1 << 62}}, "larger than images may be"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if strings.Contains(test.says, "nobody") && os.Geteuid() != 0 {
				t.Skip("owners are given by root only")
			}
			s := newSandbox(t)
			err := s.apply(t, pack(t, test.items...))
			var wrong *Invalid
			if !errors.As(err, &wrong) || !strings.Contains(err.Error(), test.says) {
				t.Errorf("got %v; want an Invalid that says %q", err, test.says)
			}
			s.untouched(t)
			must(t, os.RemoveAll(s.root))
		})
	}
}

func TestNoTarFile(t *testing.T) {
	for name, content := range map[string]string{"text": strings.Repeat("no tar file ", 100), "half": string(pack(t, file("a", strings.Repeat("x", 2000)))[:1000])} {
		var wrong *Invalid
		if err := newSandbox(t).apply(t, []byte(content)); !errors.As(err, &wrong) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestBudgets(t *testing.T) {
	many := make([]item, 50)
	for i := range many {
		many[i] = file(fmt.Sprintf("f%d", i), "content")
	}
	tests := map[string]struct {
		budget Budget
		items  []item
		says   string
	}{
		"stream":      {Budget{Stream: 10_000, Bytes: 1e6, Entries: 1000, Names: 1e6}, many, "layers are larger"},
		"bytes":       {Budget{Stream: 1e6, Bytes: 100, Entries: 1000, Names: 1e6}, many, "files are larger"},
		"entries":     {Budget{Stream: 1e6, Bytes: 1e6, Entries: 49, Names: 1e6}, many, "more files"},
		"names":       {Budget{Stream: 1e6, Bytes: 1e6, Entries: 1000, Names: 100}, many, "more files"},
		"directories": {Budget{Stream: 1e6, Bytes: 1e6, Entries: 50, Names: 1e6}, []item{file(strings.Repeat("d/", 100)+"f", "")}, "more files"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			var wrong *Invalid
			err := newSandbox(t).applyWith(t.Context(), t, &test.budget, pack(t, test.items...))
			if !errors.As(err, &wrong) || !strings.Contains(err.Error(), test.says) {
				t.Errorf("got %v; want an Invalid that says %q", err, test.says)
			}
		})
	}
}

// A tar file of a few hundred bytes can say that it holds a file of any size.
func TestSparseBomb(t *testing.T) {
	header := sparseHeader("bomb", 1<<50)
	var wrong *Invalid
	err := newSandbox(t).apply(t, append(header, make([]byte, 1024)...))
	if !errors.As(err, &wrong) || !strings.Contains(err.Error(), "larger than images may be") {
		t.Errorf("got %v", err)
	}
}

// sparseHeader is a GNU header of a file that is nothing but a hole.
func sparseHeader(name string, size int64) []byte {
	block := make([]byte, 512)
	copy(block[0:], name)
	copy(block[100:], "0000644\x00")
	copy(block[108:], "0000000\x00")
	copy(block[116:], "0000000\x00")
	copy(block[124:], "00000000000\x00")
	copy(block[136:], "00000000000\x00")
	block[156] = tar.TypeGNUSparse
	copy(block[257:], "ustar  \x00")
	number := func(at int, n int64) { // base-256
		block[at] = 0x80
		for i := range 8 {
			block[at+11-i] = byte(n >> (8 * i))
		}
	}
	number(386, size) // one fragment of no bytes at the end
	copy(block[398:], "00000000000\x00")
	number(483, size)
	copy(block[148:], "        ")
	sum := 0
	for _, b := range block {
		sum += int(b)
	}
	copy(block[148:], fmt.Sprintf("%06o\x00 ", sum))
	return block
}

func TestContextEndsIt(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := newSandbox(t).applyWith(ctx, t, Standard(), pack(t, file("a", "x"))); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func TestMetadataAsRoot(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("owners are given by root only")
	}
	s := newSandbox(t)
	when := time.Unix(1_500_000_000, 0)
	capability := "\x01\x00\x00\x02\x00\x04\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"
	must(t, s.apply(t, pack(t,
		item{kind: tar.TypeDir, name: "d", mode: 0o2751, uid: 7, gid: 8, when: when},
		item{name: "d/f", mode: 0o4755, uid: 1000, gid: 1001, when: when, content: "x", xattrs: map[string]string{
			"security.capability": capability, "user.note": "n", "trusted.overlay.opaque": "y", "user.overlay.redirect": "/secret", "security.selinux": "s",
		}},
		item{kind: tar.TypeSymlink, name: "d/l", target: "f", uid: 5, gid: 6, when: when},
		item{kind: tar.TypeDir, name: "tmp", mode: 0o1777, when: time.Unix(-5, 0)},
		item{kind: tar.TypeDir, name: "closed", mode: 0o000},
		file("closed/f", "x"),
	)))
	for name, want := range map[string]string{
		"d": "42751 7:8 1500000000", "d/f": "104755 1000:1001 1500000000", "d/l": "120777 5:6 1500000000",
		"tmp": "41777 0:0 0", "closed": "40000 0:0 1000000000",
	} {
		var stat unix.Stat_t
		must(t, unix.Lstat(filepath.Join(s.root, name), &stat))
		if got := fmt.Sprintf("%o %d:%d %d", stat.Mode, stat.Uid, stat.Gid, stat.Mtim.Sec); got != want {
			t.Errorf("%s is %s; want %s", name, got, want)
		}
	}
	value := make([]byte, 100)
	if n, err := unix.Getxattr(filepath.Join(s.root, "d/f"), "security.capability", value); err != nil || string(value[:n]) != capability {
		t.Errorf("its capabilities are %q, %v", value[:max(n, 0)], err)
	}
	for _, name := range []string{"trusted.overlay.opaque", "user.overlay.redirect"} {
		if _, err := unix.Getxattr(filepath.Join(s.root, "d/f"), name, value); err == nil {
			t.Errorf("it has %s", name)
		}
	}
}
