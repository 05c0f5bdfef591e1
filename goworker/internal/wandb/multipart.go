package wandb

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"io"
	"net/http"
	"os"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/artifact"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/fault"
)

// Stores take at most maxParts parts; larger ones are rounded up to partUnit bytes.
const (
	maxParts = 10_000
	partUnit = 4096
)

// filePart is one part of a file: its digest going up, its ETag when completed.
type filePart struct {
	Number int64  `json:"partNumber"`
	HexMD5 string `json:"hexMD5"`
}

// partSize is the size of all parts but the last.
func partSize(size, normal int64) int64 {
	if size <= normal*maxParts {
		return normal
	}
	part := (size + maxParts - 1) / maxParts
	return (part + partUnit - 1) / partUnit * partUnit
}

// hashParts reads a file for the digests of its parts, and sees whether it still is
// the file that was hashed before.
func hashParts(ctx context.Context, e artifact.Entry, normal int64) ([]filePart, error) {
	f, err := os.Open(e.LocalPath)
	if err != nil {
		return nil, unreadable(e, err)
	}
	defer func() { _ = f.Close() }()
	if _, err := f.Seek(e.Offset, io.SeekStart); err != nil {
		return nil, unreadable(e, err)
	}
	whole := newMD5()
	var parts []filePart
	part := partSize(e.Size, normal)
	buf := make([]byte, 256<<10)
	for left := e.Size; left > 0; {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		n := min(part, left)
		h := newMD5()
		// Struct{io.Writer} hides ReaderFrom, so that the buffer is used.
		copied, err := io.CopyBuffer(struct{ io.Writer }{io.MultiWriter(whole, h)}, io.LimitReader(contextReader{ctx, f}, n), buf)
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if err != nil {
			return nil, unreadable(e, err)
		}
		if copied < n {
			return nil, fileChanged(e)
		}
		left -= n
		parts = append(parts, filePart{int64(len(parts)) + 1, hex.EncodeToString(h.Sum(nil))})
	}
	if base64Sum(whole) != e.Digest {
		return nil, fileChanged(e)
	}
	return parts, nil
}

// contextReader ends with its context: a part may take a while to read.
type contextReader struct {
	ctx context.Context
	r   io.Reader
}

// Read implements io.Reader.
func (c contextReader) Read(p []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	return c.r.Read(p)
}

// inParts uploads a file in parts and has the server put them together.
func (u *upload) inParts(ctx context.Context, j *job) error {
	multi := j.node.Multipart
	if len(multi.Parts) != len(j.parts) {
		return fault.New(fault.WandB, "server_error", "W&B at %s gave addresses for %d parts of %s instead of %d.",
			u.client.host(), len(multi.Parts), j.entry.Path, len(j.parts))
	}
	done := make([]filePart, len(j.parts))
	part := partSize(j.entry.Size, u.client.limits.Part)
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(cap(u.slots))
	for _, p := range multi.Parts {
		if p.Number < 1 || p.Number > int64(len(done)) {
			return fault.New(fault.WandB, "server_error", "W&B at %s gave an address for a part of %s that there is not.", u.client.host(), j.entry.Path)
		}
		g.Go(func() error {
			return u.withSlot(gctx, func() error {
				etag, err := u.part(gctx, j, p.Number, p.URL, part)
				done[p.Number-1] = filePart{p.Number, etag}
				return err
			})
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	vars := map[string]any{"parts": done, "artifactID": firstOf(j.node.Artifact.ID, u.artifactID), "storagePath": j.node.StoragePath, "uploadID": multi.UploadID}
	return u.client.explain("putting the parts of "+j.entry.Path+" together", u.client.graphql(ctx, "CompleteMultipart", vars, &struct{}{}))
}

// part uploads one part and gives its ETag as the store sent it, with its quotes.
func (u *upload) part(ctx context.Context, j *job, number int64, address string, size int64) (string, error) {
	raw, err := hex.DecodeString(j.parts[number-1].HexMD5)
	if err != nil {
		return "", err
	}
	digest := base64.StdEncoding.EncodeToString(raw)
	target := uploadTarget{url: address, headers: []string{"Content-MD5:" + digest}}
	for _, h := range j.node.UploadHeaders {
		if name, _, _ := strings.Cut(h, ":"); strings.EqualFold(strings.TrimSpace(name), "Content-Type") {
			target.headers = append(target.headers, h)
		}
	}
	offset := (number - 1) * size
	src := fileSource(j.entry, offset, min(size, j.entry.Size-offset), digest)
	r, err := u.client.put(ctx, target, src, u.track.move)
	if err != nil {
		return "", err
	}
	etag := r.header.Get("ETag")
	if etag == "" {
		return "", &serverError{op: "upload of a part", status: http.StatusBadGateway, messages: []string{"the answer has no ETag"}}
	}
	return etag, nil
}
