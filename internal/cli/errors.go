package cli

import (
	"context"
	"errors"
	"fmt"

	"github.com/alienplatform/alien-go/internal/cli/output"
	"github.com/alienplatform/alien-go/internal/deploy"
	"github.com/alienplatform/alien-go/internal/manifest"
)

// failure is an error with everything Run needs to end the command: its exit code, a stable code and a remedy.
type failure struct {
	exit     int
	code     string // stable, for programs and for `alien explain`
	message  string
	hint     string
	findings []manifest.Finding
	// shown says that standard output already carries the result with this error in it.
	shown bool
	// silent says that the result itself tells everything: nothing is added on standard error.
	silent bool
	err    error
}

// Error is the message alone; the hint is a line of its own.
func (f *failure) Error() string { return f.message }

// Unwrap gives the cause.
func (f *failure) Unwrap() error { return f.err }

// The codes of errors that arise here and nowhere else; ownCodes explains them.
const (
	codeUsage   = "USAGE"
	codeRefused = "PREFLIGHT_REFUSED"
	codeUnready = "NOT_READY"
	codeTimeout = "TIMED_OUT"
	codeChanges = "CHANGES"
)

// usagef is wrong usage: exit code 2.
func usagef(hint, format string, args ...any) *failure {
	return &failure{exit: exitUsage, code: codeUsage, message: fmt.Sprintf(format, args...), hint: hint}
}

// asFailure gives every error the shape a command ends with. One that a signal caused has the signal's exit code.
func asFailure(ctx context.Context, err error) *failure {
	f := plainFailure(err)
	signal, ok := interruption(ctx)
	if !ok || f.exit == exitUsage || f.exit == exitRefused {
		return f
	}
	g := *f
	g.exit, g.code = SignalCode(signal), string(deploy.Interrupted)
	if errors.Is(err, context.Canceled) || f.code == string(deploy.EngineUnreachable) { // it was not waited for to the end
		g.message, g.hint = deploy.Interrupt{Signal: signal}.Error(), ""
	}
	return &g
}

// untilStopped ends a command that goes on until a signal: when one came, nothing went wrong, and there is nothing to say.
func untilStopped(ctx context.Context, err error) error {
	signal, ok := interruption(ctx)
	if !ok {
		return err
	}
	stop := deploy.Interrupt{Signal: signal}
	return &failure{exit: SignalCode(signal), code: string(deploy.Interrupted), message: stop.Error(), shown: true, silent: true, err: stop}
}

func plainFailure(err error) *failure {
	var f *failure
	if errors.As(err, &f) {
		return f
	}
	var p *deploy.Problem
	if errors.As(err, &p) {
		return problemFailure(p, err)
	}
	return &failure{exit: exitFailed, code: string(deploy.OperationFailed), message: err.Error(), err: err}
}

// problemFailure carries the problem's own hint, or points to what is known of its code.
func problemFailure(p *deploy.Problem, err error) *failure {
	hint := p.Hint
	if hint == "" {
		hint = explainHint(string(p.Reason))
	}
	exit := exitFailed
	if p.Reason == deploy.DaemonUnknown {
		exit = exitUsage
	}
	return &failure{exit: exit, code: string(p.Reason), message: err.Error(), hint: hint, err: err}
}

// explainHint points to what is known of a code.
func explainHint(code string) string { return "alien explain " + code }

// toOutput is the failure as programs see it.
func (f *failure) toOutput() *output.Failure {
	return &output.Failure{Code: f.code, Message: f.message, Hint: f.hint, ExitCode: f.exit}
}
