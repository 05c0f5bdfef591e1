package jpegscale

import (
	"encoding/binary"
	"math"
	"math/bits"
	"math/rand/v2"
	"slices"
)

// testPicture is a picture made of known coefficients. Its JPEG and its samples at
// every size can be computed from them, by nothing but the standard's definitions.
type testPicture struct {
	width, height int
	sampling      [][2]int // h and v of each component
	restart       int      // MCUs between restarts, 0 without
	separate      bool     // one scan for each component
	longCodes     bool     // Huffman codes of up to 16 bits
	progressive   bool     // means first, then a scan for the rest of each component
	shortest      []byte   // AC symbols that have the shortest codes
	quant         [64]int  // in natural order
	blocks        [][][64]int
}

// newTestPicture fills a picture with random coefficients that stay within the
// range of 8-bit samples.
func newTestPicture(seed uint64, width, height int, sampling ...[2]int) *testPicture {
	r := rand.New(rand.NewPCG(seed, 1))
	p := &testPicture{width: width, height: height, sampling: sampling, blocks: make([][][64]int, len(sampling))}
	for i := range p.quant {
		p.quant[i] = 1 + r.IntN(12)
	}
	for c := range sampling {
		w, h := p.blockSize(c)
		for range w * h {
			var b [64]int
			b[0] = r.IntN(1200) - 600
			for range []int{0, 1, 3, 12, 40}[r.IntN(5)] {
				b[r.IntN(64)] = r.IntN(41) - 20
			}
			if r.IntN(4) == 0 {
				b[63] = 1 + r.IntN(3) // a block without an end code
			}
			for i := range b {
				b[i] /= p.quant[i]
			}
			p.blocks[c] = append(p.blocks[c], b)
		}
	}
	return p
}

// most gives the largest sampling factors.
func (p *testPicture) most() (h, v int) {
	for _, s := range p.sampling {
		h, v = max(h, s[0]), max(v, s[1])
	}
	return h, v
}

// blockSize gives the size of a component in blocks, those included that fill the
// last MCUs.
func (p *testPicture) blockSize(c int) (w, h int) {
	hMax, vMax := p.most()
	return (p.width + 8*hMax - 1) / (8 * hMax) * p.sampling[c][0], (p.height + 8*vMax - 1) / (8 * vMax) * p.sampling[c][1]
}

// sample computes sample (x, y) of a component whose blocks are size x size, from
// the definition of the inverse transform of that size.
func (p *testPicture) sample(c, size, x, y int) float64 {
	w, _ := p.blockSize(c)
	b := &p.blocks[c][y/size*w+x/size]
	sum := 0.0
	for v := range size {
		for u := range size {
			if k := b[8*v+u] * p.quant[8*v+u]; k != 0 {
				sum += float64(k) * wave(u, x%size, size) * wave(v, y%size, size)
			}
		}
	}
	// The coefficients are those of size 8.
	return math.Min(math.Max(sum*float64(size)/8+128, 0), 255)
}

// wave is the value at x of the u-th of n orthonormal cosines.
func wave(u, x, n int) float64 {
	if u == 0 {
		return math.Sqrt(1 / float64(n))
	}
	return math.Sqrt(2/float64(n)) * math.Cos(float64((2*x+1)*u)*math.Pi/float64(2*n))
}

// testCode is a Huffman code over all symbols that a test needs.
type testCode struct {
	counts  [16]byte
	symbols []byte
	words   map[byte]uint32
	lengths map[byte]uint
}

// newTestCode gives the symbols codes: all of one length, or one each of lengths
// from 2 on and the many others the longest.
func newTestCode(symbols []byte, long bool) *testCode {
	c := &testCode{symbols: symbols, words: map[byte]uint32{}, lengths: map[byte]uint{}}
	if long {
		for i := range symbols {
			c.counts[min(i+1, 15)]++
			if i > 9 {
				c.counts[15] = byte(len(symbols) - i + int(c.counts[15]) - 1)
				break
			}
		}
	} else {
		c.counts[bits.Len(uint(len(symbols)))-1] = byte(len(symbols))
	}
	code, i := uint32(0), 0
	for l, n := range c.counts {
		for range n {
			c.words[symbols[i]], c.lengths[symbols[i]] = code, uint(l+1)
			code++
			i++
		}
		code <<= 1
	}
	return c
}

// jpeg writes the picture as a baseline JPEG.
func (p *testPicture) jpeg() []byte {
	var acSymbols, dcSymbols []byte
	for i := range 12 {
		dcSymbols = append(dcSymbols, byte(i))
	}
	acSymbols = append(acSymbols, p.shortest...)
	for s := range 256 {
		if size := s & 15; (size >= 1 && size <= 10 || s == 0 || s == 0xF0) && !slices.Contains(p.shortest, byte(s)) {
			acSymbols = append(acSymbols, byte(s))
		}
	}
	dc, ac := newTestCode(dcSymbols, false), newTestCode(acSymbols, p.longCodes)
	out := []byte{0xFF, 0xD8}
	table := []byte{0}
	for _, at := range zigzag {
		table = append(table, byte(p.quant[int(at>>4)*8+int(at&15)]))
	}
	out = segment(out, 0xDB, table)
	frame := binary.BigEndian.AppendUint16([]byte{8}, uint16(p.height))
	frame = append(binary.BigEndian.AppendUint16(frame, uint16(p.width)), byte(len(p.sampling)))
	for i, s := range p.sampling {
		frame = append(frame, byte(i+1), byte(s[0]<<4|s[1]), 0)
	}
	kind := byte(0xC0)
	if p.progressive {
		kind = 0xC2
	}
	out = segment(out, kind, frame)
	out = segment(out, 0xC4, append(append([]byte{0x00}, dc.counts[:]...), dc.symbols...))
	out = segment(out, 0xC4, append(append([]byte{0x10}, ac.counts[:]...), ac.symbols...))
	if p.restart > 0 {
		out = segment(out, 0xDD, binary.BigEndian.AppendUint16(nil, uint16(p.restart)))
	}
	all := make([]int, len(p.sampling))
	for i := range all {
		all[i] = i
	}
	scans := [][]int{all}
	if p.separate {
		scans = slices.Collect(slices.Chunk(all, 1))
	}
	for _, comps := range scans {
		if p.progressive {
			out = p.scan(out, comps, dc, nil)
		} else {
			out = p.scan(out, comps, dc, ac)
		}
	}
	if p.progressive {
		for i := range all {
			out = p.scan(out, all[i:i+1], nil, ac)
		}
	}
	return append(out, 0xFF, 0xD9)
}

// segment appends a marker segment.
func segment(out []byte, marker byte, content []byte) []byte {
	out = binary.BigEndian.AppendUint16(append(out, 0xFF, marker), uint16(len(content)+2))
	return append(out, content...)
}

// scan appends a scan of some components: without dc one of the rest of the
// coefficients, without ac one of the means.
func (p *testPicture) scan(out []byte, comps []int, dc, ac *testCode) []byte {
	head := []byte{byte(len(comps))}
	for _, c := range comps {
		head = append(head, byte(c+1), 0)
	}
	from, to := byte(0), byte(63)
	if dc == nil {
		from = 1
	}
	if ac == nil {
		to = 0
	}
	out = segment(out, 0xDA, append(head, from, to, 0))
	w := &bitWriter{out: out}
	pred := make([]int, len(p.sampling))
	hMax, vMax := p.most()
	unitsX, unitsY := (p.width+8*hMax-1)/(8*hMax), (p.height+8*vMax-1)/(8*vMax)
	alone := len(comps) == 1
	if alone {
		s := p.sampling[comps[0]]
		unitsX = ((p.width*s[0]+hMax-1)/hMax + 7) / 8
		unitsY = ((p.height*s[1]+vMax-1)/vMax + 7) / 8
	}
	for n := range unitsX * unitsY {
		if p.restart > 0 && n > 0 && n%p.restart == 0 {
			w.flush()
			w.out = append(w.out, 0xFF, 0xD0|byte(n/p.restart-1)&7)
			clear(pred)
		}
		for _, c := range comps {
			h, v := p.sampling[c][0], p.sampling[c][1]
			if alone {
				h, v = 1, 1
			}
			stride, _ := p.blockSize(c)
			for i := range h * v {
				x, y := n%unitsX*h+i%h, n/unitsX*v+i/h
				b := &p.blocks[c][y*stride+x]
				w.block(b, b[0]-pred[c], dc, ac)
				pred[c] = b[0]
			}
		}
	}
	w.flush()
	return w.out
}

// bitWriter writes entropy-coded data.
type bitWriter struct {
	out []byte
	acc uint64
	n   uint
}

func (w *bitWriter) bits(v uint32, n uint) {
	w.acc = w.acc<<n | uint64(v)
	for w.n += n; w.n >= 8; {
		w.n -= 8
		b := byte(w.acc >> w.n)
		if w.out = append(w.out, b); b == 0xFF {
			w.out = append(w.out, 0)
		}
	}
}

func (w *bitWriter) flush() {
	if w.n > 0 {
		w.bits(1<<(8-w.n)-1, 8-w.n)
	}
}

func (w *bitWriter) symbol(c *testCode, s byte) { w.bits(c.words[s], c.lengths[s]) }

func (w *bitWriter) value(v int) (size uint, bits uint32) {
	size = uint(bitsOf(v))
	if v < 0 {
		v += 1<<size - 1
	}
	return size, uint32(v)
}

func bitsOf(v int) int { return bits.Len(uint(max(v, -v))) }

// block writes one block.
func (w *bitWriter) block(b *[64]int, diff int, dc, ac *testCode) {
	if dc != nil {
		size, v := w.value(diff)
		w.symbol(dc, byte(size))
		w.bits(v, size)
	}
	if ac == nil {
		return
	}
	run := 0
	for _, at := range zigzag[1:] {
		k := b[int(at>>4)*8+int(at&15)]
		if k == 0 {
			run++
			continue
		}
		for ; run > 15; run -= 16 {
			w.symbol(ac, 0xF0)
		}
		size, v := w.value(k)
		w.symbol(ac, byte(run<<4)|byte(size))
		w.bits(v, size)
		run = 0
	}
	if run > 0 {
		w.symbol(ac, 0)
	}
}
