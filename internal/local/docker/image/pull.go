package image

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/docker/docker/api/types/image"

	"github.com/alienplatform/alien-go/internal/deploy"
)

// reportEvery is the least time between two reports of progress; the engine sends hundreds of lines a second.
const reportEvery = 100 * time.Millisecond

// pull fetches an image and gives the digest that the reference had at the registry.
func (s *Store) pull(ctx context.Context, ref reference, report func(deploy.Progress)) (digest string, err error) {
	auth, loginErr := s.login.header(ref.host())
	for try := 1; ; try++ {
		err = s.transfer(ctx, func() error {
			report(deploy.Progress{Phase: deploy.Pulling, Detail: ref.text})
			digest, err = s.pullOnce(ctx, ref, auth, report)
			return err
		})
		if err == nil || ctx.Err() != nil {
			return digest, ctx.Err()
		}
		fault := classify(ref, err)
		if !fault.transient || try == tries {
			return "", fault.problem(ref, err, loginErr)
		}
		pause := s.pause(try)
		report(deploy.Progress{
			Phase: deploy.Pulling,
			Detail: fmt.Sprintf("%s; trying again in %s (try %d of %d)",
				plain(err), pause.Round(100*time.Millisecond), try+1, tries),
		})
		if err := wait(ctx, pause); err != nil {
			return "", err
		}
	}
}

func (s *Store) pullOnce(ctx context.Context, ref reference, auth string, report func(deploy.Progress)) (string, error) {
	answer, err := s.api.ImagePull(ctx, ref.local(), image.PullOptions{RegistryAuth: auth, Platform: s.defaultPlatform()})
	if err != nil {
		return "", err
	}
	defer answer.Close()
	p := pulling{layers: map[string]*layer{}}
	err = follow(answer, func(m message) {
		p.take(m)
		if now := time.Now(); now.Sub(p.reported) >= reportEvery {
			p.reported = now
			report(p.progress())
		}
	})
	if err != nil {
		return "", err
	}
	report(p.progress())
	return p.digest, nil
}

// message is a line of the engine's answer to a pull or a load.
type message struct {
	ID       string `json:"id"`
	Status   string `json:"status"`
	Progress struct {
		Current int64 `json:"current"`
		Total   int64 `json:"total"`
	} `json:"progressDetail"`
	Error  string `json:"error"`
	Detail struct {
		Message string `json:"message"`
	} `json:"errorDetail"`
}

// engineError is what the engine says inside an answer that began as a success.
type engineError string

func (e engineError) Error() string { return string(e) }

// errBroken says that the engine's answer ended in the middle.
var errBroken = errors.New("the engine's answer ended in the middle")

// follow reads an answer to its end, which is when the work is done.
func follow(answer io.Reader, take func(message)) error {
	lines := json.NewDecoder(answer)
	for {
		var m message
		switch err := lines.Decode(&m); {
		case err == io.EOF:
			return nil
		case err != nil:
			return fmt.Errorf("%w: %v", errBroken, err)
		case m.Detail.Message != "":
			return engineError(m.Detail.Message)
		case m.Error != "":
			return engineError(m.Error)
		}
		take(m)
	}
}

// pulling adds up the layers of a pull.
type pulling struct {
	layers   map[string]*layer
	digest   string
	reported time.Time
}

type layer struct {
	current, total int64
	loaded         bool // its bytes are here
}

func (p *pulling) take(m message) {
	if digest, ok := strings.CutPrefix(m.Status, "Digest: "); ok {
		p.digest = digest
		return
	}
	l := p.layers[m.ID]
	if l == nil && (m.Status == "Pulling fs layer" || m.Status == "Downloading") {
		l = &layer{}
		p.layers[m.ID] = l
	}
	if l == nil {
		return // layers the engine has already, and lines about the whole image
	}
	switch m.Status {
	case "Downloading":
		l.current, l.total = m.Progress.Current, max(m.Progress.Total, l.total)
	case "Verifying Checksum", "Download complete", "Extracting", "Pull complete", "Already exists":
		l.loaded, l.current = true, l.total
	}
}

// progress adds the layers up. The total stays unknown until the engine has begun the last layer: a total that grows
// would make a bar run backwards.
func (p *pulling) progress() deploy.Progress {
	sum := deploy.Progress{Phase: deploy.Pulling}
	known, loaded := true, len(p.layers) > 0
	for _, l := range p.layers {
		sum.Current += l.current
		sum.Total += l.total
		known = known && (l.total > 0 || l.loaded)
		loaded = loaded && l.loaded
	}
	if !known {
		sum.Total = 0
	}
	if loaded {
		sum.Detail = "unpacking"
	}
	return sum
}

func wait(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
