package wandb

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"io"
	"net/http"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/artifact"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/fault"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/localfile"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/wandb/config"
)

// Stores take at most maxParts parts; larger ones are rounded up to partUnit bytes.
const (
	maxParts = 10_000
	partUnit = 4096
)

// googleStore takes up to maxGoogleObject bytes in one piece.
const (
	googleStore     = "storage.googleapis.com"
	maxGoogleObject = 5 << 40
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
	f, err := localfile.Open(e.LocalPath)
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
func (u *upload) inParts(ctx context.Context, f *pendingFile) error {
	multi := f.node.Multipart
	if len(multi.Parts) != len(f.parts) {
		return fault.New(fault.WandB, fault.ServerError, "W&B at %s gave addresses for %d parts of %s instead of %d.",
			u.client.host(), len(multi.Parts), f.entry.Path, len(f.parts))
	}
	done := make([]filePart, len(f.parts))
	part := partSize(f.entry.Size, u.client.limits.Part)
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(u.client.limits.Uploads)
	for _, p := range multi.Parts {
		if p.Number < 1 || p.Number > int64(len(done)) {
			return fault.New(fault.WandB, fault.ServerError, "W&B at %s gave an address for a part of %s that does not exist.", u.client.host(), f.entry.Path)
		}
		g.Go(func() error {
			etag, err := u.part(gctx, f, p.Number, p.URL, part)
			done[p.Number-1] = filePart{p.Number, etag}
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	return u.complete(ctx, f, done)
}

// complete has the server put the parts together. Where it does not know the upload, as after
// an answer that was lost, asking again shows whether the file is there. That the store does
// not overwrite means that it is.
func (u *upload) complete(ctx context.Context, f *pendingFile, parts []filePart) error {
	vars := map[string]any{
		"parts": parts, "artifactID": config.FirstOf(f.node.Artifact.ID, u.artifactID),
		"storagePath": f.node.StoragePath, "uploadID": f.node.Multipart.UploadID,
	}
	err := u.client.graphql(ctx, "CompleteMultipart", vars, &struct{}{})
	if e := refusal(err); e != nil {
		answer := u.ofStore(e)
		switch {
		case answer.means() == alreadyThere, answer.means() == noParts:
			return answer
		case e.status == http.StatusNotFound && !e.notWandB:
			answer.code = codeNoUpload
			return answer
		}
	}
	return u.client.explain("putting the parts of "+f.entry.Path+" together", err)
}

// ofStore is a refusal of the server as one of the store, whose words it passes on.
func (u *upload) ofStore(e *serverError) *storeError {
	return &storeError{host: u.client.host(), method: http.MethodPost, status: e.status, message: strings.Join(e.messages, "; ")}
}

// fitsWhole reports whether a file whose parts were refused may go up in one piece.
func (u *upload) fitsWhole(f *pendingFile, e *storeError) bool {
	most := u.client.limits.Whole
	if e.says("storage.") || e.host == googleStore || strings.HasSuffix(e.host, "."+googleStore) {
		most = maxGoogleObject
	}
	return f.parts != nil && f.entry.Size <= most
}

// part uploads one part and gives its ETag as the store sent it, with its quotes.
func (u *upload) part(ctx context.Context, f *pendingFile, number int64, address string, size int64) (string, error) {
	raw, err := hex.DecodeString(f.parts[number-1].HexMD5)
	if err != nil {
		return "", err
	}
	digest := base64.StdEncoding.EncodeToString(raw)
	target := uploadTarget{url: address, headers: []string{"Content-MD5:" + digest}}
	for _, h := range f.node.UploadHeaders {
		if name, _, _ := strings.Cut(h, ":"); strings.EqualFold(strings.TrimSpace(name), "Content-Type") {
			target.headers = append(target.headers, h)
		}
	}
	offset := (number - 1) * size
	src := fileSource(f.entry, offset, min(size, f.entry.Size-offset), digest)
	r, err := u.put(ctx, target, src)
	if verdictOn(err) == alreadyThere { // A part's ETag is its MD5.
		u.meter.move(src.size)
		return `"` + f.parts[number-1].HexMD5 + `"`, nil
	}
	if err != nil {
		return "", err
	}
	etag := r.header.Get("ETag")
	if etag == "" {
		return "", &storeError{host: config.HostOf(address), method: http.MethodPut, status: http.StatusBadGateway, message: "The answer has no ETag"}
	}
	return etag, nil
}
