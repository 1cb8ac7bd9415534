package output

import (
	"encoding/json"
	"time"

	"github.com/alienplatform/alien-go/internal/commands/api"
)

// Command is a command, and how it ended where it has.
type Command struct {
	Head
	CommandID    string          `json:"commandId"`
	State        string          `json:"state,omitempty" doc:"PENDING_UPLOAD, PENDING, DISPATCHED, SUCCEEDED, FAILED or EXPIRED; absent where nobody waited for it"`
	Attempt      int64           `json:"attempt,omitempty" doc:"how often it was delivered, from 1"`
	Target       string          `json:"target,omitempty" doc:"the daemon"`
	Result       json.RawMessage `json:"result,omitempty" doc:"what the daemon answered, where that is JSON"`
	ResultBase64 string          `json:"resultBase64,omitempty" doc:"what the daemon answered, where it is not"`
	Failure      *CommandFailure `json:"failure,omitempty" doc:"the error that the daemon answered with"`
	Error        *Failure        `json:"error,omitempty"`
}

// CommandFailure is a daemon's answer to a command that failed.
type CommandFailure struct {
	Code    string `json:"code" doc:"the daemon's own, or UNKNOWN_COMMAND, HANDLER_ERROR, HANDLER_TIMEOUT …"`
	Message string `json:"message"`
	Details string `json:"details,omitempty"`
}

// Commands lists commands.
type Commands struct {
	Head
	Deployment string          `json:"deployment"`
	Commands   []ListedCommand `json:"commands" doc:"the newest first"`
}

// ListedCommand is a command in a list.
type ListedCommand struct {
	CommandID  string    `json:"commandId"`
	Command    string    `json:"command"`
	Target     string    `json:"target"`
	State      string    `json:"state"`
	Attempt    int64     `json:"attempt"`
	CreatedAt  time.Time `json:"createdAt"`
	FinishedAt time.Time `json:"finishedAt,omitzero"`
	Deadline   time.Time `json:"deadline,omitzero"`
	ErrorCode  string    `json:"errorCode,omitempty"`
}

// NewCommands is a list as the manager gives it.
func NewCommands(deployment string, list api.Commands) Commands {
	doc := Commands{Head: NewHead(KindCommands), Deployment: deployment, Commands: []ListedCommand{}}
	for _, c := range list.Commands {
		doc.Commands = append(doc.Commands, ListedCommand{
			CommandID: c.CommandID, Command: c.Command, Target: c.Target.ResourceID, State: string(c.State), Attempt: c.Attempt,
			CreatedAt: c.CreatedAt.Time, FinishedAt: c.FinishedAt.Time, Deadline: c.Deadline.Time, ErrorCode: c.ErrorCode,
		})
	}
	return doc
}

// Token is a token; its secret is there only when it was just made.
type Token struct {
	Head
	TokenFields
	Secret string `json:"secret,omitempty" doc:"only of a token that was minted or rotated just now"`
}

// TokenFields are a token without its secret.
type TokenFields struct {
	ID           string    `json:"id"`
	TokenKind    string    `json:"tokenKind" doc:"admin, sender or receiver"`
	DeploymentID string    `json:"deploymentId,omitempty"`
	Target       string    `json:"target,omitempty" doc:"the daemon, of a receiver"`
	Name         string    `json:"name,omitempty"`
	CreatedAt    time.Time `json:"createdAt"`
	RotatedAt    time.Time `json:"rotatedAt,omitzero"`
	ExpiresAt    time.Time `json:"expiresAt,omitzero"`
}

// NewToken is a token as the manager gives it.
func NewToken(t api.Token) Token {
	return Token{TokenFields: TokenFields{
		ID: t.ID, TokenKind: string(t.Kind), DeploymentID: t.DeploymentID, Target: t.TargetResourceID, Name: t.Name,
		CreatedAt: t.CreatedAt.Time, RotatedAt: t.RotatedAt.Time, ExpiresAt: t.ExpiresAt.Time,
	}}
}

// Tokens lists tokens.
type Tokens struct {
	Head
	Tokens []TokenFields `json:"tokens" doc:"the oldest first"`
}

// NewTokens is a list as the manager gives it.
func NewTokens(tokens []api.Token) Tokens {
	doc := Tokens{Head: NewHead(KindTokens), Tokens: []TokenFields{}}
	for _, t := range tokens {
		doc.Tokens = append(doc.Tokens, NewToken(t).TokenFields)
	}
	return doc
}

// Revoked says that a token works no more.
type Revoked struct {
	Head
	ID string `json:"id"`
}
