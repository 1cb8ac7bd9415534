package owner_test

import (
	"os/exec"
	"testing"

	"github.com/alienplatform/alien-go/internal/local/owner"
)

func TestDead(t *testing.T) {
	here := owner.Current()
	if here.Start == "" || here.Boot == "" {
		t.Skip("this system does not tell when a process started")
	}
	tests := map[string]struct {
		change func(*owner.Owner)
		want   bool
	}{
		"this process":                       {func(*owner.Owner) {}, false},
		"its number used before":             {func(o *owner.Owner) { o.Start += "0" }, true},
		"on another machine":                 {func(o *owner.Owner) { o.Boot, o.Start = "other", "0" }, false},
		"where processes are counted anew":   {func(o *owner.Owner) { o.Space, o.Start = "other", "0" }, false},
		"whose start is not known":           {func(o *owner.Owner) { o.Start = "" }, false},
		"with a number that no process gets": {func(o *owner.Owner) { o.PID = 1 << 30 }, true},
	}
	for name, test := range tests {
		o := here
		test.change(&o)
		if got := o.Dead(here); got != test.want {
			t.Errorf("%s: dead is %v", name, got)
		}
	}
}

// TestKilled looks at a process before it is killed, afterwards, and once its parent knows.
func TestKilled(t *testing.T) {
	here := owner.Current()
	cmd := exec.Command("sleep", "60")
	if err := cmd.Start(); err != nil {
		t.Skip("there is no sleep command")
	}
	child := here
	child.PID = cmd.Process.Pid
	child.Start = owner.StartOf(t, child.PID)
	if child.Dead(here) {
		t.Error("a running process counts as dead")
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	if !child.Dead(here) {
		t.Error("a process that was killed does not count as dead")
	}
}
