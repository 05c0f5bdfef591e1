package idlist

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/fault"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/words"
)

// Max is the most ids that a list may have.
const Max = 20_000_000

const (
	// referenceLimit bounds one sample in a sample_references.json, in bytes.
	referenceLimit = 4 << 20
	// chunkIDs is how many ids are sent at once.
	chunkIDs = 1 << 16
)

// Reader reads one list, in any of the forms in which artifacts have it. It packs the ids, 12 bytes to each, and hands
// them on in chunks. Whoever could write to the project may have made the list: what is not one is an error, see
// Problem.
type Reader struct {
	send  func([]byte) error
	chunk []byte
	n     int64
}

// NewReader makes a Reader that hands on packed ids to send, which keeps what it gets.
func NewReader(send func([]byte) error) *Reader {
	return &Reader{send: send, chunk: make([]byte, 0, packedID*chunkIDs)}
}

// add takes an id of 24 hexadecimal digits.
func (r *Reader) add(text []byte) error {
	if len(text) != 2*packedID {
		return errNotIDs
	}
	if r.n == Max {
		return fault.New(fault.WandB, fault.TooLarge, "A list of ids in the artifact has more than %s entries, which is more than this plugin reads.", words.Thousands(Max))
	}
	end := len(r.chunk)
	r.chunk = r.chunk[:end+packedID]
	if _, err := hex.Decode(r.chunk[end:], text); err != nil {
		r.chunk = r.chunk[:end]
		return errNotIDs
	}
	r.n++
	if len(r.chunk) == cap(r.chunk) {
		return r.Flush()
	}
	return nil
}

// Flush hands on what is packed. The chunk is a new one each time: the receiver keeps
// what it gets.
func (r *Reader) Flush() error {
	if len(r.chunk) == 0 {
		return nil
	}
	full := r.chunk
	r.chunk = make([]byte, 0, cap(full))
	return r.send(full)
}

// Lines reads ids, one to a line, as a Writer writes them.
func (r *Reader) Lines(in io.Reader) error {
	buf := make([]byte, Line*4096)
	for {
		n, err := io.ReadFull(in, buf)
		if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
			return err
		}
		got := buf[:n]
		if err != nil && n%Line == Line-1 {
			got = append(got, '\n') // An editor may have taken off the last one.
		}
		if len(got)%Line != 0 {
			return errNotIDs
		}
		for ; len(got) > 0; got = got[Line:] {
			if got[Line-1] != '\n' {
				return errNotIDs
			}
			if err := r.add(got[:Line-1]); err != nil {
				return err
			}
		}
		if err != nil {
			return nil
		}
	}
}

// JSON reads a JSON list of ids.
func (r *Reader) JSON(raw []byte) error {
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
		if err := r.add([]byte(text)); err != nil {
			return err
		}
	}
	return nil
}

// References reads the ids out of a sample_references.json.
func (r *Reader) References(in io.Reader) error {
	limited := &limitedPerEntry{r: in, left: referenceLimit}
	d := json.NewDecoder(limited)
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
		limited.left = referenceLimit
		if err := r.add([]byte(one.ID)); err != nil {
			return err
		}
	}
	// The end has to be reached: only there is it known that the bytes are the right ones.
	if _, err := d.Token(); err != nil {
		return err
	}
	limited.left = referenceLimit
	_, err := io.Copy(io.Discard, io.MultiReader(d.Buffered(), limited))
	return err
}

// Problem is what is wrong with a list whose reading ended with err, as the end of a sentence about the list. It is
// "" where err is nil or about something else, such as the connection.
func (r *Reader) Problem(err error) string {
	var syntax *json.SyntaxError
	var kind *json.UnmarshalTypeError
	switch {
	case errors.Is(err, errNotIDs), errors.As(err, &kind):
		return fmt.Sprintf("holds something that is not an id, after %s ids", words.Thousands(r.n))
	case errors.As(err, &syntax), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF), errors.Is(err, errLargeEntry):
		return "is not in a format that this plugin understands"
	}
	return ""
}

// limitedPerEntry lets a decoder read only so much until more is allowed.
type limitedPerEntry struct {
	r    io.Reader
	left int
}

var errLargeEntry = errors.New("one entry is too large")

// Read implements io.Reader.
func (r *limitedPerEntry) Read(p []byte) (int, error) {
	if r.left <= 0 {
		return 0, errLargeEntry
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
