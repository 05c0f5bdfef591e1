package wandb

import (
	"context"
	"net/http"
	"slices"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/artifact"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/fault"
)

// maxRounds is how often addresses are asked for a file whose address was refused.
const maxRounds = 4

// maxBatchBytes bounds a batch of files by size: addresses expire, so those of
// large files are asked for late.
const maxBatchBytes = 512 << 20

// upload brings the files of one pending artifact to the server.
type upload struct {
	client                 *Client
	artifactID, manifestID string
	slots                  chan struct{}
	track                  *tracker

	mu sync.Mutex
	// ids are the artifacts that files came with: the new one first, then older
	// versions, of which there are few. births is the number in ids for each file, in
	// the order of the paths without the references: there may be very many.
	ids    []string
	births []uint32
}

// newUpload prepares the upload of an artifact's files.
func newUpload(c *Client, artifactID, manifestID string, files int, track *tracker) *upload {
	return &upload{
		client: c, artifactID: artifactID, manifestID: manifestID, track: track,
		slots: make(chan struct{}, c.limits.Uploads), ids: []string{artifactID}, births: make([]uint32, files),
	}
}

// setBirth notes the artifact that a file came with.
func (u *upload) setBirth(index int, id string) {
	n := slices.Index(u.ids, id)
	if n < 0 {
		n = len(u.ids)
		u.ids = append(u.ids, id)
	}
	u.births[index] = uint32(n)
}

// birthsInOrder gives the births one after the other, as a manifest asks for them.
func (u *upload) birthsInOrder() func(path string) string {
	next := 0
	return func(string) string {
		next++
		return u.ids[u.births[next-1]]
	}
}

// fileSpec is one file in CreateArtifactFiles.
type fileSpec struct {
	ArtifactID string     `json:"artifactID"`
	ManifestID string     `json:"artifactManifestID"`
	Name       string     `json:"name"`
	MD5        string     `json:"md5"`
	Parts      []filePart `json:"uploadPartsInput,omitempty"`
}

// fileNode is the answer for one file.
type fileNode struct {
	StoragePath   string   `json:"storagePath"`
	UploadURL     string   `json:"uploadUrl"`
	UploadHeaders []string `json:"uploadHeaders"`
	Multipart     *struct {
		UploadID string `json:"uploadID"`
		Parts    []struct {
			Number int64  `json:"partNumber"`
			URL    string `json:"uploadUrl"`
		} `json:"uploadUrlParts"`
	} `json:"uploadMultipartUrls"`
	Artifact struct {
		ID string `json:"id"`
	} `json:"artifact"`
}

// job is one file of a batch.
type job struct {
	entry artifact.Entry
	// index is its place among the artifact's files.
	index int
	parts []filePart
	node  fileNode
	// refused is why its upload was refused, if it was.
	refused error
}

// all uploads the entries that are no references: in batches, several at once.
func (u *upload) all(ctx context.Context, files *artifact.Files) error {
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(u.client.limits.Batches)
	for batch := range batches(files, u.client.limits) {
		if ctx.Err() != nil {
			break
		}
		g.Go(func() error { return u.batch(ctx, batch) })
	}
	return g.Wait()
}

// batches cuts the entries: small batches first, so that uploads start at once, and a
// file that goes up in parts alone.
func batches(files *artifact.Files, limits Limits) func(yield func([]*job) bool) {
	return func(yield func([]*job) bool) {
		var batch []*job
		var bytes int64
		size, index := limits.FirstBatch, 0
		for i := range files.Len() {
			e := files.At(i)
			if e.Ref != "" {
				continue
			}
			j := &job{entry: e, index: index}
			index++
			if e.Size >= limits.Multipart {
				if !yield([]*job{j}) {
					return
				}
				continue
			}
			batch = append(batch, j)
			if bytes += e.Size; len(batch) >= size || bytes >= maxBatchBytes {
				if !yield(batch) {
					return
				}
				batch, bytes, size = nil, 0, min(4*size, limits.MaxBatch)
			}
		}
		if len(batch) > 0 {
			yield(batch)
		}
	}
}

// batch asks for the addresses of some files and uploads them. Files whose address
// is refused, as one that expired is, get a new one.
func (u *upload) batch(ctx context.Context, jobs []*job) error {
	for _, j := range jobs {
		if j.entry.Size >= u.client.limits.Multipart && j.parts == nil {
			parts, err := hashParts(ctx, j.entry, u.client.limits.Part)
			if err != nil {
				return err
			}
			j.parts = parts
		}
	}
	for round := 1; ; round++ {
		err := u.ask(ctx, jobs)
		if statusOf(err) == http.StatusRequestEntityTooLarge && len(jobs) > 1 {
			half := len(jobs) / 2
			if err := u.batch(ctx, jobs[:half]); err != nil {
				return err
			}
			return u.batch(ctx, jobs[half:])
		}
		if err != nil {
			return err
		}
		if err := u.putAll(ctx, jobs); err != nil {
			return err
		}
		var again []*job
		for _, j := range jobs {
			if j.refused != nil {
				again = append(again, j)
			}
		}
		if len(again) == 0 {
			return nil
		}
		if jobs = again; round == maxRounds {
			j := jobs[0]
			return u.client.explainStore(uploadTarget{url: j.node.UploadURL}, "uploading "+j.entry.Path, j.refused)
		}
	}
}

// ask gets the addresses of a batch's files.
func (u *upload) ask(ctx context.Context, jobs []*job) error {
	specs := make([]fileSpec, len(jobs))
	for i, j := range jobs {
		specs[i] = fileSpec{u.artifactID, u.manifestID, j.entry.Path, j.entry.Digest, j.parts}
	}
	var out struct {
		CreateArtifactFiles struct {
			Files struct {
				Edges []struct {
					Node fileNode `json:"node"`
				} `json:"edges"`
			} `json:"files"`
		} `json:"createArtifactFiles"`
	}
	vars := map[string]any{"input": map[string]any{"storageLayout": "V2", "artifactFiles": specs}}
	if err := u.client.graphql(ctx, "CreateArtifactFiles", vars, &out); err != nil {
		return err
	}
	edges := out.CreateArtifactFiles.Files.Edges
	if len(edges) != len(jobs) {
		return fault.New(fault.WandB, "server_error", "W&B at %s gave addresses for %d files instead of %d.", u.client.host(), len(edges), len(jobs))
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	for i, j := range jobs {
		j.node, j.refused = edges[i].Node, nil
		if id := j.node.Artifact.ID; id != "" {
			u.setBirth(j.index, id)
		}
	}
	return nil
}

// putAll uploads a batch's files as far as the server lacks them. All batches
// together use no more than the client's number of slots.
func (u *upload) putAll(ctx context.Context, jobs []*job) error {
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(cap(u.slots))
	for _, j := range jobs {
		if j.node.UploadURL == "" && j.node.Multipart == nil {
			u.track.skip(j.entry.Size)
			continue
		}
		g.Go(func() error {
			err := u.one(ctx, j)
			if addressRefused(err) {
				j.refused = err
				return nil
			}
			if err == nil {
				u.track.done(j.entry.Size)
			}
			return u.client.explainStore(uploadTarget{url: j.node.UploadURL}, "uploading "+j.entry.Path, err)
		})
	}
	return g.Wait()
}

// one uploads one file, whole or in parts.
func (u *upload) one(ctx context.Context, j *job) error {
	if j.node.Multipart != nil && len(j.parts) > 0 {
		return u.inParts(ctx, j)
	}
	return u.withSlot(ctx, func() error {
		target := uploadTarget{url: j.node.UploadURL, headers: j.node.UploadHeaders}
		_, err := u.client.put(ctx, target, fileSource(j.entry, 0, j.entry.Size, j.entry.Digest), u.track.move)
		return err
	})
}

// withSlot runs f while it holds one of the slots for transfers.
func (u *upload) withSlot(ctx context.Context, f func() error) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case u.slots <- struct{}{}:
	}
	defer func() { <-u.slots }()
	return f()
}
