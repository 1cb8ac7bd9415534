package cli

import (
	"io"
	"os"

	"golang.org/x/term"
)

// Streams are where a command reads and writes: Out takes the result, Err everything else.
type Streams struct {
	In       io.Reader
	Out, Err io.Writer
}

// terminalSize gives the width and height of the terminal behind w, and whether there is one.
func terminalSize(w io.Writer) (width, height int, ok bool) {
	f, isFile := w.(*os.File)
	if !isFile || !term.IsTerminal(int(f.Fd())) {
		return 0, 0, false
	}
	width, height, err := term.GetSize(int(f.Fd()))
	if err != nil || width <= 0 {
		return 80, 24, true
	}
	return width, height, true
}

// width is that of the terminal that gets the result, 0 where there is none.
func (d *deps) width() int {
	w, _, _ := terminalSize(d.streams.Out)
	return w
}

// isTerminal says whether a person reads w.
func isTerminal(w io.Writer) bool {
	_, _, ok := terminalSize(w)
	return ok
}
