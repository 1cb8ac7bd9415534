package sandbox

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strconv"
	"strings"

	"github.com/alienplatform/alien-go/internal/deploy/fact"
)

// account is who a daemon runs as.
type account struct {
	UID, GID int
	Groups   []int  // further groups
	Home     string // empty where the image does not know the user
}

// lookUp finds out who text names, "user", "uid", "user:group" and so on, in an image's passwd and group files. Links in
// the image never lead out of it.
func lookUp(root, text string) (account, error) {
	dir, err := os.OpenRoot(root)
	if err != nil {
		return account{}, fmt.Errorf("cannot open the root file system: %w", err)
	}
	defer dir.Close()
	passwd, err := lines(dir, "etc/passwd")
	if err != nil {
		return account{}, err
	}
	groups, err := lines(dir, "etc/group")
	if err != nil {
		return account{}, err
	}
	return find(text, passwd, groups)
}

// lines reads a file of fields between colons; one that is not there has none.
func lines(dir *os.Root, name string) ([][]string, error) {
	f, err := dir.Open(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("cannot read the image's %s: %w", name, err)
	}
	defer f.Close()
	var out [][]string
	scanner := bufio.NewScanner(io.LimitReader(f, 1<<20))
	for scanner.Scan() {
		out = append(out, strings.Split(scanner.Text(), ":"))
	}
	if err := scanner.Err(); err != nil {
		return nil, fmt.Errorf("cannot read the image's %s: %w", name, err)
	}
	return out, nil
}

// find is lookUp in the files' lines: name:x:uid:gid:comment:home:shell and name:x:gid:member,member.
func find(text string, passwd, groups [][]string) (account, error) {
	user, group, hasGroup := strings.Cut(text, ":")
	if user == "" {
		user = "0"
	}
	a, name, known := account{}, "", false
	for _, f := range passwd {
		if len(f) >= 6 && (f[0] == user || f[2] == user) {
			uid, e1 := number(f[2])
			gid, e2 := number(f[3])
			if e1 == nil && e2 == nil {
				a, name, known = account{UID: uid, GID: gid, Home: f[5]}, f[0], true
				break
			}
		}
	}
	if !known {
		uid, err := number(user)
		if err != nil {
			return account{}, unknownUser(user)
		}
		a.UID = uid
	}
	if hasGroup && group != "" {
		gid, err := findGroup(group, groups)
		a.GID = gid
		return a, err
	}
	if name != "" {
		a.Groups = memberships(name, groups)
	}
	return a, nil
}

func findGroup(group string, groups [][]string) (int, error) {
	for _, f := range groups {
		if len(f) >= 3 && f[0] == group {
			return number(f[2])
		}
	}
	gid, err := number(group)
	if err != nil {
		return 0, unknownUser(group)
	}
	return gid, nil
}

// memberships are the groups that name a user as a member.
func memberships(user string, groups [][]string) []int {
	var out []int
	for _, f := range groups {
		if len(f) < 4 {
			continue
		}
		for member := range strings.SplitSeq(f[3], ",") {
			if gid, err := number(f[2]); member == user && err == nil {
				out = append(out, gid)
			}
		}
	}
	return out
}

// number reads a user or group id.
func number(text string) (int, error) {
	n, err := strconv.ParseUint(text, 10, 31)
	return int(n), err
}

func unknownUser(name string) error { return fact.Refused(fact.UserUnknown, name) }
