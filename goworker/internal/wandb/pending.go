package wandb

import (
	"context"
	"errors"
	"slices"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/artifact"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/wandb/config"
)

// Pending is a version of an artifact that is created and not committed. Several processes may bring its files; it is kept and sent
// as JSON.
type Pending struct {
	ID         string `json:"id"`
	ManifestID string `json:"manifest_id"`
	// BaseID is the newest version at the time, if there was one.
	BaseID string `json:"base_id,omitempty"`
	Digest string `json:"digest"`
	Slim   bool   `json:"slim,omitempty"`
}

// Uploaded is what UploadFiles has done.
type Uploaded struct {
	Files, Unchanged, Bytes int64
	// IDs are the versions that files came with: the pending one first. Births is the number in IDs for each file, in the order of the
	// paths without the references.
	IDs    []string
	Births []uint32
}

// ErrRebase is the cause of an error of CommitPending after which the artifact has to be created again: another version was
// committed meanwhile, or this one has files that are not those of its manifest.
var ErrRebase = errors.New("the artifact has to be created again")

// BeginArtifact creates a version that several processes fill. Where W&B has its content, it gives that version as LogArtifact does,
// and no Pending. The same spec and attempt give the same version, as long as it is not committed; after ErrRebase the attempt
// has to be another one. Of the files, only paths and digests count. Faults: those of LogArtifact but for the files.
func (c *Client) BeginArtifact(ctx context.Context, spec ArtifactSpec, attempt int) (*Pending, LoggedArtifact, error) {
	s, err := c.newSaver(spec, nil)
	if err != nil {
		return nil, LoggedArtifact{}, err
	}
	const each = maxAttempts // so that no two attempts of the caller share a client id
	for n := attempt * each; ; n++ {
		p, done, err := s.begin(ctx, n, n == attempt*each+each-1)
		var again errStartOver
		if !errors.As(err, &again) {
			return p, done, c.explain("logging the artifact "+spec.Name, err)
		}
		if n == attempt*each+each-1 {
			return nil, LoggedArtifact{}, c.explain("logging the artifact "+spec.Name, again.cause)
		}
		s.random = s.random || again.withRandomID
	}
}

// begin creates the version and its empty manifest, to which files belong.
func (s *saver) begin(ctx context.Context, attempt int, last bool) (*Pending, LoggedArtifact, error) {
	a, done, err := s.open(ctx, attempt, last)
	if a == nil || err != nil {
		return nil, done, err
	}
	m := s.manifest(a)
	stub, err := m.stub(ctx)
	if err != nil {
		return nil, LoggedArtifact{}, err
	}
	return &Pending{ID: a.ID, ManifestID: stub.ID, BaseID: m.baseID, Digest: s.digest, Slim: s.slim}, LoggedArtifact{}, nil
}

// UploadFiles brings those of some files of a pending version that W&B lacks. Files that other processes bring, too, do no harm.
// Faults: those of LogArtifact about files.
func (c *Client) UploadFiles(ctx context.Context, p Pending, files *artifact.Files, progress func(UploadProgress)) (Uploaded, error) {
	count, bytes := sizes(files)
	meter := newUploadMeter(progress, int64(count), bytes)
	defer meter.stop()
	up := newUpload(c, p.ID, p.ManifestID, files, count, meter)
	if err := up.all(ctx, files); err != nil {
		return Uploaded{}, c.explain("uploading the artifact's files", err)
	}
	return Uploaded{Files: meter.uploaded, Unchanged: meter.unchanged, Bytes: meter.bytes, IDs: up.ids, Births: up.births}, nil
}

// IsCommitted reports whether a version was committed, by whomever.
func (c *Client) IsCommitted(ctx context.Context, p Pending) (bool, error) {
	v, err := c.artifactVersion(ctx, p.ID)
	if err != nil {
		return false, c.explain("looking for the artifact", err)
	}
	return v.State == stateCommitted, nil
}

// CommitPending uploads the manifest of a version, all files of which are there, and commits it; one that is committed already stays as it
// is. Birth gives the version that a file came with. Before the commit it calls sure, and returns its error. An error
// that is ErrRebase asks for another BeginArtifact.
func (c *Client) CommitPending(ctx context.Context, spec ArtifactSpec, p Pending, birth func(path string) string, sure func(context.Context) error) (LoggedArtifact, error) {
	s := c.saverOf(spec, nil) // BeginArtifact has checked it
	s.slim, s.sure = p.Slim, sure
	v, err := c.artifactVersion(ctx, p.ID)
	if err == nil && v.State != stateCommitted {
		m := manifest{client: c, spec: s.spec, artifactID: p.ID, baseID: p.BaseID}
		v, err = s.publish(ctx, m, func() func(string) string { return birth })
	}
	if err == nil {
		err = s.adopt(ctx, v)
	}
	var again errStartOver
	if err = startOverIfConflict(err); errors.As(err, &again) {
		return LoggedArtifact{}, errors.Join(ErrRebase, c.explain("logging the artifact "+spec.Name, again.cause))
	}
	if err != nil {
		return LoggedArtifact{}, c.explain("logging the artifact "+spec.Name, err)
	}
	return s.logged(v, true)
}

// newSaver checks what is to be logged.
func (c *Client) newSaver(spec ArtifactSpec, progress func(UploadProgress)) (*saver, error) {
	for _, err := range []error{
		config.CheckArtifactName(spec.Name), config.CheckArtifactType(spec.Type),
		config.CheckArtifactLabels(spec.Aliases, spec.Tags), checkMetadata(spec.Metadata), checkMetadata(spec.SlimMetadata),
	} {
		if err != nil {
			return nil, err
		}
	}
	return c.saverOf(spec, progress), nil
}

// saverOf takes what is to be logged as it is.
func (c *Client) saverOf(spec ArtifactSpec, progress func(UploadProgress)) *saver {
	spec.Aliases = withLatest(slices.Clone(spec.Aliases))
	s := &saver{client: c, spec: spec, digest: spec.Files.Digest(), sequenceID: NewClientID()}
	s.meter = newUploadMeter(progress, 0, 0)
	return s
}

// sizes are the number of the files that are not references, and of their bytes.
func sizes(files *artifact.Files) (count int, bytes int64) {
	for i := range files.Len() {
		if e := files.At(i); e.Ref == "" {
			count++
			bytes += e.Size
		}
	}
	return count, bytes
}
