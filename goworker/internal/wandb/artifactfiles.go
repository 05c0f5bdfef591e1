package wandb

import (
	"context"
	"io"
	"maps"
	"slices"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/fault"
)

const (
	// filesAtOnce is how many files are asked for by name in one request: servers give no more than a page of them.
	filesAtOnce = 20
	// requestsAtOnce is how many such requests are under way.
	requestsAtOnce = 4
)

// FindFiles gives those files of a version that the paths name. Paths that the version does not have are left out.
func (c *Client) FindFiles(ctx context.Context, of ArtifactInfo, paths []string) (map[string]RemoteFile, error) {
	found := map[string]RemoteFile{}
	var mu sync.Mutex
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(requestsAtOnce)
	for batch := range slices.Chunk(paths, filesAtOnce) {
		g.Go(func() error {
			files, err := c.storedFiles(gctx, of, batch)
			mu.Lock()
			defer mu.Unlock()
			maps.Copy(found, files)
			return err
		})
	}
	return found, c.explain("looking for files of the artifact", g.Wait())
}

// WalkFiles goes through the list of a version's files, without holding it, until fn wants no more.
func (c *Client) WalkFiles(ctx context.Context, of ArtifactInfo, fn func(path string, isReference bool) (more bool)) error {
	const doing = "reading the list of the artifact's files"
	var out struct {
		Artifact *filesNode `json:"artifact"`
	}
	// The answer is about the list, not about the file that is asked for.
	if err := c.graphql(ctx, "ArtifactFiles", map[string]any{"id": of.ID, "files": []string{"-"}}, &out); err != nil {
		return c.explain(doing, err)
	}
	if out.Artifact == nil || out.Artifact.Manifest == nil {
		return notFound("W&B at %s does not have the files of the artifact %s:%s any more.", c.host(), of.Name, of.Version)
	}
	address := out.Artifact.Manifest.File.URL
	body, err := c.open(ctx, address, 0)
	if err != nil {
		return c.explainStore(address, doing, err)
	}
	defer func() { _ = body.Close() }()
	err = eachEntry(io.LimitReader(body, manifestLimit), func(path string, decode func(any) error) (bool, error) {
		var entry storedEntry
		if err := decode(&entry); err != nil {
			return false, err
		}
		return fn(path, entry.Ref != ""), nil
	})
	if err != nil && ctx.Err() == nil {
		return fault.Wrap(err, fault.WandB, fault.BadArtifact, "The list of the artifact's files cannot be read: the artifact %s:%s is damaged, or of a kind that this plugin does not know.", of.Name, of.Version)
	}
	return err
}

// ReadTail reads the last bytes of a file of an artifact, up to most. They are not compared with the file's
// checksum, which is that of the whole: use them for what is only shown. It gives nothing where the file may not be one of W&B's store.
func (c *Client) ReadTail(ctx context.Context, f RemoteFile, most int64) ([]byte, error) {
	if !c.trusted(f) {
		return nil, nil
	}
	body, err := c.open(ctx, f.url, max(f.Size-most, 0))
	if err != nil {
		return nil, c.explainStore(f.url, "reading the file "+f.Path+" of the artifact", err)
	}
	defer func() { _ = body.Close() }()
	tail, err := io.ReadAll(io.LimitReader(body, most))
	return tail, c.explain("reading the file "+f.Path+" of the artifact", err)
}

// IsStored reports whether a file is surely one of W&B's store, not a reference to a file elsewhere.
func (c *Client) IsStored(f RemoteFile) bool { return c.trusted(f) }
