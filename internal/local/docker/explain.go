package docker

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/docker/docker/api/types/container"

	"github.com/alienplatform/alien-go/internal/deploy"
)

// explain looks for the cause of an exit that the engine does not know: a program that cannot be executed at all ends
// like one that fails, and only the runtime's own line in the log tells. The line becomes the container's error.
func (p *platform) explain(ctx context.Context, in *container.InspectResponse) {
	s := in.State
	began, over := moment(s.StartedAt), moment(s.FinishedAt)
	stopped := !s.Running || s.Restarting
	if !stopped || s.Error != "" || s.ExitCode == 0 || s.ExitCode > 127 && s.ExitCode != 255 || over.Sub(began) > time.Second {
		return
	}
	for line, err := range p.Logs(ctx, in.Config.Labels[labelStack], in.Config.Labels[labelDaemon],
		deploy.LogQuery{Tail: 1, Instance: in.ID}) {
		if err == nil && runtimeSpeaks(line.Text) != nil {
			s.Error = line.Text
		}
	}
}

// Explain implements deploy.Explainer: a program that ended again before anybody looked.
func (p *platform) Explain(lines []string) *deploy.Problem {
	if len(lines) == 0 {
		return nil
	}
	return runtimeSpeaks(lines[len(lines)-1])
}

// runtimeSpeaks recognises what the container runtime writes when it cannot execute a program; nil for anything else.
func runtimeSpeaks(line string) *deploy.Problem {
	if !strings.HasPrefix(line, "exec /") && !strings.Contains(line, "exec user process caused") {
		return nil
	}
	p := refusal(errors.New(line + ": unknown"))
	if p != nil && p.Reason == deploy.ConfigRefused {
		return nil
	}
	return p
}
