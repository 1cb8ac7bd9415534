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
	"github.com/alienplatform/alien-go/internal/oci"
)

// pull fetches an image and gives the digest that the reference had at the registry.
func (s *Store) pull(ctx context.Context, ref oci.Reference, report func(deploy.Progress)) (digest string, err error) {
	auth, loginErr := header(s.login, ref.Host())
	once := func() error {
		return s.slots.Do(ctx, func() error {
			report(deploy.Progress{Phase: deploy.Pulling, Detail: ref.Text})
			digest, err = s.pullOnce(ctx, ref, auth, report)
			return err
		})
	}
	fault, err := oci.Retry(ctx, once, func(err error) oci.Fault { return classify(ref, err) }, s.pause, report)
	if err != nil && ctx.Err() == nil {
		return "", problem(fault, ref, err, loginErr)
	}
	return digest, err
}

func (s *Store) pullOnce(ctx context.Context, ref oci.Reference, auth string, report func(deploy.Progress)) (string, error) {
	answer, err := s.api.ImagePull(ctx, ref.Local(), image.PullOptions{RegistryAuth: auth, Platform: s.defaultPlatform()})
	if err != nil {
		return "", err
	}
	defer answer.Close()
	p := pulling{layers: map[string]*layer{}}
	err = follow(answer, func(m message) {
		p.take(m)
		if now := time.Now(); now.Sub(p.reported) >= oci.ReportEvery {
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
