// Package output holds the documents that `-o json` and `-o yaml` print: one top-level object per command, with
// apiVersion and kind. Their JSON Schemas are derived from these types, so the two cannot drift apart.
package output

import (
	"time"

	"github.com/alienplatform/alien-go/internal/deploy"
	"github.com/alienplatform/alien-go/internal/manifest"
)

// APIVersion is the version of every document. Within it fields are only ever added.
const APIVersion = "alien.dev/v1"

// Kind says which document it is.
type Kind string

// The kinds.
const (
	KindUp         Kind = "UpReport"
	KindDown       Kind = "DownReport"
	KindRestart    Kind = "RestartReport"
	KindDiff       Kind = "DiffReport"
	KindStatus     Kind = "StatusReport"
	KindStacks     Kind = "StackList"
	KindPreflight  Kind = "PreflightReport"
	KindField      Kind = "FieldExplanation"
	KindCode       Kind = "CodeExplanation"
	KindVersion    Kind = "Version"
	KindLogLine    Kind = "LogLine"
	KindCompletion Kind = "Completion"
	KindCollected  Kind = "CollectionReport"
	KindInstalled  Kind = "InstallationReport"
	KindServing    Kind = "ServingReport"
	KindCommand    Kind = "Command"
	KindCommands   Kind = "CommandList"
	KindToken      Kind = "Token"
	KindTokens     Kind = "TokenList"
	KindRevoked    Kind = "TokenRevocation"
	KindError      Kind = "Error"
)

// Head begins every document.
type Head struct {
	APIVersion string `json:"apiVersion" doc:"version of this document's format"`
	Kind       Kind   `json:"kind" doc:"which document this is"`
}

// NewHead is the head of a document of this kind.
func NewHead(k Kind) Head { return Head{APIVersion: APIVersion, Kind: k} }

// Failure is an error for programs.
type Failure struct {
	Code     string `json:"code" doc:"stable code; alien explain CODE says more"`
	Message  string `json:"message" doc:"what happened"`
	Hint     string `json:"hint,omitempty" doc:"what to do"`
	ExitCode int    `json:"exitCode" doc:"exit code of the command"`
}

// Target is where a command worked.
type Target struct {
	Platform string `json:"platform" doc:"local or kubernetes"`
	Runtime  string `json:"runtime,omitempty" doc:"docker or process, of the local platform"`
	Place    string `json:"place,omitempty" doc:"where exactly: the engine's host, or context, cluster and namespace"`
}

// NewTarget is a target for documents; place is empty while it is not known.
func NewTarget(t manifest.Target, place string) Target {
	return Target{Platform: string(t.Platform), Runtime: string(t.Runtime), Place: place}
}

// Error is what a command prints that failed before it had a result.
type Error struct {
	Head
	Error    Failure            `json:"error"`
	Findings []manifest.Finding `json:"findings,omitempty" doc:"what is wrong with the manifest, in the order of the file"`
}

// Change is the end of up, down and restart.
type Change struct {
	Head
	Stack       string             `json:"stack"`
	Target      Target             `json:"target"`
	DryRun      bool               `json:"dryRun,omitempty" doc:"nothing was changed: this is the plan"`
	Plan        deploy.Plan        `json:"plan" doc:"what was to be done"`
	Daemons     []DaemonResult     `json:"daemons" doc:"how each daemon of the plan ended, by name"`
	KeptData    []deploy.Data      `json:"keptData,omitempty" doc:"places of data that are still there"`
	Findings    []manifest.Finding `json:"findings,omitempty" doc:"warnings about the manifest"`
	TookSeconds float64            `json:"tookSeconds"`
	Error       *Failure           `json:"error,omitempty"`
}

// DaemonResult is how one daemon ended.
type DaemonResult struct {
	Daemon      string          `json:"daemon"`
	Action      deploy.Action   `json:"action"`
	Outcome     deploy.Outcome  `json:"outcome"`
	TookSeconds float64         `json:"tookSeconds"`
	Restarts    int             `json:"restarts" doc:"restarts by the runtime, at the last look"`
	State       deploy.State    `json:"state,omitempty" doc:"at the last look"`
	Verdict     *deploy.Verdict `json:"verdict,omitempty" doc:"why it did not become ready"`
}

// Diff is what up would change.
type Diff struct {
	Head
	Stack    string             `json:"stack"`
	Target   Target             `json:"target"`
	Changed  bool               `json:"changed"`
	Plan     deploy.Plan        `json:"plan"`
	Findings []manifest.Finding `json:"findings,omitempty" doc:"warnings about the manifest"`
	Error    *Failure           `json:"error,omitempty"`
}

// Status is what runs of a stack.
type Status struct {
	Head
	Stack   string          `json:"stack"`
	Target  Target          `json:"target"`
	Time    time.Time       `json:"time"`
	Ready   bool            `json:"ready" doc:"every daemon is ready"`
	Daemons []deploy.Status `json:"daemons" doc:"what exists or should exist, by name"`
	Error   *Failure        `json:"error,omitempty"`
}

// Stacks lists every stack on a target.
type Stacks struct {
	Head
	Target Target                `json:"target"`
	Stacks []deploy.StackSummary `json:"stacks"`
}

// Preflight is the outcome of the checks that need no engine.
type Preflight struct {
	Head
	Stack    string             `json:"stack,omitempty"`
	OK       bool               `json:"ok"`
	Targets  []TargetCheck      `json:"targets"`
	Findings []manifest.Finding `json:"findings" doc:"in the order of the file; target names the one a finding is limited to"`
	Error    *Failure           `json:"error,omitempty"`
}

// TargetCheck is the outcome for one target.
type TargetCheck struct {
	Target   Target `json:"target"`
	OK       bool   `json:"ok"`
	Errors   int    `json:"errors"`
	Warnings int    `json:"warnings"`
}

// CodeExplanation says what a stable code means.
type CodeExplanation struct {
	Head
	manifest.CodeInfo
}

// FieldExplanation says what a manifest field means, and on which targets it works.
type FieldExplanation struct {
	Head
	Field       string         `json:"field"`
	Type        string         `json:"type"`
	Default     string         `json:"default,omitempty"`
	Description string         `json:"description"`
	Targets     []FieldSupport `json:"targets"`
	Fields      []string       `json:"fields,omitempty" doc:"the fields inside it"`
}

// FieldSupport is how one target treats a field.
type FieldSupport struct {
	Target    string   `json:"target"`
	Supported bool     `json:"supported"`
	Values    []string `json:"values,omitempty" doc:"the only values that work there"`
	Note      string   `json:"note,omitempty" doc:"what is particular there, or why it is refused"`
	Instead   string   `json:"instead,omitempty" doc:"what to do where it is refused"`
}

// Version says which build this is.
type Version struct {
	Head
	Version string `json:"version"`
	Commit  string `json:"commit,omitempty"`
	Date    string `json:"date,omitempty"`
	Go      string `json:"go"`
	OS      string `json:"os"`
	Arch    string `json:"arch"`
}

// LogLine is one line of a daemon's output; logs print one such object per line.
type LogLine struct {
	Head
	Stack  string    `json:"stack"`
	Daemon string    `json:"daemon"`
	Time   time.Time `json:"time"`
	Stream string    `json:"stream" enum:"stdout,stderr,marker" doc:"marker: a note of ours about a restart or replacement"`
	Text   string    `json:"text"`
}

// Completion is a shell's completion script.
type Completion struct {
	Head
	Shell  string `json:"shell"`
	Script string `json:"script"`
}

// Collected is what runtime gc freed.
type Collected struct {
	Head
	FreedBytes int64 `json:"freedBytes"`
}

// Installed is what runtime install wrote.
type Installed struct {
	Head
	Unit    string `json:"unit" doc:"path of the systemd unit"`
	Enabled string `json:"enabled" doc:"path of the link that makes systemd start it"`
	Hint    string `json:"hint" doc:"when it takes effect"`
}

// Serving is what alien serve prints once it takes requests.
type Serving struct {
	Head
	BaseURL   string   `json:"baseUrl" doc:"where others reach the manager"`
	Listeners []string `json:"listeners" doc:"URLs of the addresses that it listens on, in the order of --listen"`
	State     string   `json:"state" doc:"the directory that holds everything"`
	AdminKey  string   `json:"adminKey,omitempty" doc:"only at the first start: the key that may do everything; it is not shown again"`
}
