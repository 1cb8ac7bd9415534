package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"sync"
	"syscall"
	"time"
)

const (
	apiServer = "kube-apiserver"

	stopGrace = 3 * time.Second // a part that is asked to stop and does not is killed
	backOff   = time.Second     // a part that ends by itself is started again after this
)

// part is one process of the cluster. It is started again when it ends by itself.
type part struct {
	name    string
	program string // empty: this program, under the part's name
	args    []string

	mu   sync.Mutex
	stop chan struct{} // closed to stop the part; nil while it is stopped
	done chan struct{} // closed when it has stopped
}

// start runs the part until halt. Its output goes to the end of its log.
func (p *part) start(l layout) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.stop != nil {
		return nil
	}
	log, err := os.OpenFile(l.log(p.name), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("cannot open the log of %s: %w", p.name, err)
	}
	cmd, err := p.launch(log)
	if err != nil {
		log.Close()
		return err
	}
	p.stop, p.done = make(chan struct{}), make(chan struct{})
	go func(stop, done chan struct{}) {
		defer close(done)
		defer log.Close()
		p.keep(cmd, log, stop)
	}(p.stop, p.done)
	return nil
}

// keep waits for the part to end and launches it again, until it is to stop.
func (p *part) keep(cmd *exec.Cmd, log *os.File, stop chan struct{}) {
	for {
		ended := make(chan struct{})
		go func(cmd *exec.Cmd) { defer close(ended); _ = cmd.Wait() }(cmd)
		select {
		case <-stop:
			end(cmd.Process, ended)
			return
		case <-ended:
			fmt.Fprintf(log, "keeper: %s ended: %v\n", p.name, cmd.ProcessState)
		}
		var err error
		for cmd = nil; cmd == nil; {
			select {
			case <-stop:
				return
			case <-time.After(backOff):
			}
			if cmd, err = p.launch(log); err != nil {
				fmt.Fprintln(log, "keeper:", err)
			}
		}
	}
}

func (p *part) launch(log *os.File) (*exec.Cmd, error) {
	path, err := "/proc/self/exe", error(nil) // the program's file may have been replaced since it was started
	if p.program != "" {
		path, err = exec.LookPath(p.program)
	}
	if err != nil {
		return nil, err
	}
	cmd := &exec.Cmd{Path: path, Args: append([]string{p.name}, p.args...), Stdout: log, Stderr: log, Dir: "/",
		SysProcAttr: &syscall.SysProcAttr{Setpgid: true}}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("cannot start %s: %w", p.name, err)
	}
	return cmd, nil
}

// end asks a process to end, and kills it when it takes too long.
func end(process *os.Process, ended <-chan struct{}) {
	_ = process.Signal(syscall.SIGTERM)
	select {
	case <-ended:
	case <-time.After(stopGrace):
		_ = process.Kill()
		<-ended
	}
}

// halt stops the part and returns when its process is gone.
func (p *part) halt() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.stop == nil {
		return
	}
	close(p.stop)
	<-p.done
	p.stop, p.done = nil, nil
}

var errNoSuchPart = errors.New("there is no such part of the cluster")

func find(all []*part, name string) (*part, error) {
	for _, p := range all {
		if p.name == name {
			return p, nil
		}
	}
	return nil, fmt.Errorf("%w: %q", errNoSuchPart, name)
}
