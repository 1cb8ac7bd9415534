package docker

import (
	"archive/tar"
	"bytes"
	"context"
	"fmt"
	"path"
	"strconv"
	"strings"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/volume"

	"github.com/alienplatform/alien-go/internal/deploy"
	"github.com/alienplatform/alien-go/internal/local/docker/engine"
	"github.com/alienplatform/alien-go/internal/local/docker/image"
	"github.com/alienplatform/alien-go/internal/workload"
)

// createVolumes makes the places of the workload's resources. The engine answers with what it has under a name, so that
// one call both makes a volume and tells whose it is.
func (s *session) createVolumes(ctx context.Context, w workload.Workload) error {
	for _, v := range w.Volumes {
		have, err := s.api.VolumeCreate(ctx, volume.CreateOptions{
			Name:   v.Name,
			Labels: map[string]string{labelStack: w.Stack, labelResource: v.Resource},
		})
		if err != nil {
			return engine.Problem(fmt.Errorf("cannot create volume %s: %w", v.Name, err))
		}
		if have.Labels[labelStack] != w.Stack || have.Labels[labelResource] != v.Resource {
			return &deploy.Problem{Reason: deploy.NameTaken, Message: fmt.Sprintf("the volume name %s is taken by a volume that is not ours", v.Name)}
		}
	}
	return nil
}

// openVolumes lets a daemon that is not root write to its volumes, which the engine makes root's. Writing an archive
// with nothing but the volume's own directory through the container, not started yet, needs no further image and works
// on a remote engine. The directory is open to every user: several daemons may share it, each under its own, and nobody
// gets there who does not mount the volume.
func (s *session) openVolumes(ctx context.Context, w workload.Workload, id string, img image.Image) error {
	user := w.User
	if user == "" && img.Config != nil {
		user = img.Config.User
	}
	if isRoot(user) {
		return nil
	}
	for _, v := range w.Volumes {
		archive, err := directory(path.Base(v.Target), user)
		if err != nil {
			return err
		}
		if err := s.api.CopyToContainer(ctx, id, path.Dir(v.Target), archive, container.CopyToContainerOptions{}); err != nil {
			return engine.Problem(fmt.Errorf("cannot make volume %s writable: %w", v.Name, err))
		}
	}
	return nil
}

func isRoot(user string) bool {
	name, _, _ := strings.Cut(user, ":")
	return name == "" || name == "0" || name == "root"
}

// directory is an archive with one directory, owned by the user where that is a number.
func directory(name, user string) (*bytes.Buffer, error) {
	uid, gid, _ := strings.Cut(user, ":")
	header := &tar.Header{Typeflag: tar.TypeDir, Name: name + "/", Mode: 0o777}
	header.Uid, _ = strconv.Atoi(uid)
	header.Gid, _ = strconv.Atoi(gid)
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	if err := w.WriteHeader(header); err != nil {
		return nil, fmt.Errorf("cannot archive %s: %w", name, err)
	}
	return &out, w.Close()
}

// removeVolume deletes a place with the data in it.
func (s *session) removeVolume(ctx context.Context, name string) error {
	have, err := s.api.VolumeInspect(ctx, name)
	switch {
	case errdefs.IsNotFound(err):
		return nil
	case err != nil:
		return engine.Problem(fmt.Errorf("cannot inspect volume %s: %w", name, err))
	case have.Labels[labelStack] != s.stack:
		return &deploy.Problem{Reason: deploy.NameTaken, Message: fmt.Sprintf("the volume %s is not ours", name)}
	}
	if err := s.api.VolumeRemove(ctx, name, false); err != nil && !errdefs.IsNotFound(err) {
		return engine.Problem(fmt.Errorf("cannot remove volume %s: %w", name, err))
	}
	return nil
}
