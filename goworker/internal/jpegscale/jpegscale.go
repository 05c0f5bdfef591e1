// Package jpegscale decodes JPEG pictures at 1/1, 1/2, 1/4 or 1/8 of their size.
//
// A thumbnail needs a few of a block's 64 frequencies. The decoder reads those,
// steps over the others in the entropy-coded data several symbols at a time, and
// transforms at the small size, which is several times faster than decoding the
// picture and shrinking it.
//
// It is written from ITU-T T.81 (the format and its Huffman and progressive
// modes) and from Arai, Agui and Nakajima's scaled transform. It reads baseline,
// extended sequential and progressive Huffman pictures of 8 bits with 1, 3 or 4
// components and any sampling factors. Other kinds are [ErrUnsupported].
package jpegscale

import (
	"context"
	"errors"
	"fmt"
	"math"
)

// The kinds of error. Every error of this package wraps one of them.
var (
	// ErrUnsupported: a JPEG of a kind that this package does not read (12 bits,
	// arithmetic coding, lossless, two components, height given after the data).
	ErrUnsupported = errors.New("unsupported kind of JPEG")
	// ErrCorrupt: not a JPEG, damaged, or cut off.
	ErrCorrupt = errors.New("damaged JPEG")
	// ErrTooLarge: the picture exceeds a limit of Options.
	ErrTooLarge = errors.New("JPEG is too large")
)

// The limits that apply where Options has none.
const (
	DefaultMaxPixels = 512_000_000
	DefaultMaxMemory = 256 << 20
)

// The work that one picture may cause, which a small file must not choose. Encoders
// write at most about 20 scans, each over some of the components.
const (
	// maxScans bounds the scans of a picture.
	maxScans = 128
	// maxVisits bounds how many times each block may be visited by scans, on average.
	maxVisits = 32
	// freeVisits is how many visits of blocks are allowed in any picture.
	freeVisits = 1 << 20
)

// Color says what a picture's planes mean.
type Color int

// The colour models. Planes of C, M, Y and K hold ink as Adobe writes it, inverted:
// 255 means no ink.
const (
	Gray  Color = iota + 1 // Y
	YCbCr                  // Y, Cb, Cr as in JFIF
	RGB                    // R, G, B
	CMYK                   // C, M, Y, K; inverted
	YCCK                   // Y, Cb, Cr of C, M, Y that are not inverted; then K, inverted
)

// Options choose the size and set the limits of one decoding.
type Options struct {
	// Scale is the denominator of the size: 1, 2, 4 or 8. Zero means 1.
	Scale int
	// HalfChroma allows Cb and Cr planes of half the luma plane's resolution in
	// each direction even if the file holds more.
	HalfChroma bool
	// MaxPixels limits width times height of the file. Zero means DefaultMaxPixels.
	MaxPixels int64
	// MaxMemory limits the bytes for planes, coefficients and the places of restarts;
	// a copy of the file's data comes on top. Zero means DefaultMaxMemory.
	MaxMemory int64
}

// Header is what a JPEG says of itself before its data.
type Header struct {
	Width, Height int
	Color         Color
	Progressive   bool
	// Plain says that Color is YCbCr, and that Cb and Cr have the same resolution, which is that
	// of Y or goes 2 or 4 times into its width and once or twice into its height.
	Plain bool
}

// Plane is one component. Sample (x, y) is Pix[y*Stride+x]. The picture's full
// width covers SpanX samples and its height SpanY of them, measured from the
// outer edge of the first; Width and Height are these rounded up. A plane of
// subsampled chroma covers the same picture with fewer samples.
type Plane struct {
	Pix           []byte
	Stride        int
	Width, Height int
	SpanX, SpanY  float64
}

// Picture is a decoded picture. It shares memory with its Decoder and is valid
// until the Decoder's next call.
type Picture struct {
	Header
	Planes []Plane
}

// Decoder decodes pictures one after the other and reuses its memory. It is for
// one goroutine at a time. The zero value is ready for use.
type Decoder struct {
	parser
	ctx  context.Context
	opts Options
	// visits is how many more blocks scans may visit.
	visits int64
	// intervals is how many restart intervals the memory was planned for.
	intervals int
	// endOfBand is how many blocks more have nothing in the scan's band.
	endOfBand int

	bits     bitReader
	entropy  entropyData
	dcTables [4]lookTable
	acTables [4]lookTable
	skips    [4]skipTable
	planes   [4]Plane
	pixels   []byte
	coeffs   []int16
	nonzero  []uint64
}

// parser reads the marker segments.
type parser struct {
	data    []byte
	pos     int
	frame   frame
	quant   [4]quantTable
	codes   [2][4]codeSpec // by class (DC, AC) and name
	jfif    bool
	adobe   bool
	adobeTr byte // the colour transform that Adobe's marker names
	restart int  // MCUs between restarts, 0 without
	scans   int
}

// ReadHeader reads the size and colour model of a JPEG without decoding it.
func ReadHeader(data []byte) (Header, error) {
	p := parser{data: data}
	if err := p.readUntilScan(); err != nil {
		return Header{}, err
	}
	return p.header(), nil
}

// Cost is how many bytes of memory Decode takes at most for data and o. It is computed
// from what Decode itself reads of the headers. Errors are those of Decode.
func Cost(data []byte, o Options) (int64, error) {
	d := Decoder{}
	if err := d.reset(data, o); err != nil {
		return 0, err
	}
	if err := d.readUntilScan(); err != nil {
		return 0, err
	}
	n, err := d.layOut()
	if err != nil {
		return 0, err
	}
	return n.bytes() + int64(len(data)-d.pos) + slack, nil
}

// Decode decodes data at the size that o asks for. A file that ends before all
// of its picture was read, or whose entropy-coded data cannot be decoded, is
// ErrCorrupt: a thumbnail of half a picture would hide that the file is broken.
// A missing end marker after the complete data of a sequential file is not an error.
// A done context ends the work within a row of blocks, with the context's error.
func (d *Decoder) Decode(ctx context.Context, data []byte, o Options) (*Picture, error) {
	if err := d.reset(data, o); err != nil {
		return nil, err
	}
	d.ctx = ctx
	if err := d.readUntilScan(); err != nil {
		return nil, err
	}
	memory, err := d.layOut()
	if err != nil {
		return nil, err
	}
	d.take(memory)
	if err := d.readScans(); err != nil {
		return nil, err
	}
	if d.frame.progressive {
		if err := d.reconstruct(); err != nil {
			return nil, err
		}
	}
	p := &Picture{Header: d.header(), Planes: d.planes[:len(d.frame.comps)]}
	d.data, d.ctx = nil, nil
	return p, nil
}

// keepMemory is the largest buffer that a Decoder keeps for its next picture.
const keepMemory = 32 << 20

// reset prepares the decoder for a new picture; lookup tables stay, since most
// files bring the same ones.
func (d *Decoder) reset(data []byte, o Options) error {
	switch o.Scale {
	case 0:
		o.Scale = 1
	case 1, 2, 4, 8:
	default:
		return fmt.Errorf("%w: no scale 1/%d", ErrUnsupported, o.Scale)
	}
	if o.MaxPixels == 0 {
		o.MaxPixels = DefaultMaxPixels
	}
	if o.MaxMemory == 0 {
		o.MaxMemory = DefaultMaxMemory
	}
	if len(data) > math.MaxInt32 {
		return fmt.Errorf("%w: a file of %d bytes", ErrTooLarge, len(data))
	}
	d.parser, d.opts = parser{data: data}, o
	if cap(d.pixels) > keepMemory {
		d.pixels = nil
	}
	if 2*cap(d.coeffs) > keepMemory {
		d.coeffs, d.nonzero = nil, nil
	}
	d.entropy.forget(keepMemory)
	return nil
}

// header gives the header of the frame that was read.
func (p *parser) header() Header {
	color := p.color()
	return Header{
		Width: p.frame.width, Height: p.frame.height, Color: color, Progressive: p.frame.progressive,
		Plain: color == YCbCr && plain(p.frame.comps),
	}
}

// plain reports whether chroma is subsampled in one of the usual ways.
func plain(c []component) bool {
	if c[1].h != c[2].h || c[1].v != c[2].v || c[0].h%c[1].h != 0 || c[0].v%c[1].v != 0 {
		return false
	}
	x, y := c[0].h/c[1].h, c[0].v/c[1].v
	return (x == 1 || x == 2 || x == 4) && (y == 1 || y == 2)
}

// color tells the colour model from the number of components, Adobe's and JFIF's
// markers and, without either, the components' names. Four components without
// Adobe's marker are taken for inverted CMYK, which is what such files hold.
func (p *parser) color() Color {
	c := p.frame.comps
	switch {
	case len(c) == 1:
		return Gray
	case len(c) == 4 && p.adobe && p.adobeTr != 0:
		return YCCK
	case len(c) == 4:
		return CMYK
	case p.jfif:
		return YCbCr
	case p.adobe && p.adobeTr == 0:
		return RGB
	case !p.adobe && c[0].id == 'R' && c[1].id == 'G' && c[2].id == 'B':
		return RGB
	}
	return YCbCr
}

// errNoQuant is for a component without a quantisation table, which some readers
// let pass for a table of zeros.
var errNoQuant = corrupt("a component has no quantisation table")

// corrupt makes an ErrCorrupt.
func corrupt(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrCorrupt, fmt.Sprintf(format, args...))
}

// unsupported makes an ErrUnsupported.
func unsupported(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrUnsupported, fmt.Sprintf(format, args...))
}
