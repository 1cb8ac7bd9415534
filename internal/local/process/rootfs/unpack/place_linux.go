package unpack

import (
	"errors"
	"os"
	"path"
	"strings"
)

// enter opens the directory of an entry, and makes it where it is missing.
func (l *layer) enter(name string) error {
	if l.at.root != nil && l.at.name == name {
		return nil
	}
	l.leave()
	resolved, err := l.resolve(name, true)
	if err != nil {
		return l.blame(err, name)
	}
	root, err := l.top.OpenRoot(resolved)
	if err != nil {
		return l.blame(err, name)
	}
	file, err := root.Open(".")
	if err != nil {
		_ = root.Close()
		return l.blame(err, name)
	}
	l.at = place{name: name, resolved: resolved, root: root, file: file}
	return nil
}

// leave closes the directory of the last entry.
func (l *layer) leave() {
	if l.at.root != nil {
		_ = l.at.file.Close()
		_ = l.at.root.Close()
	}
	l.at = place{}
}

// resolve follows the links in a path as they look from inside the image, where the root is the top and nothing is above
// it. Directories that are missing are made, or os.ErrNotExist is the answer.
func (l *layer) resolve(name string, create bool) (string, error) {
	rest, done := strings.Split(name, "/"), "."
	for hops := 0; len(rest) > 0; {
		part := rest[0]
		rest = rest[1:]
		if part == "" || part == "." {
			continue
		}
		if part == ".." {
			done = path.Dir(done)
			continue
		}
		next := path.Join(done, part)
		target, err := l.step(next, create)
		if err != nil {
			return "", err
		}
		if target == "" {
			done = next
			continue
		}
		if hops++; hops > linkHops {
			return "", invalid("its path %s leads through too many links", quote(name))
		}
		if path.IsAbs(target) {
			done = "."
		}
		rest = append(strings.Split(target, "/"), rest...)
	}
	return done, nil
}

// step looks at one directory on the way: it is there, or is made, or is a link with a target.
func (l *layer) step(next string, create bool) (target string, err error) {
	info, err := l.top.Lstat(next)
	switch {
	case errors.Is(err, os.ErrNotExist) && create:
		return "", l.mkdir(next)
	case err != nil:
		return "", err
	case info.Mode()&os.ModeSymlink != 0:
		return l.top.Readlink(next)
	case !info.IsDir():
		return "", invalid("its %s is used as a directory and is none", quote(next))
	}
	return "", nil
}

// mkdir makes a directory that the layer does not mention.
func (l *layer) mkdir(resolved string) error {
	if strings.Count(resolved, "/") >= depthLimit {
		return invalid("its directories are more than %d deep", depthLimit)
	}
	if err := l.budget.charge(resolved); err != nil {
		return err
	}
	if err := l.top.Mkdir(resolved, 0o700); err != nil {
		return err
	}
	l.note(resolved)
	return l.top.Chmod(resolved, 0o755)
}
