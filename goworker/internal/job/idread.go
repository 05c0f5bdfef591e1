package job

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/fault"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/wandb"
)

const (
	// maxIDs is the most ids that a list may have.
	maxIDs = 20_000_000
	// referencesLimit bounds a sample_references.json, and referenceLimit one sample
	// in it, in bytes.
	referencesLimit = 8 << 30
	referenceLimit  = 4 << 20
	// packedID is the size of an id as it is sent; chunkIDs is how many are sent at
	// once.
	packedID = 12
	chunkIDs = 1 << 16
)

func badArtifact(format string, args ...any) error {
	return fault.New(fault.WandB, "bad_artifact", "The artifact cannot be used: "+format+". It is damaged, or was not made by this plugin.", args...)
}

func tooLargeFile(path string, size, limit int64) error {
	return fault.New(fault.WandB, "too_large", "The artifact's file %s has %s, and at most %s are read.", path, bytesText(size), bytesText(limit))
}

// errNotIDs is why a list is refused; its reader says which list it was.
var errNotIDs = errors.New("it holds something that is no id")

// idPacker packs ids and hands them on in chunks.
type idPacker struct {
	send  func([]byte) error
	chunk []byte
	n     int64
}

func newIDPacker(send func([]byte) error) *idPacker {
	return &idPacker{send: send, chunk: make([]byte, 0, packedID*chunkIDs)}
}

// add takes an id of 24 hexadecimal digits.
func (p *idPacker) add(text []byte) error {
	if len(text) != 2*packedID {
		return errNotIDs
	}
	if p.n == maxIDs {
		return fault.New(fault.WandB, "too_large", "A list of ids in the artifact has more than %s entries, which is more than this plugin reads.", thousands(maxIDs))
	}
	end := len(p.chunk)
	p.chunk = p.chunk[:end+packedID]
	if _, err := hex.Decode(p.chunk[end:], text); err != nil {
		p.chunk = p.chunk[:end]
		return errNotIDs
	}
	p.n++
	if len(p.chunk) == cap(p.chunk) {
		return p.flush()
	}
	return nil
}

// flush hands on what is packed. The chunk is a new one each time: the receiver keeps
// what it gets.
func (p *idPacker) flush() error {
	if len(p.chunk) == 0 {
		return nil
	}
	full := p.chunk
	p.chunk = make([]byte, 0, cap(full))
	return p.send(full)
}

// lines reads ids, one to a line, as idList writes them.
func (p *idPacker) lines(r io.Reader) error {
	buf := make([]byte, idLine*4096)
	for {
		n, err := io.ReadFull(r, buf)
		if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
			return err
		}
		got := buf[:n]
		if err != nil && n%idLine == idLine-1 {
			got = append(got, '\n') // An editor may have taken off the last one.
		}
		if len(got)%idLine != 0 {
			return errNotIDs
		}
		for ; len(got) > 0; got = got[idLine:] {
			if got[idLine-1] != '\n' {
				return errNotIDs
			}
			if err := p.add(got[:idLine-1]); err != nil {
				return err
			}
		}
		if err != nil {
			return nil
		}
	}
}

// jsonList reads a JSON list of ids.
func (p *idPacker) jsonList(raw []byte) error {
	d := json.NewDecoder(bytes.NewReader(raw))
	if err := enterList(d); err != nil {
		return err
	}
	for d.More() {
		token, err := d.Token()
		if err != nil {
			return err
		}
		text, _ := token.(string)
		if err := p.add([]byte(text)); err != nil {
			return err
		}
	}
	return nil
}

// references reads the ids out of a sample_references.json.
func (p *idPacker) references(r io.Reader) error {
	ration := &ration{r: r, left: referenceLimit}
	d := json.NewDecoder(ration)
	if err := enterList(d); err != nil {
		return err
	}
	for d.More() {
		var one struct {
			ID string `json:"id"`
		}
		if err := d.Decode(&one); err != nil {
			return err
		}
		ration.left = referenceLimit
		if err := p.add([]byte(one.ID)); err != nil {
			return err
		}
	}
	// The end has to be reached: only there is it known that the bytes are the right ones.
	if _, err := d.Token(); err != nil {
		return err
	}
	ration.left = referenceLimit
	_, err := io.Copy(io.Discard, io.MultiReader(d.Buffered(), ration))
	return err
}

// refused makes what is wrong with a list a fault. Faults stay as they are, and so do
// the errors of a call that has ended.
func (p *idPacker) refused(err error, what string) error {
	var syntax *json.SyntaxError
	var kind *json.UnmarshalTypeError
	switch {
	case errors.Is(err, errNotIDs), errors.As(err, &kind):
		return badArtifact("%s holds something that is no id, after %s ids", what, thousands(p.n))
	case errors.As(err, &syntax), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF), errors.Is(err, errRation):
		return badArtifact("%s is in no form that this plugin knows", what)
	}
	return err
}

// ration lets a decoder read only so much until more is allowed.
type ration struct {
	r    io.Reader
	left int
}

var errRation = errors.New("one entry is too large")

// Read implements io.Reader.
func (r *ration) Read(p []byte) (int, error) {
	if r.left <= 0 {
		return 0, errRation
	}
	n, err := r.r.Read(p[:min(len(p), r.left)])
	r.left -= n
	return n, err
}

func enterList(d *json.Decoder) error {
	token, err := d.Token()
	if err == nil && token != json.Delim('[') {
		err = errNotIDs
	}
	return err
}

// stream has a file of at most limit bytes read by parse.
func (r *artifactReader) stream(ctx context.Context, f wandb.RemoteFile, limit int64, parse func(io.Reader) error) error {
	if f.Size > limit {
		return tooLargeFile(f.Path, f.Size, limit)
	}
	body, err := r.client.OpenFile(ctx, f)
	if err != nil {
		return err
	}
	defer func() { _ = body.Close() }()
	return parse(body)
}
