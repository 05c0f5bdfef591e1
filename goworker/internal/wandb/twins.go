package wandb

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"net/url"
	"strings"
	"sync"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/artifact"
)

// twins makes bytes that several files of an artifact share go up once. The
// store names objects by their MD5 and, at wandb.ai, does not take the same name again. Which of
// the files brings the bytes is only known when the server has answered: one that an older
// version holds under the same path does not, but its twins under new paths need them.
//
// It takes 5 bytes a file, and a channel for bytes that are on their way and waited for.
type twins struct {
	// first is for each entry the number of the first with the same bytes, which
	// stands for all of them in the rest.
	first []uint32

	mu    sync.Mutex
	state []transfer
	waits map[uint32]chan struct{}
}

// transfer is how far some bytes are.
type transfer uint8

const (
	notBegun transfer = iota
	onItsWay
	arrived
)

func newTwins(files *artifact.Files) *twins {
	first := files.Twins()
	return &twins{first: first, state: make([]transfer, len(first)), waits: map[uint32]chan struct{}{}}
}

// begin reports whether the caller has to bring the bytes; if not, they are on their way or there.
func (t *twins) begin(bytes uint32) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.state[bytes] != notBegun {
		return false
	}
	t.state[bytes] = onItsWay
	return true
}

// taken reports whether somebody brings the bytes or has brought them.
func (t *twins) taken(bytes uint32) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.state[bytes] != notBegun
}

// arrive ends the waiting for bytes that begin gave to the caller.
func (t *twins) arrive(bytes uint32) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.state[bytes] = arrived
	if wait, ok := t.waits[bytes]; ok {
		close(wait)
		delete(t.waits, bytes)
	}
}

// wait returns when the bytes are there. Where they cannot be brought, the artifact as
// a whole fails, which ends ctx.
func (t *twins) wait(ctx context.Context, bytes uint32) error {
	t.mu.Lock()
	if t.state[bytes] == arrived {
		t.mu.Unlock()
		return nil
	}
	wait, ok := t.waits[bytes]
	if !ok {
		wait = make(chan struct{})
		t.waits[bytes] = wait
	}
	t.mu.Unlock()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-wait:
		return nil
	}
}

// isNamedByDigest reports whether the object that the server wants a file's bytes in has
// the hex form of their digest as its name, so that twins are one object. A server that
// names objects in another way gets the bytes of each file.
func isNamedByDigest(n fileNode, digest string) bool {
	object := n.StoragePath
	if object == "" {
		u, err := url.Parse(n.UploadURL)
		if err != nil {
			return false
		}
		object = u.Path
	}
	raw, err := base64.StdEncoding.DecodeString(digest)
	return err == nil && strings.HasSuffix(object, "/"+hex.EncodeToString(raw))
}
