//go:build unix

// Command daemon is the daemon that tests deploy. Its first argument says how it behaves; see modes.
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// mode is one behaviour: it gets the arguments after its name and gives the exit code.
type mode func(args []string) (int, error)

// modes lists every behaviour by the name of the first argument.
func modes() map[string]mode {
	return map[string]mode{
		"run":             run,           // runs until SIGTERM or SIGINT, then exits 0
		"tick":            tick,          // [INTERVAL]: "tick 1", "tick 2" … on stdout, until a signal
		"exit":            exit,          // CODE [[after] DURATION]
		"crash-until":     crashUntil,    // COUNT FILE: exits 1 COUNT times, counted in FILE, then runs
		"ignore-term":     ignoreTerm,    // only SIGKILL ends it
		"stop-after-term": stopAfterTerm, // DURATION: takes that long to stop
		"stop-touch":      stopTouch,     // DURATION FILE: takes that long to stop, and writes FILE at the end of it
		"slow-start":      slowStart,     // DURATION FILE: writes FILE when ready; a FILE left over is removed first
		"health":          health,        // FILE: exits 0 when FILE exists, else says so and exits 1
		"unhealthy-after": sickAfter,     // DURATION FILE: writes FILE at once and removes it after DURATION
		"commands":        commands,      // takes commands: greet answers, fail fails
		"env":             env,           // prints the environment as a JSON list of NAME=value on one line, then runs
		"alloc":           alloc,         // BYTES: makes that much memory resident, then runs
		"print":           printLines,    // LINE…: prints each on stdout, then runs
		"touch":           touch,         // FILE: writes FILE, then runs; exits 1 where that is not possible
		"single":          single,        // FILE [DURATION]: runs, or exits 77 while another process does so with the same FILE; takes that long to stop
	}
}

func main() {
	if len(os.Args) < 2 {
		fmt.Fprintln(os.Stderr, "no mode given")
		os.Exit(2)
	}
	m, ok := modes()[os.Args[1]]
	if !ok {
		fmt.Fprintf(os.Stderr, "unknown mode %q\n", os.Args[1])
		os.Exit(2)
	}
	code, err := m(os.Args[2:])
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
	os.Exit(code)
}

func run([]string) (int, error) {
	stop := signals()
	fmt.Println("running")
	fmt.Println("stopping:", <-stop)
	return 0, nil
}

func tick(args []string) (int, error) {
	every, err := duration(args, 0, time.Second)
	if err != nil {
		return 2, err
	}
	stop := signals()
	ticker := time.NewTicker(every)
	for n := 1; ; n++ {
		fmt.Println("tick", n)
		select {
		case <-ticker.C:
		case s := <-stop:
			fmt.Println("stopping:", s)
			return 0, nil
		}
	}
}

func exit(args []string) (int, error) {
	if len(args) > 1 && args[1] == "after" {
		args = append(args[:1:1], args[2:]...)
	}
	code, err := number(args, 0)
	if err != nil {
		return 2, err
	}
	after, err := duration(args, 1, 0)
	if err != nil {
		return 2, err
	}
	<-time.After(after)
	fmt.Fprintln(os.Stderr, "exiting with", code)
	return code, nil
}

func crashUntil(args []string) (int, error) {
	want, err := number(args, 0)
	if err != nil || len(args) < 2 {
		return 2, fmt.Errorf("crash-until wants COUNT FILE, got %q", args)
	}
	had := 0
	if b, err := os.ReadFile(args[1]); err == nil {
		if had, err = strconv.Atoi(string(b)); err != nil {
			return 2, err
		}
	}
	if had >= want {
		return run(nil)
	}
	if err := os.WriteFile(args[1], []byte(strconv.Itoa(had+1)), 0o666); err != nil {
		return 2, err
	}
	return 1, fmt.Errorf("crash %d of %d", had+1, want)
}

func ignoreTerm([]string) (int, error) {
	stop := signals()
	fmt.Println("running")
	for s := range stop {
		fmt.Println("ignoring:", s)
	}
	return 0, nil
}

func stopAfterTerm(args []string) (int, error) {
	after, err := duration(args, 0, time.Second)
	if err != nil {
		return 2, err
	}
	stop := signals()
	fmt.Println("running")
	fmt.Println("stopping slowly:", <-stop)
	<-time.After(after)
	return 0, nil
}

func stopTouch(args []string) (int, error) {
	if len(args) < 2 {
		return 2, fmt.Errorf("stop-touch wants DURATION FILE, got %q", args)
	}
	if code, err := stopAfterTerm(args); err != nil {
		return code, err
	}
	return 0, os.WriteFile(args[1], []byte("stopped\n"), 0o666)
}

func slowStart(args []string) (int, error) {
	after, err := duration(args, 0, time.Second)
	if err != nil || len(args) < 2 {
		return 2, fmt.Errorf("slow-start wants DURATION FILE, got %q", args)
	}
	if err := os.Remove(args[1]); err != nil && !os.IsNotExist(err) {
		return 2, err
	}
	stop := signals()
	fmt.Println("starting")
	select {
	case <-time.After(after):
	case <-stop:
		return 0, nil
	}
	if err := os.WriteFile(args[1], nil, 0o666); err != nil {
		return 2, err
	}
	fmt.Println("ready")
	<-stop
	return 0, nil
}

func health(args []string) (int, error) {
	if len(args) != 1 {
		return 2, fmt.Errorf("health wants FILE, got %q", args)
	}
	if _, err := os.Stat(args[0]); err != nil {
		return 1, fmt.Errorf("not ready: %w", err)
	}
	fmt.Println("ready")
	return 0, nil
}

func sickAfter(args []string) (int, error) {
	after, err := duration(args, 0, time.Second)
	if err != nil || len(args) < 2 {
		return 2, fmt.Errorf("unhealthy-after wants DURATION FILE, got %q", args)
	}
	if err := os.WriteFile(args[1], nil, 0o666); err != nil {
		return 2, err
	}
	stop := signals()
	fmt.Println("ready")
	select {
	case <-time.After(after):
	case <-stop:
		return 0, nil
	}
	if err := os.Remove(args[1]); err != nil {
		return 2, err
	}
	fmt.Println("no longer ready")
	<-stop
	return 0, nil
}

func env([]string) (int, error) {
	out := json.NewEncoder(os.Stdout)
	out.SetEscapeHTML(false)
	if err := out.Encode(os.Environ()); err != nil {
		return 2, err
	}
	return run(nil)
}

func alloc(args []string) (int, error) {
	size, err := number(args, 0)
	if err != nil {
		return 2, err
	}
	memory := make([]byte, size)
	for i := 0; i < len(memory); i += os.Getpagesize() {
		memory[i] = 1
	}
	fmt.Println("allocated", size)
	code, err := run(nil)
	fmt.Println("first byte", memory[0]) // keeps it alive until here
	return code, err
}

func printLines(args []string) (int, error) {
	fmt.Println(strings.Join(args, "\n"))
	return run(nil)
}

func touch(args []string) (int, error) {
	if len(args) != 1 {
		return 2, fmt.Errorf("touch wants FILE, got %q", args)
	}
	if err := os.WriteFile(args[0], []byte("touched\n"), 0o666); err != nil {
		return 1, err
	}
	fmt.Println("touched", args[0])
	return run(nil)
}

func single(args []string) (int, error) {
	if len(args) < 1 || len(args) > 2 {
		return 2, fmt.Errorf("single wants FILE [DURATION], got %q", args)
	}
	file, err := os.OpenFile(args[0], os.O_CREATE|os.O_RDWR, 0o666)
	if err != nil {
		return 2, err
	}
	defer file.Close()
	if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return 77, fmt.Errorf("overlap: another one runs: %w", err)
	}
	if len(args) == 2 {
		return stopAfterTerm(args[1:])
	}
	return run(nil)
}

// signals gives the requests to stop. It is called before a mode prints that it runs, so that a test which has seen
// that line may send one.
func signals() <-chan os.Signal {
	c := make(chan os.Signal, 4)
	signal.Notify(c, syscall.SIGTERM, syscall.SIGINT)
	return c
}

func number(args []string, i int) (int, error) {
	if i >= len(args) {
		return 0, fmt.Errorf("argument %d is missing in %q", i+1, args)
	}
	return strconv.Atoi(args[i])
}

func duration(args []string, i int, otherwise time.Duration) (time.Duration, error) {
	if i >= len(args) {
		return otherwise, nil
	}
	return time.ParseDuration(args[i])
}
