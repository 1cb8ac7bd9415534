package rootfs

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"golang.org/x/sync/errgroup"

	"github.com/alienplatform/alien-go/internal/deploy"
	"github.com/alienplatform/alien-go/internal/local/process/rootfs/unpack"
	"github.com/alienplatform/alien-go/internal/oci"
)

// pulling is the way of one image from its registry into the cache, over several tries if need be.
type pulling struct {
	store  *Store
	ref    oci.Reference
	from   *oci.Repository
	report func(deploy.Progress)
	work   *workspace // kept between tries, with the layers that have come
}

// pull brings an image from its registry.
func (s *Store) pull(ctx context.Context, ref oci.Reference, report func(deploy.Progress)) (Image, error) {
	login, loginErr := s.login.Authenticator(ref.Host())
	p := &pulling{store: s, ref: ref, report: report}
	defer p.close()
	var img entry
	once := func() error {
		return s.slots.Do(ctx, func() (err error) {
			report(deploy.Progress{Phase: deploy.Pulling, Detail: ref.Text})
			if p.from, err = oci.Connect(ref, login); err == nil {
				img, err = p.once(ctx)
			}
			return err
		})
	}
	fault, err := oci.Retry(ctx, once, p.classify, s.pause, report)
	switch {
	case ctx.Err() != nil:
		return Image{}, ctx.Err()
	case err != nil:
		return Image{}, p.verdict(fault, err, loginErr)
	}
	return s.accept(ref.Text, img, nil)
}

func (p *pulling) close() {
	if p.work != nil {
		_ = p.work.close() // what is left is swept by the next maker, or by GC
	}
}

// classify tells whether an error is worth another try; those of the image and of the cache are not.
func (p *pulling) classify(err error) oci.Fault {
	if p.final(err) != nil {
		return oci.Fault{}
	}
	return p.store.host.Classify(p.ref, oci.Said(err))
}

func (p *pulling) verdict(fault oci.Fault, err, loginErr error) error {
	if final := p.final(err); final != nil {
		return final
	}
	return fault.Problem(p.ref, loginErr)
}

// final is the verdict on errors that are not the registry's, nil for those that are.
func (p *pulling) final(err error) error {
	var known *deploy.Problem
	var wrong *unpack.Invalid
	switch {
	case errors.As(err, &known):
		return known
	case errors.As(err, &wrong):
		return p.store.host.Broken(p.ref, wrong)
	case full(err) || unwritable(err):
		return p.store.cache.trouble(err)
	}
	return nil
}

// once tries to bring the image.
func (p *pulling) once(ctx context.Context) (entry, error) {
	there, err := p.look(ctx)
	if err != nil {
		return entry{}, err
	}
	cache := p.store.cache
	img, present, err := cache.take(ctx, there.id, there.digest)
	if err == nil && !present {
		err = p.make(ctx, there)
	}
	if err == nil {
		err = cache.remember(p.ref, there.id, there.digest)
	}
	if err != nil || present {
		return img, err
	}
	return p.store.taken(ctx, p.ref.Text, there.id, there.digest)
}

// make downloads and unpacks the image, unless another process has done so while we waited for it.
func (p *pulling) make(ctx context.Context, there offer) error {
	if p.work == nil || "sha256:"+p.work.name != there.id {
		p.close()
		p.work = nil
		waiting := func() { p.report(deploy.Progress{Phase: deploy.Pulling, Detail: waitingDetail}) }
		work, err := p.store.cache.workspace(ctx, strings.TrimPrefix(there.id, "sha256:"), waiting)
		if err != nil {
			return err
		}
		p.work = work
	}
	if _, present, err := p.store.cache.take(ctx, there.id, there.digest); err != nil || present {
		return err
	}
	progress := &progress{report: p.report}
	if err := p.download(ctx, there.layers, progress); err != nil {
		return err
	}
	progress.unpacking()
	var files []layerFile
	for _, l := range there.layers {
		files = append(files, blobFile(p.work.path("blobs", l.Digest.Hex)))
	}
	if err := p.work.unpack(ctx, files, there.diffIDs, p.store.limits); err != nil {
		return err
	}
	return p.work.publish(there.config)
}

// blobFile is the path of a layer on the disk.
type blobFile string

// Open reads it.
func (b blobFile) Open() (io.ReadCloser, error) { return os.Open(string(b)) }

// download fetches the layers that are not here yet, several at once.
func (p *pulling) download(ctx context.Context, all []v1.Descriptor, progress *progress) error {
	distinct := slices.Clone(all)
	slices.SortFunc(distinct, func(a, b v1.Descriptor) int { return strings.Compare(a.Digest.Hex, b.Digest.Hex) })
	distinct = slices.CompactFunc(distinct, func(a, b v1.Descriptor) bool { return a.Digest == b.Digest })
	for _, l := range distinct {
		progress.total += l.Size
	}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(layers)
	for _, l := range distinct {
		group.Go(func() error { return p.fetch(ctx, l, progress) })
	}
	return group.Wait()
}

// fetch brings one layer onto the disk, and checks it.
func (p *pulling) fetch(ctx context.Context, l v1.Descriptor, progress *progress) error {
	path := p.work.path("blobs", l.Digest.Hex)
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		progress.add(l.Size)
		return err // it came with an earlier try
	}
	file, err := os.Create(path + ".part")
	if err != nil {
		return err
	}
	err = p.copy(ctx, l, file, progress)
	if err = errors.Join(err, file.Close()); err != nil {
		return err
	}
	return os.Rename(path+".part", path)
}

// copy reads a blob, and believes neither the registry's size nor its content.
func (p *pulling) copy(ctx context.Context, l v1.Descriptor, to io.Writer, progress *progress) error {
	layer, err := p.from.Blob(ctx, l.Digest)
	if err != nil {
		return err
	}
	content, err := layer.Compressed()
	if err != nil {
		return err
	}
	defer content.Close()
	sum := sha256.New()
	n, err := io.Copy(io.MultiWriter(to, sum, progress), io.LimitReader(content, l.Size+1))
	if err != nil {
		return err
	}
	if n != l.Size || hex.EncodeToString(sum.Sum(nil)) != l.Digest.Hex {
		return wrong("its part %s is not what its digest and size say", l.Digest)
	}
	return nil
}

// progress adds up what comes over several connections.
type progress struct {
	report func(deploy.Progress)

	mu             sync.Mutex
	current, total int64
	reported       time.Time
}

// Write counts bytes.
func (p *progress) Write(data []byte) (int, error) {
	p.add(int64(len(data)))
	return len(data), nil
}

func (p *progress) add(n int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.current = min(p.current+n, p.total)
	if now := time.Now(); now.Sub(p.reported) >= oci.ReportEvery {
		p.reported = now
		p.report(deploy.Progress{Phase: deploy.Pulling, Current: p.current, Total: p.total})
	}
}

func (p *progress) unpacking() {
	p.report(deploy.Progress{Phase: deploy.Pulling, Current: p.total, Total: p.total, Detail: "unpacking"})
}
