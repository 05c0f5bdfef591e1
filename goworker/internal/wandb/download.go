package wandb

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/fault"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/wandb/config"
)

// maxResumes is how often a download goes on without having got any further.
const maxResumes = 5

// OpenFile reads a file of an artifact as a stream. A connection that breaks off is
// taken up where it broke. The end is io.EOF only if size and digest (MD5 or XXH128) are
// those of the artifact: else it is a fault, so what was read before must not count until then.
// The key is never sent along. Faults beside the network's: bad_artifact, not_found.
func (c *Client) OpenFile(ctx context.Context, f RemoteFile) (io.ReadCloser, error) {
	d := &download{client: c, ctx: ctx, file: f, hash: newDigester(), left: f.Size}
	if !c.trusted(f) {
		entry, err := c.manifestEntry(ctx, f)
		switch {
		case err != nil:
			return nil, err
		case entry == nil:
			return nil, notFound("The artifact has no file %s.", f.Path)
		case entry.Ref != "":
			return nil, fault.New(fault.WandB, fault.BadArtifact, "The file %s of the artifact is only a reference to a file elsewhere, which this plugin does not follow.", f.Path)
		}
		if _, err := entry.algorithm(f.Path); err != nil {
			return nil, err
		}
		d.entry, d.left = entry, number(entry.Size)
	}
	return d, nil
}

// download is a file that is being read.
type download struct {
	client *Client
	ctx    context.Context //nolint:containedctx // A reader has no other way to hear of a cancel.
	file   RemoteFile
	entry  *storedEntry // if the manifest was asked
	hash   *digester
	left   int64
	at     int64

	body             io.ReadCloser
	resumes, renewed int
	err              error
}

// Read implements io.Reader.
func (d *download) Read(p []byte) (int, error) {
	for d.err == nil {
		if d.left == 0 {
			d.err = d.verify()
			break
		}
		if d.body == nil {
			if d.err = d.connect(); d.err != nil {
				break
			}
		}
		n, err := d.body.Read(p[:min(int64(len(p)), d.left)])
		_, _ = d.hash.Write(p[:n])
		d.left -= int64(n)
		d.at += int64(n)
		if n > 0 {
			d.resumes = 0
		}
		if err != nil && d.left > 0 {
			d.again(err)
		}
		if n > 0 || len(p) == 0 {
			return n, nil
		}
	}
	return 0, d.err
}

// again makes the next read go on from here.
func (d *download) again(err error) {
	_ = d.body.Close()
	d.body = nil
	if d.ctx.Err() != nil {
		d.err = d.ctx.Err()
		return
	}
	if d.resumes++; d.resumes > maxResumes {
		if errors.Is(err, io.EOF) {
			d.err = d.shorter()
			return
		}
		d.err = d.client.explainStore(d.file.url, d.doing(), err)
		return
	}
	d.client.notice(fmt.Sprintf("A download broke off at %d bytes; going on from there.", d.at))
	d.err = sleep(d.ctx, d.client.timings.RetryWait)
}

// connect opens the file where the reading stands.
func (d *download) connect() error {
	for {
		body, err := d.client.open(d.ctx, d.file.url, d.at)
		if err == nil {
			d.body = body
			return nil
		}
		if e := storeRefusal(err); e != nil && e.status == http.StatusRequestedRangeNotSatisfiable && d.at > 0 {
			return d.shorter()
		}
		if d.renewed++; !another(err, d.renewed) {
			return d.client.explainStore(d.file.url, d.doing(), err)
		}
		fresh, err := d.client.renew(d.ctx, d.file)
		if err != nil {
			return err
		}
		d.file.url, d.file.manifestURL = fresh.url, fresh.manifestURL
	}
}

func (d *download) doing() string { return "reading the file " + d.file.Path + " of the artifact" }

// verify is io.EOF if what was read is what the artifact says. The server gives a file's digest
// without its algorithm: where it is not that of the bytes in any, the manifest decides.
func (d *download) verify() error {
	if d.entry == nil {
		if d.hash.has(d.file.digest) {
			return io.EOF
		}
		entry, err := d.client.manifestEntry(d.ctx, d.file)
		if err != nil {
			return err
		}
		if entry == nil || entry.Ref != "" {
			return damaged(d.file.Path, "its bytes are not those of its checksum")
		}
		d.entry = entry
	}
	algorithm, err := d.entry.algorithm(d.file.Path)
	if err != nil {
		return err
	}
	if d.hash.sum(algorithm) != d.entry.Digest {
		return damaged(d.file.Path, "its bytes are not those of its checksum")
	}
	return io.EOF
}

func (d *download) shorter() error {
	return damaged(d.file.Path, "it is shorter than the artifact says")
}

func damaged(path, why string) error {
	return fault.New(fault.WandB, fault.BadArtifact, "The file %s of the artifact is damaged: %s. Try again; if it stays so, log the artifact again.", path, why)
}

// Close implements io.Closer.
func (d *download) Close() error {
	if d.err == nil {
		d.err = fault.New(fault.Plugin, fault.Internal, "A file was read after it was closed.")
	}
	if d.body == nil {
		return nil
	}
	return d.body.Close()
}

// open asks a signed address for a file's bytes from offset on, without the key. A
// refusal is a *storeError.
func (c *Client) open(ctx context.Context, address string, offset int64) (io.ReadCloser, error) {
	address, err := c.address(address)
	if err != nil {
		return nil, err
	}
	req := &request{method: http.MethodGet, address: address, header: http.Header{
		"Accept-Encoding": {"identity"}, // Offsets count the bytes as they are stored.
	}}
	if offset > 0 {
		req.header.Set("Range", fmt.Sprintf("bytes=%d-", offset))
	}
	x := exchange{client: c, end: c.store, what: "A download from " + config.HostOf(address)}
	r, err := x.open(ctx, req)
	switch {
	case err != nil:
		return nil, err
	case r.status == http.StatusPartialContent && offset > 0:
		return r.stream, nil
	case r.status == http.StatusOK:
		if _, err := io.CopyN(io.Discard, r.stream, offset); err != nil {
			r.close()
			return nil, innerError(err)
		}
		return r.stream, nil
	}
	r.close()
	return nil, newStoreError(http.MethodGet, address, r)
}
