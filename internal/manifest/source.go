package manifest

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"unicode/utf8"
)

// maxSize is how much a manifest may hold, and each file it names. Ten thousand daemons fit; a disk image given by mistake is
// refused after this many bytes, before it can fill the memory.
const maxSize = 1 << 20

// source is a file that was read and is text.
type source struct {
	file  string
	text  []byte
	lines []string
	json  bool // the text is a JSON object, and is read as that
}

// readSource reads a manifest or values file, "-" being standard input. Its findings are about the file as a whole, or
// about bytes that are no text.
func readSource(path string, stdin io.Reader) (source, []Finding) {
	raw, problem := readManifest(path, stdin)
	if problem != nil {
		return source{}, []Finding{*problem}
	}
	src := source{file: path, text: bytes.TrimPrefix(raw, []byte("\ufeff"))}
	if problem := src.encoding(); problem != nil {
		return source{}, []Finding{*problem}
	}
	if src.json = isJSON(src.text); src.json {
		src.lines = jsonLines(string(src.text))
		return src, nil
	}
	src.lines = splitLines(string(src.text))
	if problem := src.control(); problem != nil {
		return source{}, []Finding{*problem}
	}
	if len(bytes.TrimSpace(src.text)) == 0 {
		return source{}, []Finding{fileFinding(CodeEmpty, path, "the file is empty", "start with a name and one daemon; `alien explain daemons` shows how")}
	}
	return src, nil
}

func readManifest(path string, stdin io.Reader) ([]byte, *Finding) {
	if path == "-" {
		if stdin == nil {
			stdin = strings.NewReader("")
		}
		return readBounded(path, stdin)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, openFinding(path, err)
	}
	defer func() { _ = f.Close() }()
	if info, err := f.Stat(); err == nil && info.IsDir() {
		problem := fileFinding(CodeUnreadable, path, "this is a directory", "name the file in it")
		return nil, &problem
	}
	return readBounded(path, f)
}

func readBounded(path string, r io.Reader) ([]byte, *Finding) {
	raw, err := io.ReadAll(io.LimitReader(r, maxSize+1))
	if err != nil {
		problem := fileFinding(CodeUnreadable, path, "cannot read the file: "+plainError(err), "")
		return nil, &problem
	}
	if len(raw) > maxSize {
		problem := fileFinding(CodeTooLarge, path, "the file is larger than a manifest may be, which is "+sizeText(maxSize), "check that this is the right file")
		return nil, &problem
	}
	return raw, nil
}

func openFinding(path string, err error) *Finding {
	problem := fileFinding(CodeUnreadable, path, "cannot open the file: "+plainError(err), "")
	switch {
	case path == "":
		problem = fileFinding(CodeNotFound, path, "no manifest is named", "give it with --file")
	case errors.Is(err, fs.ErrNotExist):
		problem = fileFinding(CodeNotFound, path, "there is no such file", "check the path, or give another with --file")
	case errors.Is(err, fs.ErrPermission):
		problem.Hint = "let your user read it"
	}
	return &problem
}

func fileFinding(code, path, message, hint string) Finding {
	return Finding{Code: code, Severity: Error, Location: Location{File: path}, Message: message, Hint: hint}
}

// encoding refuses bytes that are not UTF-8, at their place.
func (s source) encoding() *Finding {
	if utf8.Valid(s.text) {
		return nil
	}
	hint := "save the file as UTF-8"
	if bytes.HasPrefix(s.text, []byte{0xff, 0xfe}) || bytes.HasPrefix(s.text, []byte{0xfe, 0xff}) {
		problem := fileFinding(CodeEncoding, s.file, "the file is UTF-16", hint)
		return &problem
	}
	offset := 0
	for offset < len(s.text) {
		r, size := utf8.DecodeRune(s.text[offset:])
		if r == utf8.RuneError && size == 1 {
			break
		}
		offset += size
	}
	problem := fileFinding(CodeEncoding, s.file, fmt.Sprintf("the byte 0x%02x here is not UTF-8", s.text[offset]), hint)
	problem.Line, problem.Column = position(s.text, offset)
	return &problem
}

// control refuses characters that no YAML may hold; the parser would do so without saying where.
func (s source) control() *Finding {
	for offset, r := range string(s.text) {
		printable := r == '\t' || r == '\n' || r == '\r' || r == 0x85 || r >= ' ' && r < 0x7f || r >= 0xa0 && r != 0xfeff && r != 0xfffe && r != 0xffff
		if printable {
			continue
		}
		problem := fileFinding(CodeEncoding, s.file, fmt.Sprintf("the character U+%04X cannot stand in a manifest", r), `remove it, or write it as an escape in double quotes: "\x1b"`)
		problem.Location = s.locate(offset)
		return &problem
	}
	return nil
}

// locate is the place of a byte.
func (s source) locate(offset int) Location { return s.place(position(s.text, offset)) }

// position is the line and column of a byte, both from 1; columns count characters.
func position(text []byte, offset int) (line, column int) {
	before := splitLines(string(text[:min(offset, len(text))]))
	return len(before), utf8.RuneCountInString(before[len(before)-1]) + 1
}

// splitLines cuts a text where YAML sees a line end, which is more places than \n.
func splitLines(text string) []string {
	text = strings.ReplaceAll(text, "\r\n", "\n")
	return strings.Split(strings.NewReplacer("\r", "\n", "\u0085", "\n", "\u2028", "\n", "\u2029", "\n").Replace(text), "\n")
}

// plainError is what the system said, without the operation and path that the message around it has already.
func plainError(err error) string {
	var path *fs.PathError
	if errors.As(err, &path) {
		err = path.Err
	}
	return err.Error()
}

func sizeText(n int) string {
	if n >= 1<<20 {
		return fmt.Sprintf("%d MiB", n>>20)
	}
	return fmt.Sprintf("%d KiB", n>>10)
}
