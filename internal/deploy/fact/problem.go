package fact

import "fmt"

// Problem is a cause that users can be told about: the same code and wording on every platform.
type Problem struct {
	Reason  Reason
	Message string // what happened, with the names involved
	Hint    string // what to do in this very case; empty leaves it to the reason's explanation
	Err     error  // what the platform said, where it says more
}

// Error gives the message and what the platform said.
func (p *Problem) Error() string {
	if p.Err != nil {
		return p.Message + ": " + p.Err.Error()
	}
	return p.Message
}

// Unwrap gives what the platform said.
func (p *Problem) Unwrap() error { return p.Err }

// Refused is the problem of a workload that the runtime refuses to start, in the same words on every platform. subject
// is what it stumbled over, the command, the user or the path; empty where the runtime does not tell.
func Refused(r Reason, subject string) *Problem {
	words := map[Reason][2]string{ // with and without a subject
		CommandNotFound:      {"the command %s is not in the image", "the command is not in the image"},
		CommandNotExecutable: {"the command %s may not be executed", "the command may not be executed"},
		ExecFormat:           {"the command %s is not a program for this machine", "the command is not a program for this machine"},
		UserUnknown:          {"the user or group %s does not exist in the image", "the user or group does not exist in the image"},
		MountSourceMissing:   {"the mounted path %s does not exist on the host", "a mounted path does not exist on the host"},
		ConfigRefused:        {"the runtime refuses %s", "the runtime refuses the configuration"},
	}[r]
	if subject == "" {
		return &Problem{Reason: r, Message: words[1]}
	}
	return &Problem{Reason: r, Message: fmt.Sprintf(words[0], subject)}
}
