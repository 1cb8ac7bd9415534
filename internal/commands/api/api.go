// Package api is the manager's own small API beside the commands protocol: it registers deployments and their
// command-capable daemons, lists commands, and mints, lists, rotates and revokes tokens. openapi.yaml describes it; the types
// are read with wire.Unmarshal, errors have the protocol's shape (wire.Error). Standard library only.
package api

import (
	_ "embed"

	"github.com/alienplatform/alien-go/internal/commands/wire"
)

// OpenAPI is the description of the whole manager, OpenAPI 3.1 in YAML, as it is served at PathOpenAPI.
//
//go:embed openapi.yaml
var OpenAPI []byte

// Paths of the endpoints below the manager's address, as patterns of net/http.
const (
	PathDeployments = "/v1/deployments"
	PathDeployment  = "/v1/deployments/{deploymentId}"
	PathTokens      = "/v1/tokens"
	PathToken       = "/v1/tokens/{tokenId}"
	PathRotate      = "/v1/tokens/{tokenId}/rotate"
	PathOpenAPI     = "/openapi.yaml"
	PathHealthy     = "/healthz" // the process answers
	PathReady       = "/readyz"  // it takes requests
	PathMetrics     = "/metrics"
)

// QueryPolledSince is for PathDeployment: together with "Prefer: wait=SECONDS" it holds the answer until every daemon has asked
// for commands at that time (RFC 3339) or later.
const QueryPolledSince = "polledSince"

// Queries of PathCommands (GET) and PathTokens (GET).
const (
	QueryDeployment = "deploymentId"
	QueryState      = "state"
	QueryLimit      = "limit"
)

// PutDeployment registers a deployment, or changes what is registered. The same request twice changes nothing. A daemon that is
// not named any more loses its tokens; its commands stay.
type PutDeployment struct {
	Name    string      `json:"name,omitempty"` // for people
	Daemons []PutDaemon `json:"daemons"`        // in the order of declaration
}

// PutDaemon is a daemon that takes commands.
type PutDaemon struct {
	ID string `json:"id"` // without ":", and not "operator"
}

// Deployment is a registered deployment.
type Deployment struct {
	DeploymentID string    `json:"deploymentId"`
	Name         string    `json:"name,omitempty"`
	CreatedAt    wire.Time `json:"createdAt"`
	ServerTime   wire.Time `json:"serverTime"` // of this answer, by the manager's clock; to be given back as polledSince
	Daemons      []Daemon  `json:"daemons"`
}

// Daemon is a daemon that takes commands, and what it does.
type Daemon struct {
	ID           string          `json:"id"`
	ResourceType wire.TargetType `json:"resourceType"`
	LastPolledAt wire.Time       `json:"lastPolledAt,omitzero"` // absent where it never has
	Pending      int64           `json:"pending"`               // commands that wait for it, uploads included
	InFlight     int64           `json:"inFlight"`              // commands that it has
}

// Deployments is a list.
type Deployments struct {
	Deployments []Deployment `json:"deployments"`
}

// Kind is what a token is for.
type Kind string

// The kinds of tokens, and what their secrets begin with.
const (
	Admin    Kind = "admin"    // everything
	Sender   Kind = "sender"   // create commands of one deployment and read them
	Receiver Kind = "receiver" // lease and answer the commands of one daemon of one deployment

	PrefixAdmin    = "ax_admin_"
	PrefixSender   = "ax_send_"
	PrefixReceiver = "ax_recv_"
)

// MintToken asks for a token.
type MintToken struct {
	Kind             Kind      `json:"kind"`
	DeploymentID     string    `json:"deploymentId,omitempty"`     // sender, receiver
	TargetResourceID string    `json:"targetResourceId,omitempty"` // receiver: a registered daemon
	Name             string    `json:"name,omitempty"`             // for people
	ExpiresAt        wire.Time `json:"expiresAt,omitzero"`         // absent: never
}

// Token is a token without its secret.
type Token struct {
	ID               string    `json:"id"`
	Kind             Kind      `json:"kind"`
	DeploymentID     string    `json:"deploymentId,omitempty"`
	TargetResourceID string    `json:"targetResourceId,omitempty"`
	Name             string    `json:"name,omitempty"`
	CreatedAt        wire.Time `json:"createdAt"`
	RotatedAt        wire.Time `json:"rotatedAt,omitzero"`
	ExpiresAt        wire.Time `json:"expiresAt,omitzero"`
}

// MintedToken is a new token, or one with a new secret: the only answer that holds it.
type MintedToken struct {
	Token
	Secret string `json:"secret"`
}

// Tokens is a list.
type Tokens struct {
	Tokens []Token `json:"tokens"`
}

// RotateToken gives a token a new secret and keeps its id; the old secret works for GraceSeconds more (nil: none).
type RotateToken struct {
	GraceSeconds *int64 `json:"graceSeconds,omitempty"`
}

// Command is a command in a list, without parameters and response.
type Command struct {
	CommandID    string      `json:"commandId"`
	DeploymentID string      `json:"deploymentId"`
	Command      string      `json:"command"`
	State        wire.State  `json:"state"`
	Attempt      int64       `json:"attempt"`
	Target       wire.Target `json:"target"`
	CreatedAt    wire.Time   `json:"createdAt"`
	FinishedAt   wire.Time   `json:"finishedAt,omitzero"`
	Deadline     wire.Time   `json:"deadline,omitzero"`
	ErrorCode    string      `json:"errorCode,omitempty"`
}

// Commands is a list, the newest first.
type Commands struct {
	Commands []Command `json:"commands"`
}
