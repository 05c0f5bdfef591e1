package pillow

import (
	"encoding/binary"
	"errors"
	"fmt"
	"image"
	"image/color"
	"io"
	"math"
	"time"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/stretch"
)

// The protocol's constants; shim/decoder.py has the same. All numbers are little endian.
var hello = []byte("FWPD\x01\x00\x00\x00")

const (
	magic       = 0x31504446
	requestSize = 36
	answerSize  = 40
)

type operation uint32

const (
	describe operation = 1
	decode   operation = 2
	check    operation = 3
)

// request is one picture to describe, decode or check.
type request struct {
	op     operation
	file   []byte
	limits Limits
}

// write sends it: the magic, the operation, the file's length, the limits on pixels, bytes and seconds, the file.
func (r request) write(w io.Writer, most time.Duration) error {
	head := make([]byte, 0, requestSize)
	head = binary.LittleEndian.AppendUint32(head, magic)
	head = binary.LittleEndian.AppendUint32(head, uint32(r.op))
	head = binary.LittleEndian.AppendUint64(head, uint64(len(r.file)))
	head = binary.LittleEndian.AppendUint64(head, uint64(max(r.limits.Pixels, 0))) //nolint:gosec // not negative
	head = binary.LittleEndian.AppendUint64(head, uint64(max(r.limits.Bytes, 0)))  //nolint:gosec // not negative
	// The process ends by itself a little later than it is killed, should there be nobody to do that.
	head = binary.LittleEndian.AppendUint32(head, uint32(most/time.Second)+2) //nolint:gosec // small
	if _, err := w.Write(head); err != nil {
		return err
	}
	_, err := w.Write(r.file)
	return err
}

// The modes of pictures: how pixels are sent.
const (
	modeGray    = 1 + iota // a byte
	modeRGB                // three bytes, and one that means nothing
	modeRGBA               // four bytes; colours are not multiplied by opacity
	modeGray16             // two bytes, big endian
	modePalette            // an index
	modeFloat              // a float of 32 bits
	modeRGB16              // red, green, blue and opacity of two bytes, big endian
)

// pixelSizes are how many bytes a pixel takes, by mode.
var pixelSizes = [...]int64{modeGray: 1, modeRGB: 4, modeRGBA: 4, modeGray16: 2, modePalette: 1, modeFloat: 4, modeRGB16: 8}

// The statuses of answers.
const (
	statusOK = iota
	statusUnsupported
	statusDamaged
	statusTooLarge
)

// answer is what was read of an answer. Nothing in it goes beyond the request's limits.
type answer struct {
	status        int
	mode          int
	turn          int
	width, height int
	length        int64 // of the pixels, in bytes
	text          string
	image         image.Image // of a decoded picture
}

var errProtocol = errors.New("it gave a wrong answer")

const (
	maxSide    = math.MaxInt32
	maxText    = 300
	maxPalette = 4 * 256
)

// readAnswer reads the answer to a request. Whatever comes, it takes no more memory than the request allows.
func readAnswer(r io.Reader, asked request) (a answer, err error) {
	var head [answerSize]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return a, err
	}
	number := func(at int) int64 { return int64(binary.LittleEndian.Uint32(head[at:])) }
	width, height, palette, text := number(8), number(12), number(24), number(28)
	a.status, a.mode, a.turn = int(head[4]), int(head[5]), int(head[6])
	noData := math.Float64frombits(binary.LittleEndian.Uint64(head[32:]))
	if number(0) != magic || a.status > statusTooLarge || text > maxText {
		return a, errProtocol
	}
	if a.status != statusOK {
		said := make([]byte, text)
		_, err := io.ReadFull(r, said)
		a.text = string(said)
		return a, err
	}
	if a.mode < modeGray || a.mode > modeRGB16 || a.turn < 1 || a.turn > 8 || text != 0 || palette > maxPalette || palette%4 != 0 ||
		width < 1 || height < 1 || width > maxSide || height > maxSide {
		return a, errProtocol
	}
	a.width, a.height = int(width), int(height)
	pixels := width * height // of 31 bits each
	if pixels > asked.limits.Pixels || pixels > asked.limits.Bytes/pixelSizes[a.mode] {
		return a, errProtocol
	}
	a.length = pixels * pixelSizes[a.mode]
	if binary.LittleEndian.Uint64(head[16:]) != uint64(a.length) || (a.mode != modePalette || asked.op != decode) && palette != 0 {
		return a, errProtocol
	}
	if asked.op != decode {
		return a, nil
	}
	colors := make([]byte, palette)
	if _, err := io.ReadFull(r, colors); err != nil {
		return a, err
	}
	a.image, err = readPixels(r, a, colors, noData)
	return a, err
}

// readPixels reads the pixels into a picture.
func readPixels(r io.Reader, a answer, palette []byte, noData float64) (image.Image, error) {
	area := image.Rect(0, 0, a.width, a.height)
	var img image.Image
	var pix []byte
	switch a.mode {
	case modeGray:
		m := image.NewGray(area)
		img, pix = m, m.Pix
	case modeRGB:
		m := image.NewRGBA(area)
		img, pix = m, m.Pix
	case modeRGBA:
		m := image.NewNRGBA(area)
		img, pix = m, m.Pix
	case modeGray16:
		m := image.NewGray16(area)
		img, pix = m, m.Pix
	case modePalette:
		m := image.NewPaletted(area, colorsOf(palette))
		img, pix = m, m.Pix
	case modeRGB16:
		m := image.NewNRGBA64(area)
		img, pix = m, m.Pix
	default:
		return readFloats(r, area, noData)
	}
	if _, err := io.ReadFull(r, pix); err != nil {
		return nil, err
	}
	if a.mode == modeRGB {
		for i := 3; i < len(pix); i += 4 {
			pix[i] = 255
		}
	}
	return img, nil
}

// colorsOf is a palette of 256 colours; those that were not sent are black.
func colorsOf(rgba []byte) color.Palette {
	out := make(color.Palette, 256)
	for i := range out {
		c := color.NRGBA{A: 255}
		if at := 4 * i; at < len(rgba) {
			c = color.NRGBA{rgba[at], rgba[at+1], rgba[at+2], rgba[at+3]}
		}
		out[i] = c
	}
	return out
}

// readFloats reads samples, a piece at a time.
func readFloats(r io.Reader, area image.Rectangle, noData float64) (image.Image, error) {
	m := stretch.NewFloats(area)
	if !math.IsNaN(noData) {
		v := float32(noData)
		m.NoData = &v
	}
	piece := make([]byte, 64<<10)
	for rest := m.Pix; len(rest) > 0; {
		n := min(len(rest), len(piece)/4)
		if _, err := io.ReadFull(r, piece[:4*n]); err != nil {
			return nil, err
		}
		for i := range n {
			rest[i] = math.Float32frombits(binary.LittleEndian.Uint32(piece[4*i:]))
		}
		rest = rest[n:]
	}
	return m, nil
}

// config is the picture's size and colour model.
func (a answer) config() image.Config {
	models := [...]color.Model{
		modeGray: color.GrayModel, modeRGB: color.RGBAModel, modeRGBA: color.NRGBAModel, modeGray16: color.Gray16Model,
		modePalette: color.Palette{}, modeFloat: stretch.FloatModel, modeRGB16: color.NRGBA64Model,
	}
	return image.Config{Width: a.width, Height: a.height, ColorModel: models[a.mode]}
}

// failure is the error that an answer tells; nil for none.
func (a answer) failure() error {
	kinds := [...]error{statusUnsupported: ErrUnsupported, statusDamaged: ErrCorrupt, statusTooLarge: ErrTooLarge}
	if a.status == statusOK {
		return nil
	}
	return fmt.Errorf("%w: %s", kinds[a.status], a.text)
}
