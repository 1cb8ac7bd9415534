package deploy

import "github.com/alienplatform/alien-go/internal/deploy/fact"

// What platforms tell of daemons, in deploy's name.
type (
	// Problem is fact.Problem.
	Problem = fact.Problem
	// Reason is fact.Reason.
	Reason = fact.Reason
	// State is fact.State.
	State = fact.State
	// Health is fact.Health.
	Health = fact.Health
	// Observation is fact.Observation.
	Observation = fact.Observation
	// Exit is fact.Exit.
	Exit = fact.Exit
	// Probe is fact.Probe.
	Probe = fact.Probe
	// LogQuery is fact.LogQuery.
	LogQuery = fact.LogQuery
	// LogLine is fact.LogLine.
	LogLine = fact.LogLine
)

// Refused is fact.Refused.
func Refused(r Reason, subject string) *Problem { return fact.Refused(r, subject) }

// The states.
const (
	Created = fact.Created
	Running = fact.Running
	BackOff = fact.BackOff
	Stopped = fact.Stopped
	Paused  = fact.Paused
	Gone    = fact.Gone
)

// The health outcomes.
const (
	NoCheck   = fact.NoCheck
	Starting  = fact.Starting
	Healthy   = fact.Healthy
	Unhealthy = fact.Unhealthy
)

// The reasons.
const (
	ImageNotFound         = fact.ImageNotFound
	ImageDenied           = fact.ImageDenied
	ImageRateLimited      = fact.ImageRateLimited
	ImagePlatform         = fact.ImagePlatform
	ImageInvalid          = fact.ImageInvalid
	ImageNotPresent       = fact.ImageNotPresent
	RegistryUnreachable   = fact.RegistryUnreachable
	CommandNotFound       = fact.CommandNotFound
	CommandNotExecutable  = fact.CommandNotExecutable
	ExecFormat            = fact.ExecFormat
	UserUnknown           = fact.UserUnknown
	MountSourceMissing    = fact.MountSourceMissing
	ConfigRefused         = fact.ConfigRefused
	SecretMissing         = fact.SecretMissing
	ServiceAccountMissing = fact.ServiceAccountMissing
	Unschedulable         = fact.Unschedulable
	QuotaExceeded         = fact.QuotaExceeded
	AdmissionDenied       = fact.AdmissionDenied
	CrashLoop             = fact.CrashLoop
	ExitedZero            = fact.ExitedZero
	OOMKilled             = fact.OOMKilled
	UnhealthyNow          = fact.UnhealthyNow
	StoppedHand           = fact.StoppedHand
	StartTimeout          = fact.StartTimeout
	StopTimeout           = fact.StopTimeout
	NameTaken             = fact.NameTaken
	StackTaken            = fact.StackTaken
	LockHeld              = fact.LockHeld
	LockLost              = fact.LockLost
	EngineUnreachable     = fact.EngineUnreachable
	EngineDenied          = fact.EngineDenied
	CredentialsRefused    = fact.CredentialsRefused
	NamespaceMissing      = fact.NamespaceMissing
	Autoscaled            = fact.Autoscaled
	FieldConflict         = fact.FieldConflict
	NotFound              = fact.NotFound
	DaemonUnknown         = fact.DaemonUnknown
	Interrupted           = fact.Interrupted
	OperationFailed       = fact.OperationFailed
	Unavailable           = fact.Unavailable
)
