package fact

// Reason is a stable code for why something could not be done. The codes are the same on every platform.
type Reason string

// The reasons. deploy.Reasons explains each; a test holds the two together.
const (
	ImageNotFound       Reason = "IMAGE_NOT_FOUND"
	ImageDenied         Reason = "IMAGE_DENIED"
	ImageRateLimited    Reason = "IMAGE_RATE_LIMITED"
	ImagePlatform       Reason = "IMAGE_PLATFORM_MISMATCH"
	ImageInvalid        Reason = "IMAGE_INVALID"
	ImageNotPresent     Reason = "IMAGE_NOT_PRESENT" // pull policy never
	RegistryUnreachable Reason = "REGISTRY_UNREACHABLE"

	CommandNotFound      Reason = "COMMAND_NOT_FOUND"
	CommandNotExecutable Reason = "COMMAND_NOT_EXECUTABLE"
	ExecFormat           Reason = "EXEC_FORMAT_ERROR"
	UserUnknown          Reason = "USER_UNKNOWN"
	MountSourceMissing   Reason = "MOUNT_SOURCE_MISSING"
	ConfigRefused        Reason = "CONFIG_REFUSED" // the runtime refuses the configuration

	SecretMissing         Reason = "SECRET_NOT_FOUND" // of a cluster; or a key of it
	ServiceAccountMissing Reason = "SERVICE_ACCOUNT_NOT_FOUND"
	Unschedulable         Reason = "UNSCHEDULABLE"
	QuotaExceeded         Reason = "QUOTA_EXCEEDED"
	AdmissionDenied       Reason = "ADMISSION_DENIED"

	CrashLoop    Reason = "CRASH_LOOP"
	ExitedZero   Reason = "EXITED_ZERO"
	OOMKilled    Reason = "OOM_KILLED"
	UnhealthyNow Reason = "UNHEALTHY"
	StoppedHand  Reason = "STOPPED_BY_HAND" // while up waited
	StartTimeout Reason = "START_TIMEOUT"
	StopTimeout  Reason = "STOP_TIMEOUT"

	NameTaken          Reason = "NAME_TAKEN"
	StackTaken         Reason = "STACK_NAME_TAKEN"
	LockHeld           Reason = "LOCK_HELD"
	LockLost           Reason = "LOCK_LOST"
	EngineUnreachable  Reason = "ENGINE_UNREACHABLE"
	EngineDenied       Reason = "ENGINE_DENIED"
	CredentialsRefused Reason = "CREDENTIALS_REFUSED" // expired, or of nobody the target knows
	NamespaceMissing   Reason = "NAMESPACE_NOT_FOUND"
	Autoscaled         Reason = "DAEMON_AUTOSCALED"
	FieldConflict      Reason = "FIELD_CONFLICT" // another tool or person manages what we would set
	NotFound           Reason = "NOT_FOUND"      // nothing of the name exists
	DaemonUnknown      Reason = "DAEMON_UNKNOWN" // a daemon was named that there is none of: a usage error
	Interrupted        Reason = "INTERRUPTED"
	OperationFailed    Reason = "OPERATION_FAILED"   // the platform could not do it, for a cause without a code of its own
	Unavailable        Reason = "TARGET_UNAVAILABLE" // a platform or runtime that this build or machine does not have
)

// Operational says that a reason is about the target or the run itself, and tells nothing of the daemon: such a failure
// is one of an operation, not of a daemon's start.
func (r Reason) Operational() bool {
	switch r {
	case EngineUnreachable, EngineDenied, OperationFailed, LockHeld, LockLost, StackTaken, NotFound, DaemonUnknown, Unavailable,
		CredentialsRefused, NamespaceMissing:
		return true
	}
	return false
}
