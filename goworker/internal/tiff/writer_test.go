package tiff

import (
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"math/bits"
	"math/rand/v2"
	"slices"
)

// spec is a TIFF that tests write. Samples are random; zeros stand for what is usual.
type spec struct {
	width, height   int
	bits, samples   int
	photometric     int
	compression     int
	extra           []int
	tileW, tileH    int
	rows            int // of a strip
	planar, big     bool
	reversed        bool
	predictor       bool
	msb             bool
	more            []entry // further fields, which stand in place of those of their tag
	colors          []int
	values          []uint16 // the samples, pixel by pixel; set by write
	blocksCount     int
	withoutLastByte bool
}

// entry is a field of a directory.
type entry struct {
	tag    uint16
	kind   uint16
	values []uint64
}

// write writes the file.
func (s *spec) write() []byte {
	if s.compression == 0 {
		s.compression = compressionNone
	}
	r := rand.New(rand.NewPCG(1, uint64(s.width)))
	s.values = make([]uint16, s.width*s.height*s.samples)
	for i := range s.values {
		s.values[i] = uint16(r.Uint32()) & (1<<s.bits - 1)
	}
	var order binary.ByteOrder = binary.LittleEndian
	if s.msb {
		order = binary.BigEndian
	}
	blockW, blockH := s.tileW, s.tileH
	if blockW == 0 {
		blockW, blockH = s.width, max(s.rows, 1)
		if s.rows == 0 {
			blockH = s.height
		}
	}
	planes := 1
	if s.planar {
		planes = s.samples
	}
	var body []byte
	var offsets, counts []uint64
	start := 8
	if s.big {
		start = 16
	}
	for plane := range planes {
		for y0 := 0; y0 < s.height; y0 += blockH {
			for x0 := 0; x0 < s.width; x0 += blockW {
				block := s.block(order, plane, x0, y0, blockW, blockH)
				offsets, counts = append(offsets, uint64(start+len(body))), append(counts, uint64(len(block)))
				body = append(body, block...)
			}
		}
	}
	s.blocksCount = len(offsets)
	return s.file(order, body, offsets, counts, start)
}

// deflater is used again: a new one takes 800 kB.
var deflater = zlib.NewWriter(nil)

// block writes a strip or tile.
func (s *spec) block(order binary.ByteOrder, plane, x0, y0, width, height int) []byte {
	if s.tileW == 0 {
		height = min(height, s.height-y0)
	}
	samples := []int{plane}
	if !s.planar {
		samples = samples[:0]
		for i := range s.samples {
			samples = append(samples, i)
		}
	}
	var raw []byte
	for y := y0; y < y0+height; y++ {
		var line []uint16
		for x := x0; x < x0+width; x++ {
			for _, i := range samples {
				v := uint16(0)
				if x < s.width && y < s.height {
					v = s.values[(y*s.width+x)*s.samples+i]
				}
				line = append(line, v)
			}
		}
		if s.predictor {
			for i := len(line) - 1; i >= len(samples); i-- {
				line[i] -= line[i-len(samples)]
			}
		}
		raw = append(raw, s.packRow(order, line)...)
	}
	return s.compress(raw)
}

func (s *spec) packRow(order binary.ByteOrder, line []uint16) []byte {
	out := make([]byte, (len(line)*s.bits+7)/8)
	for i, v := range line {
		switch s.bits {
		case 8:
			out[i] = byte(v)
		case 16:
			order.PutUint16(out[2*i:], v)
		default:
			each := 8 / s.bits
			out[i/each] |= byte(v) << (8 - s.bits*(i%each+1))
		}
	}
	return out
}

func (s *spec) compress(raw []byte) []byte {
	out := raw
	switch s.compression {
	case compressionDeflate:
		var buf bytes.Buffer
		z := deflater
		z.Reset(&buf)
		_, _ = z.Write(raw)
		_ = z.Close()
		out = buf.Bytes()
	case compressionPackBits:
		out = nil
		for len(raw) > 0 {
			n := 1
			for n < len(raw) && n < 128 && raw[n] == raw[0] {
				n++
			}
			if n > 1 {
				out = append(out, byte(1-n), raw[0])
			} else {
				out = append(out, 0, raw[0])
			}
			raw = raw[n:]
		}
	}
	if s.reversed {
		out = bytes.Clone(out)
		for i, v := range out {
			out[i] = bits.Reverse8(v)
		}
	}
	if s.withoutLastByte {
		out = out[:len(out)-1]
	}
	return out
}

// file puts header, blocks and directory together.
func (s *spec) file(order binary.ByteOrder, body []byte, offsets, counts []uint64, start int) []byte {
	perSample := func(v int) (all []uint64) {
		for range s.samples {
			all = append(all, uint64(v))
		}
		return all
	}
	one := func(tag uint16, v int) entry { return entry{tag, typeShort, []uint64{uint64(v)}} }
	entries := []entry{
		one(tagWidth, s.width), one(tagHeight, s.height), {tagBits, typeShort, perSample(s.bits)},
		one(tagCompression, s.compression), one(tagPhotometric, s.photometric), one(tagSamples, s.samples),
	}
	if s.tileW > 0 {
		entries = append(entries, one(tagTileWidth, s.tileW), one(tagTileHeight, s.tileH),
			entry{tagTileOffsets, typeLong, offsets}, entry{tagTileByteCounts, typeLong, counts})
	} else {
		entries = append(entries, entry{tagStripOffsets, typeLong, offsets}, entry{tagStripByteCounts, typeLong, counts})
		if s.rows > 0 {
			entries = append(entries, one(tagRowsPerStrip, s.rows))
		}
	}
	for _, e := range []struct {
		is  bool
		tag uint16
	}{{s.planar, tagPlanar}, {s.reversed, tagFillOrder}, {s.predictor, tagPredictor}} {
		if e.is {
			entries = append(entries, one(e.tag, 2))
		}
	}
	for _, e := range []struct {
		values []int
		tag    uint16
	}{{s.extra, tagExtraSamples}, {s.colors, tagColorMap}} {
		if e.values != nil {
			field := entry{tag: e.tag, kind: typeShort}
			for _, v := range e.values {
				field.values = append(field.values, uint64(v))
			}
			entries = append(entries, field)
		}
	}
	for _, m := range s.more {
		entries = slices.DeleteFunc(entries, func(e entry) bool { return e.tag == m.tag })
	}
	return assemble(order, s.big, body, append(entries, s.more...), start)
}

func assemble(order binary.ByteOrder, big bool, body []byte, entries []entry, start int) []byte {
	slices.SortStableFunc(entries, func(a, b entry) int { return int(a.tag) - int(b.tag) })
	out := []byte("II*\x00")
	if order == binary.BigEndian {
		out = []byte("MM\x00*")
	}
	put := func(b []byte, size int, v uint64) []byte {
		n := make([]byte, 8)
		switch size {
		case 1:
			n[0] = byte(v)
		case 2:
			order.PutUint16(n, uint16(v))
		case 4:
			order.PutUint32(n, uint32(v))
		default:
			order.PutUint64(n, v)
		}
		return append(b, n[:size]...)
	}
	offset := 4
	if big {
		offset = 8
		out = put(out[:2], 2, 43)
		out = put(put(out, 2, 8), 2, 0)
	}
	after := start + len(body)
	var far, directory []byte
	for _, e := range entries {
		var values []byte
		for _, v := range e.values {
			values = put(values, int(sizeOfType[e.kind]), v)
		}
		directory = put(put(directory, 2, uint64(e.tag)), 2, uint64(e.kind))
		directory = put(directory, offset, uint64(len(e.values)))
		if len(values) > offset {
			directory = put(directory, offset, uint64(after+len(far)))
			far = append(far, values...)
		} else {
			directory = append(directory, append(values, make([]byte, offset-len(values))...)...)
		}
	}
	out = put(out, offset, uint64(after+len(far)))
	out = append(append(out, body...), far...)
	count := 2
	if big {
		count = 8
	}
	out = put(out, count, uint64(len(entries)))
	return put(append(out, directory...), offset, 0)
}
