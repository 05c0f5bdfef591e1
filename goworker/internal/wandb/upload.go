package wandb

import (
	"context"
	"net/http"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/artifact"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/fault"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/wandb/config"
)

// maxRounds is how often addresses are asked for a file whose address was refused.
const maxRounds = 4

// upload brings the files of one pending artifact to the server.
type upload struct {
	client                 *Client
	artifactID, manifestID string
	meter                  *uploadMeter
	twins                  *twins

	mu sync.Mutex
	// ids are the artifacts that files came with: the new one first, then older
	// versions, of which there are few. births is the number in ids for each file, in
	// the order of the paths without the references: there may be very many.
	ids    []string
	births []uint32
}

// newUpload prepares the upload of an artifact's files, of which count are not references.
func newUpload(c *Client, artifactID, manifestID string, files *artifact.Files, count int, meter *uploadMeter) *upload {
	return &upload{
		client: c, artifactID: artifactID, manifestID: manifestID, meter: meter, twins: newTwins(files),
		ids: []string{artifactID}, births: make([]uint32, count),
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

// all uploads the entries that are not references: in batches, several at once.
func (u *upload) all(ctx context.Context, files *artifact.Files) error {
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(u.client.limits.Batches)
	for batch := range batches(files, u.twins, u.client.limits.Multipart, u.client.batch) {
		if ctx.Err() != nil {
			break
		}
		g.Go(func() error {
			began := time.Now()
			waiting, err := u.batch(ctx, batch)
			if err != nil {
				return err
			}
			u.client.batch.Took(len(batch), time.Since(began))
			return u.await(ctx, waiting)
		})
	}
	return g.Wait()
}

// await waits until the bytes of some files are there which others bring. Only a batch
// whose own files are up may wait: then none waits for one that waits itself.
func (u *upload) await(ctx context.Context, pending []*pendingFile) error {
	for _, f := range pending {
		if err := u.twins.wait(ctx, f.bytes); err != nil {
			return err
		}
		u.meter.twin(f.entry.Size)
	}
	return nil
}

// batch asks for the addresses of some files and uploads them. Files whose address
// is refused, as one that expired is, get a new one. Those whose bytes another file
// brings are left to await.
func (u *upload) batch(ctx context.Context, pending []*pendingFile) (waiting []*pendingFile, err error) {
	if most := u.client.batch.Most(); len(pending) > most {
		for part := range slices.Chunk(pending, most) {
			more, err := u.batch(ctx, part)
			if err != nil {
				return nil, err
			}
			waiting = append(waiting, more...)
		}
		return waiting, nil
	}
	for len(pending) > 0 {
		if err := u.cut(ctx, pending); err != nil {
			return nil, err
		}
		err := u.ask(ctx, pending)
		switch e := refusal(err); {
		case e != nil && isTooMany(e) && len(pending) > 1:
			u.client.batch.TooMany(len(pending))
			return u.batch(ctx, pending)
		case e != nil && u.ofStore(e).means() == noParts && inOnePiece(pending):
			continue
		case err != nil:
			return nil, err
		}
		twins, err := u.putAll(ctx, pending)
		if err != nil {
			return nil, err
		}
		waiting = append(waiting, twins...)
		var again []*pendingFile
		for _, f := range pending {
			if f.refused != nil {
				again = append(again, f)
			}
		}
		pending = again
	}
	return waiting, nil
}

// isTooMany reports whether the server may take fewer files at once. How many W&B takes is not known.
func isTooMany(e *serverError) bool {
	return e.status == http.StatusRequestEntityTooLarge || e.status == http.StatusBadRequest && e.says("too many files")
}

// ask gets the addresses of a batch's files.
func (u *upload) ask(ctx context.Context, pending []*pendingFile) error {
	specs := make([]fileSpec, len(pending))
	for i, f := range pending {
		specs[i] = fileSpec{u.artifactID, u.manifestID, f.entry.Path, f.entry.Digest, f.parts}
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
	if len(edges) != len(pending) {
		return fault.New(fault.WandB, fault.ServerError, "W&B at %s gave addresses for %d files instead of %d.", u.client.host(), len(edges), len(pending))
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	for i, f := range pending {
		f.node, f.refused = edges[i].Node, nil
		if id := f.node.Artifact.ID; id != "" {
			u.setBirth(f.index, id)
		}
	}
	return nil
}

// putAll uploads a batch's files as far as the server lacks them, and gives those whose
// bytes other files bring. All batches together use no more than the client's slots.
func (u *upload) putAll(ctx context.Context, pending []*pendingFile) (waiting []*pendingFile, err error) {
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(u.client.limits.Uploads)
	for _, f := range pending {
		switch {
		case f.node.UploadURL == "" && f.node.Multipart == nil:
			if !f.brings && u.isBirth(f) && u.twins.taken(f.bytes) {
				waiting = append(waiting, f)
			} else {
				u.there(f)
			}
		case !f.brings && u.shares(f) && !u.twins.begin(f.bytes):
			waiting = append(waiting, f)
		default:
			f.brings = f.brings || u.shares(f)
			g.Go(func() error { return u.bring(ctx, f) })
		}
	}
	return waiting, g.Wait()
}

// isBirth reports whether a file's bytes belong to this artifact and not to an older version.
func (u *upload) isBirth(f *pendingFile) bool {
	return config.FirstOf(f.node.Artifact.ID, u.artifactID) == u.artifactID
}

// shares reports whether a file's bytes lie in one object with those of its twins: they
// do in an object of this artifact that is named by its digest.
func (u *upload) shares(f *pendingFile) bool {
	return u.isBirth(f) && isNamedByDigest(f.node, f.entry.Digest)
}

// there counts a file that the server has.
func (u *upload) there(f *pendingFile) {
	u.meter.skip(f.entry.Size)
	if f.brings {
		u.twins.arrive(f.bytes)
	}
}

// bring uploads one file. A refusal after which another address may help is left in f.
func (u *upload) bring(ctx context.Context, f *pendingFile) error {
	err := u.one(ctx, f)
	switch means := verdictOn(err); {
	case err == nil:
		u.meter.done(f.entry.Size)
	case means == alreadyThere && storeRefusal(err).repeated: // It was this call that brought it.
		u.meter.move(f.entry.Size)
		u.meter.done(f.entry.Size)
	case means == alreadyThere:
		u.meter.skip(f.entry.Size)
	case means == noParts && u.fitsWhole(f, storeRefusal(err)):
		inOnePiece([]*pendingFile{f})
		f.refused = err
		return nil
	default:
		if f.refusals++; another(err, f.refusals) {
			f.refused = err
			return nil
		}
		return u.client.explainStore(f.node.UploadURL, "uploading "+f.entry.Path, err)
	}
	if f.brings {
		u.twins.arrive(f.bytes)
	}
	return nil
}

// one uploads one file, whole or in parts.
func (u *upload) one(ctx context.Context, f *pendingFile) error {
	if f.node.Multipart != nil && len(f.parts) > 0 {
		return u.inParts(ctx, f)
	}
	target := uploadTarget{url: f.node.UploadURL, headers: f.node.UploadHeaders}
	_, err := u.put(ctx, target, fileSource(f.entry, 0, f.entry.Size, f.entry.Digest))
	return err
}

// put sends bytes to a signed address when there are slots for them.
func (u *upload) put(ctx context.Context, target uploadTarget, src source) (r *reply, err error) {
	slots := u.client.uploads
	err = slots.Run(ctx, src.size, func() error {
		r, err = u.client.put(ctx, target, src, u.meter.move, func() func(time.Duration, bool) { return slots.Try(src.size) })
		return err
	})
	return r, err
}
