package npy

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
)

// Reasons why a value gives no array, for errors.Is.
var (
	// ErrCorrupt is for bytes that are not what FiftyOne writes.
	ErrCorrupt = errors.New("not an array of FiftyOne's")
	// ErrUnsupported is for arrays of something else than numbers.
	ErrUnsupported = errors.New("not an array of numbers")
	// ErrTooLarge is for arrays beyond the decoder's limit.
	ErrTooLarge = errors.New("larger than what is read")
)

const (
	magic = "\x93NUMPY"
	// maxHeader bounds a header's text; NumPy itself reads no longer ones.
	maxHeader = 10_000
	// maxAxes is the most axes that NumPy arrays have.
	maxAxes = 64
	// align is what NumPy pads a header to.
	align = 64
)

// header says what follows in an .npy file. The format is described in NumPy's
// documentation as "NPY format", versions 1.0, 2.0 and 3.0.
type header struct {
	dtype     DType
	bigEndian bool
	// fortran means column-major order.
	fortran bool
	shape   []int
	// size is the bytes of data behind the header.
	size int64
}

// readHeader reads from the start of an .npy file to where its data start.
func readHeader(r io.Reader) (h header, err error) {
	var start [8]byte
	if _, err := io.ReadFull(r, start[:]); err != nil || string(start[:6]) != magic {
		return h, fmt.Errorf("%w: it does not start like an .npy file", ErrCorrupt)
	}
	length := make([]byte, 2)
	if start[6] != 1 {
		length = make([]byte, 4)
	}
	if start[6] < 1 || start[6] > 3 {
		return h, fmt.Errorf("%w: version %d of the .npy format", ErrCorrupt, start[6])
	}
	if _, err := io.ReadFull(r, length); err != nil {
		return h, fmt.Errorf("%w: its header is cut off", ErrCorrupt)
	}
	n := int64(binary.LittleEndian.Uint16(length))
	if len(length) == 4 {
		n = int64(binary.LittleEndian.Uint32(length))
	}
	if n > maxHeader {
		return h, fmt.Errorf("%w: a header of %d bytes", ErrCorrupt, n)
	}
	text := make([]byte, n)
	if _, err := io.ReadFull(r, text); err != nil {
		return h, fmt.Errorf("%w: its header is cut off", ErrCorrupt)
	}
	if err := h.parse(string(text)); err != nil {
		return h, err
	}
	return h, h.measure()
}

// parse reads the header's text, a dict as Python writes it:
// {'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }.
func (h *header) parse(text string) error {
	p := parser{text}
	var seen []string
	p.need("{")
	for !p.take("}") {
		key := p.quoted()
		p.need(":")
		switch key {
		case "descr":
			if !p.quoteAhead() {
				return fmt.Errorf("%w: it has records", ErrUnsupported)
			}
			if descr := p.quoted(); !p.failed() && !h.setType(descr) {
				return fmt.Errorf("%w: its type is %q", ErrUnsupported, descr)
			}
		case "fortran_order":
			h.fortran = p.take("True")
			if !h.fortran {
				p.need("False")
			}
		case "shape":
			h.shape = p.ints()
		default:
			p.fail()
		}
		seen = append(seen, key)
		if !p.take(",") && !p.ahead("}") {
			p.fail()
		}
		if p.failed() {
			break
		}
	}
	slices.Sort(seen)
	if p.failed() || strings.TrimSpace(p.rest) != "" || !slices.Equal(seen, []string{"descr", "fortran_order", "shape"}) {
		return fmt.Errorf("%w: its header cannot be read", ErrCorrupt)
	}
	return nil
}

// setType takes over a type as NumPy describes it, such as ">f4".
func (h *header) setType(descr string) bool {
	order, name := "<", strings.TrimLeft(descr, "<>|")
	if len(descr) != len(name)+1 {
		return false
	}
	if strings.HasSuffix(name, "1") {
		order = "|"
	}
	t := slices.Index(dtypes[:], order+name)
	h.dtype, h.bigEndian = DType(max(t, 0)), descr[0] == '>'
	return t >= 0
}

// measure works out how many bytes the data take.
func (h *header) measure() error {
	if len(h.shape) > maxAxes {
		return fmt.Errorf("%w: %d axes", ErrCorrupt, len(h.shape))
	}
	if slices.Contains(h.shape, 0) {
		return nil
	}
	h.size = int64(h.dtype.Size())
	for _, n := range h.shape {
		if int64(n) > math.MaxInt64/h.size {
			return fmt.Errorf("%w: shape %v", ErrTooLarge, h.shape)
		}
		h.size *= int64(n)
	}
	return nil
}

// parser takes a text apart from its start. After a failure the rest is empty
// and every further need fails too.
type parser struct{ rest string }

// failure is a rest that nothing in a header can make: NumPy's are ASCII or UTF-8.
const failure = "\xff"

func (p *parser) fail()        { p.rest = failure }
func (p *parser) failed() bool { return p.rest == failure }

func (p *parser) ahead(token string) bool {
	p.rest = strings.TrimLeft(p.rest, " \n")
	return strings.HasPrefix(p.rest, token)
}

func (p *parser) take(token string) bool {
	if !p.ahead(token) {
		return false
	}
	p.rest = p.rest[len(token):]
	return true
}

func (p *parser) need(token string) {
	if !p.take(token) {
		p.fail()
	}
}

func (p *parser) quoteAhead() bool { return p.ahead("'") || p.ahead(`"`) }

// quoted is a text in quotes; those of headers have no escapes.
func (p *parser) quoted() string {
	if !p.quoteAhead() {
		p.fail()
		return ""
	}
	text, rest, ok := strings.Cut(p.rest[1:], p.rest[:1])
	if !ok {
		p.fail()
		return ""
	}
	p.rest = rest
	return text
}

// ints is a tuple of sizes: (), (3,) or (3, 4).
func (p *parser) ints() []int {
	all := []int{}
	p.need("(")
	for !p.failed() && !p.take(")") {
		p.ahead("")
		end := strings.IndexFunc(p.rest, func(r rune) bool { return r < '0' || r > '9' })
		if end < 0 {
			end = len(p.rest)
		}
		n, err := strconv.Atoi(p.rest[:end])
		if err != nil {
			p.fail()
			break
		}
		all, p.rest = append(all, n), p.rest[end:]
		if !p.take(",") && !p.ahead(")") {
			p.fail()
		}
	}
	return all
}

// appendHeader appends the header of an .npy file of version 1.0 in row-major
// order, padded as NumPy does it. descr is the type as NumPy describes it.
func appendHeader(b []byte, descr string, shape []int) []byte {
	sizes := make([]string, len(shape))
	for i, n := range shape {
		sizes[i] = strconv.Itoa(n)
	}
	tuple := strings.Join(sizes, ", ")
	if len(shape) == 1 {
		tuple += ","
	}
	text := fmt.Sprintf("{'descr': '%s', 'fortran_order': False, 'shape': (%s), }", descr, tuple)
	start := len(magic) + 4
	padding := (align - (start+len(text)+1)%align) % align
	text += strings.Repeat(" ", padding) + "\n"
	b = append(b, magic...)
	b = append(b, 1, 0)
	b = binary.LittleEndian.AppendUint16(b, uint16(len(text)))
	return append(b, text...)
}
