package cli

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/alienplatform/alien-go/commands"
	"github.com/alienplatform/alien-go/internal/cli/output"
	"github.com/alienplatform/alien-go/internal/cli/ui"
)

func newCommandsCmd(d *deps, c *common) *cobra.Command {
	cmd := &cobra.Command{Use: "commands", Short: "Send commands to daemons that take them, and look at them"}
	c.addManagerFlags(cmd)
	cmd.AddCommand(newInvokeCmd(d, c), newCommandGetCmd(d, c), newCommandListCmd(d, c))
	return group(cmd)
}

type invokeOptions struct {
	deployment, target, command, params, paramsFile, deadline, key string
	timeout                                                        time.Duration
	noWait                                                         bool
}

func newInvokeCmd(d *deps, c *common) *cobra.Command {
	o := &invokeOptions{}
	cmd := &cobra.Command{
		Use:   "invoke",
		Short: "Send a command and print its result",
		Long: "Sends a command to a daemon of a deployment, waits, and prints the result, by convention JSON. A command that fails exits 1, with its " +
			"code and message on standard error; one that expires, or that is not waited for any longer, exits 5.",
		Example: "  alien commands invoke --deployment edge --command greet --params '{\"name\":\"Ada\"}'\n" +
			"  jq -n '{full:true}' | alien commands invoke --deployment edge --target indexer --command reindex --params-file - --deadline 10m",
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return runInvoke(cmd.Context(), d, c, *o) },
	}
	f := cmd.Flags()
	f.StringVar(&o.deployment, "deployment", "", "`id` of the deployment: the stack's name, unless its values file says otherwise")
	f.StringVar(&o.target, "target", "", "`name` of the daemon (default: the only one that takes commands)")
	f.StringVar(&o.command, "command", "", "`name` of the command")
	f.StringVar(&o.params, "params", "", "parameters as `JSON` (default: null)")
	f.StringVar(&o.paramsFile, "params-file", "", "`path` of a file with the parameters, - for standard input")
	addDuration(f, &o.timeout, "timeout", time.Minute, time.Millisecond, "how long to wait for the result; the command goes on after that")
	f.StringVar(&o.deadline, "deadline", "", "`when` the command expires if it is not done: a duration from now, or a time such as 2026-03-01T10:00:00Z (default: never)")
	f.StringVar(&o.key, "idempotency-key", "", "`text` that makes sending the same command again, within a day, mean the first one")
	f.BoolVar(&o.noWait, "no-wait", false, "print the command's id and do not wait for the result")
	completeFlag(cmd, "params-file", completeFiles("json"))
	return cmd
}

func runInvoke(ctx context.Context, d *deps, c *common, o invokeOptions) error {
	r, err := o.request(d)
	if err != nil {
		return err
	}
	s, err := d.sender(c, o.deployment)
	if err != nil {
		return err
	}
	id, err := s.Create(ctx, r)
	if err != nil {
		return commandFailure(err)
	}
	if o.noWait {
		doc := output.Command{Head: output.NewHead(output.KindCommand), CommandID: id}
		return d.print(c, doc, func(ui.Theme) string { return id + "\n" })
	}
	waiting, cancel := context.WithTimeout(ctx, o.timeout)
	defer cancel()
	status, err := s.Wait(waiting, id)
	var result []byte
	if err == nil {
		result, err = s.Output(ctx, status)
	}
	return d.conclude(ctx, c, status, result, err)
}

// conclude prints how a command ended: the bare result for people and pipes, or a document.
func (d *deps) conclude(ctx context.Context, c *common, status commands.Status, result []byte, err error) error {
	doc := commandDocument(status, result)
	var f *failure
	if err != nil {
		f = asFailure(ctx, commandFailure(err))
		doc.Error = f.toOutput()
	}
	if f == nil || c.format() != output.Text {
		if err := d.print(c, doc, func(ui.Theme) string { return lineOf(result) }); err != nil {
			return err
		}
	}
	if f == nil {
		return nil
	}
	g := *f
	g.shown = true
	return &g
}

// lineOf is a result with a line break after it, where it has none.
func lineOf(result []byte) string {
	if n := len(result); n > 0 && result[n-1] == '\n' {
		return string(result)
	}
	return string(result) + "\n"
}

func commandDocument(s commands.Status, result []byte) output.Command {
	doc := output.Command{Head: output.NewHead(output.KindCommand), CommandID: s.ID, State: string(s.State), Attempt: s.Attempt, Target: s.Target}
	switch {
	case result == nil:
	case json.Valid(result):
		doc.Result = result
	default:
		doc.ResultBase64 = base64.StdEncoding.EncodeToString(result)
	}
	if s.Failure != nil {
		doc.Failure = &output.CommandFailure{Code: s.Failure.Code, Message: s.Failure.Message, Details: s.Failure.Details}
	}
	return doc
}

// request is what the flags ask for.
func (o invokeOptions) request(d *deps) (commands.Request, error) {
	r := commands.Request{Command: o.command, Target: o.target, IdempotencyKey: o.key}
	switch {
	case o.deployment == "":
		return r, usagef("", "--deployment is missing")
	case o.command == "":
		return r, usagef("", "--command is missing")
	case o.params != "" && o.paramsFile != "":
		return r, usagef("drop one of them", "--params and --params-file contradict each other")
	case o.params != "" && !json.Valid([]byte(o.params)):
		return r, usagef(`quote it for the shell: --params '{"name":"Ada"}'`, "--params: it is not JSON")
	case o.params != "":
		r.Params = []byte(o.params)
	}
	var err error
	if r.Deadline, err = deadlineOf(o.deadline, d.now()); err != nil {
		return r, err
	}
	if o.paramsFile == "" {
		return r, nil
	}
	if r.Params, err = d.readParams(o.paramsFile); err != nil {
		return r, usagef("", "cannot read the parameters: %v", err)
	}
	return r, nil
}

// readParams takes bytes as they are: not every handler wants JSON.
func (d *deps) readParams(path string) ([]byte, error) {
	if path == "-" {
		return io.ReadAll(d.streams.In)
	}
	return os.ReadFile(path)
}

// deadlineOf reads a duration from now, or a point in time.
func deadlineOf(text string, now time.Time) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	if d, err := time.ParseDuration(text); err == nil && d > 0 {
		return now.Add(d), nil
	}
	at, err := time.Parse(time.RFC3339, text)
	switch {
	case err != nil:
		return at, usagef("", "--deadline: cannot use %q: it takes a duration such as 10m, or a time such as 2026-03-01T10:00:00Z", text)
	case !at.After(now):
		return at, usagef("", "--deadline: %s has passed", text)
	}
	return at, nil
}

// sender sends to a deployment through the manager that is known.
func (d *deps) sender(c *common, deployment string) (*commands.Client, error) {
	m, err := d.managerFor(c)
	if err != nil {
		return nil, err
	}
	s, err := commands.New(commands.Options{ManagerURL: m.base, DeploymentID: deployment, Token: m.key, AllowLocalStorage: true})
	if err != nil {
		return nil, commandFailure(err)
	}
	return s, nil
}

// commandFailure is why there is no result, with the exit code that says how that came.
func commandFailure(err error) error {
	var failed *commands.Failure
	var own *commands.Error
	switch {
	case errors.As(err, &failed):
		message := failed.Message
		if failed.Details != "" {
			message += " (" + failed.Details + ")"
		}
		return &failure{exit: exitFailed, code: failed.Code, message: message, err: err}
	case errors.As(err, &own):
		f := &failure{exit: exitFailed, code: own.Code, message: own.Message, err: err}
		switch own.Code {
		case commands.CodeExpired:
			f.exit = exitTimeout
		case commands.CodeTimeout:
			f.exit, f.hint = exitTimeout, fmt.Sprintf("it goes on; alien commands get %s shows how it ends", own.CommandID)
		case commands.CodeManagerHTTP:
			f.code = own.ManagerCode
		case commands.CodeCreationFailed, commands.CodeStatusFailed:
			f.hint = "is the manager running? alien serve starts one; --manager URL names another"
		}
		return f
	}
	return err
}

func newCommandGetCmd(d *deps, c *common) *cobra.Command {
	return &cobra.Command{
		Use:     "get COMMAND-ID",
		Short:   "Show where a command stands, and its result",
		Long:    "Prints a command's state, and its result or error where it is done. The exit code says whether that could be found out, not how the command ended.",
		Example: "  alien commands get cmd_4f0c\n  alien commands get cmd_4f0c -o json",
		Args:    oneArg("a command's id"),
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx := cmd.Context()
			s, err := d.sender(c, "-") // a status needs no deployment
			if err != nil {
				return err
			}
			status, err := s.Get(ctx, args[0])
			if err != nil {
				return commandFailure(err)
			}
			var result []byte
			if status.State == commands.Succeeded {
				if result, err = s.Output(ctx, status); err != nil {
					return commandFailure(err)
				}
			}
			doc := commandDocument(status, result)
			return d.print(c, doc, func(t ui.Theme) string { return commandText(t, doc, result) })
		},
	}
}

func commandText(t ui.Theme, doc output.Command, result []byte) string {
	s := fmt.Sprintf("%s: %s, attempt %d, target %s\n", t.Bold(doc.CommandID), doc.State, doc.Attempt, ui.Plain(doc.Target))
	if doc.Failure != nil {
		s += fmt.Sprintf("%s: %s\n", t.Red(ui.Plain(doc.Failure.Code)), ui.Plain(doc.Failure.Message))
	}
	if result != nil {
		s += lineOf(result)
	}
	return s
}

type commandListOptions struct {
	deployment, state string
	limit             int
}

func newCommandListCmd(d *deps, c *common) *cobra.Command {
	o := &commandListOptions{}
	cmd := &cobra.Command{
		Use:     "list",
		Aliases: []string{"ls"},
		Short:   "List a deployment's commands, the newest first",
		Long:    "Lists what the manager still has of a deployment's commands, the newest first, without parameters and results.",
		Example: "  alien commands list --deployment edge\n  alien commands list --deployment edge --state FAILED -o json",
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if o.deployment == "" {
				return usagef("", "--deployment is missing")
			}
			m, err := d.managerFor(c)
			if err != nil {
				return err
			}
			list, err := m.api().Commands(cmd.Context(), o.deployment, o.state, o.limit)
			if err != nil {
				return managerFailure(err)
			}
			doc := output.NewCommands(o.deployment, list)
			return d.print(c, doc, func(t ui.Theme) string { return commandTable(t, doc, d.now()) })
		},
	}
	f := cmd.Flags()
	f.StringVar(&o.deployment, "deployment", "", "`id` of the deployment")
	enum(cmd, f, &o.state, "state", "", "", "only those in this `state`", "PENDING_UPLOAD", "PENDING", "DISPATCHED", "SUCCEEDED", "FAILED", "EXPIRED")
	f.IntVar(&o.limit, "limit", 100, "the most to list, up to 1000")
	return cmd
}

func commandTable(t ui.Theme, doc output.Commands, now time.Time) string {
	if len(doc.Commands) == 0 {
		return "no commands of " + ui.Plain(doc.Deployment) + "\n"
	}
	rows := make([][]string, 0, len(doc.Commands))
	for _, x := range doc.Commands {
		rows = append(rows, []string{x.CommandID, ui.Plain(x.Command), ui.Plain(x.Target), x.State, fmt.Sprint(x.Attempt),
			ui.Duration(now.Sub(x.CreatedAt).Round(time.Second)), orDash(ui.Plain(x.ErrorCode))})
	}
	return t.Table([]string{"COMMAND ID", "COMMAND", "TARGET", "STATE", "ATTEMPT", "AGE", "ERROR"}, rows)
}

// oneArg wants exactly one argument.
func oneArg(what string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) != 1 {
			return usagef(orHelp("", cmd), "%q takes %s, and was given %d arguments", cmd.CommandPath(), what, len(args))
		}
		return nil
	}
}
