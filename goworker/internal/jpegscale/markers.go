package jpegscale

import (
	"bytes"
	"encoding/binary"
)

// The markers that mean something here (T.81 table B.1).
const (
	markSOF0  = 0xC0
	markSOF1  = 0xC1
	markSOF2  = 0xC2
	markDHT   = 0xC4
	markSOF15 = 0xCF
	markJPG   = 0xC8
	markDAC   = 0xCC
	markRST0  = 0xD0
	markRST7  = 0xD7
	markSOI   = 0xD8
	markEOI   = 0xD9
	markSOS   = 0xDA
	markDQT   = 0xDB
	markDRI   = 0xDD
	markAPP0  = 0xE0
	markAPP14 = 0xEE
	markTEM   = 0x01
)

// frame is what the frame header says.
type frame struct {
	width, height int
	progressive   bool
	hMax, vMax    int
	mcusX, mcusY  int
	comps         []component
}

// component is one component of the frame.
type component struct {
	index            int // in the frame
	id               byte
	h, v             int
	table            byte // which quantisation table
	blocksX, blocksY int  // blocks that the picture needs
	strideX, strideY int  // blocks including those that only fill the last MCUs
	size             int  // a block's side after the transform: 8, 4, 2 or 1
	last             uint // the last zigzag index that this size needs
	ready            bool // scaling has been set up from the quantisation table
	place            placement
	pred             int
	coeffs           []int16  // progressive: perBlock a block, in zigzag order
	nonzero          []uint64 // progressive, unless perBlock is 1: per block, which coefficients after the first are not 0
	perBlock         int
}

// quantTable is a quantisation table in zigzag order.
type quantTable struct {
	values [64]uint16
	set    bool
}

// next gives the next marker and steps over the bytes before it. It is 0 at the
// end of the data.
func (p *parser) next() byte {
	for {
		i := bytes.IndexByte(p.data[p.pos:], 0xFF)
		if i < 0 {
			p.pos = len(p.data)
			return 0
		}
		p.pos += i
		for p.pos < len(p.data) && p.data[p.pos] == 0xFF {
			p.pos++
		}
		if p.pos == len(p.data) {
			return 0
		}
		m := p.data[p.pos]
		p.pos++
		if m != 0 {
			return m
		}
	}
}

// segment gives the content of the segment that begins here, without its length.
func (p *parser) segment() ([]byte, error) {
	if len(p.data)-p.pos < 2 {
		return nil, corrupt("it ends within a marker segment")
	}
	n := int(binary.BigEndian.Uint16(p.data[p.pos:]))
	if n < 2 || n > len(p.data)-p.pos {
		return nil, corrupt("it ends within a marker segment")
	}
	s := p.data[p.pos+2 : p.pos+n]
	p.pos += n
	return s, nil
}

// readUntilScan reads the headers up to the first scan.
func (p *parser) readUntilScan() error {
	if len(p.data) < 4 || p.data[0] != 0xFF || p.data[1] != markSOI {
		return corrupt("it does not begin as a JPEG")
	}
	p.pos = 2
	more, err := p.readTables()
	if err != nil {
		return err
	}
	if !more || p.frame.comps == nil {
		return corrupt("it holds no picture")
	}
	return nil
}

// readTables reads marker segments up to the next scan, whose header comes next;
// more is false where the picture ends instead.
func (p *parser) readTables() (more bool, err error) {
	for {
		m := p.next()
		switch {
		case m == 0 && p.frame.progressive:
			// What has come may be all, or a coarse picture that was cut off.
			return false, corrupt("it has no end")
		case m == 0, m == markEOI:
			return false, nil
		case m == markSOS:
			return true, nil
		case m == markTEM, m >= markRST0 && m <= markRST7:
			continue
		case m == markSOI:
			return false, corrupt("a second picture begins within the first")
		}
		s, err := p.segment()
		if err != nil {
			return false, err
		}
		if err := p.readSegment(m, s); err != nil {
			return false, err
		}
	}
}

// readSegment reads one marker segment other than a scan header.
func (p *parser) readSegment(m byte, s []byte) error {
	switch {
	case m == markDHT:
		return p.readHuffman(s)
	case m == markDQT:
		return p.readQuant(s)
	case m == markSOF0, m == markSOF1, m == markSOF2:
		return p.readFrame(s, m == markSOF2)
	case m == markJPG, m == markDAC, m > markSOF2 && m <= markSOF15:
		return unsupported("arithmetic, lossless or hierarchical coding")
	case m == markDRI:
		if len(s) != 2 {
			return corrupt("bad restart interval")
		}
		p.restart = int(binary.BigEndian.Uint16(s))
	case m == markAPP0:
		p.jfif = p.jfif || bytes.HasPrefix(s, []byte("JFIF\x00"))
	case m == markAPP14:
		if len(s) >= 12 && bytes.HasPrefix(s, []byte("Adobe")) {
			p.adobe, p.adobeTr = true, s[11]
		}
	}
	return nil
}

// readQuant reads quantisation tables (T.81 B.2.4.1).
func (p *parser) readQuant(s []byte) error {
	for len(s) > 0 {
		wide, id := int(s[0]>>4), s[0]&15
		s = s[1:]
		if id > 3 || wide > 1 {
			return corrupt("bad quantisation table")
		}
		if len(s) < 64<<wide {
			return nil // stray bytes; a table that is missing is noticed when it is used
		}
		q := &p.quant[id]
		q.set = true
		for i := range q.values {
			if wide == 1 {
				q.values[i] = binary.BigEndian.Uint16(s[2*i:])
			} else {
				q.values[i] = uint16(s[i])
			}
		}
		s = s[64<<wide:]
	}
	return nil
}

// readFrame reads the frame header (T.81 B.2.2) and refuses at once what cannot
// be a whole picture of that size, before any memory is taken for it.
func (p *parser) readFrame(s []byte, progressive bool) error {
	if p.frame.comps != nil {
		return corrupt("two frame headers")
	}
	if len(s) < 6 || len(s) != 6+3*int(s[5]) {
		return corrupt("bad frame header")
	}
	n := int(s[5])
	f := frame{
		height: int(binary.BigEndian.Uint16(s[1:])), width: int(binary.BigEndian.Uint16(s[3:])),
		progressive: progressive, hMax: 1, vMax: 1,
	}
	switch {
	case s[0] != 8:
		return unsupported("%d bits a sample", s[0])
	case n != 1 && n != 3 && n != 4:
		return unsupported("%d components", n)
	case f.height == 0:
		return unsupported("its height is not in its header")
	case f.width == 0:
		return corrupt("its width is 0")
	}
	f.comps = make([]component, n)
	for i := range f.comps {
		c, spec := &f.comps[i], s[6+3*i:]
		c.index = i
		c.id, c.h, c.v, c.table = spec[0], int(spec[1]>>4), int(spec[1]&15), spec[2]
		if n == 1 {
			c.h, c.v = 1, 1
		}
		if c.h < 1 || c.h > 4 || c.v < 1 || c.v > 4 || c.table > 3 {
			return corrupt("bad component in the frame header")
		}
		for _, other := range f.comps[:i] {
			if other.id == c.id {
				return corrupt("two components of the same name")
			}
		}
		f.hMax, f.vMax = max(f.hMax, c.h), max(f.vMax, c.v)
	}
	p.frame = f
	return nil
}

// scanHeader is one scan's header (T.81 B.2.3).
type scanHeader struct {
	comps          []scanComp
	from, to       int  // spectral selection
	high, low      uint // successive approximation
	unitsX, unitsY int  // how many MCUs
}

// scanComp is a component's part in a scan.
type scanComp struct {
	*component
	dc, ac byte
	h, v   int // blocks in an MCU of this scan
}

// readScanHeader reads the header of the scan that begins here.
func (p *parser) readScanHeader() (scanHeader, error) {
	var h scanHeader
	s, err := p.segment()
	if err != nil {
		return h, err
	}
	if len(s) < 1 || s[0] < 1 || s[0] > 4 || len(s) != 4+2*int(s[0]) {
		return h, corrupt("bad scan header")
	}
	n := int(s[0])
	blocks := 0
	for i := range n {
		spec := s[1+2*i:]
		c := p.component(spec[0])
		if c == nil || spec[1]>>4 > 3 || spec[1]&15 > 3 {
			return h, corrupt("bad component in a scan header")
		}
		for _, other := range h.comps {
			if other.component == c {
				return h, corrupt("a component twice in one scan")
			}
		}
		h.comps = append(h.comps, scanComp{component: c, dc: spec[1] >> 4, ac: spec[1] & 15, h: c.h, v: c.v})
		blocks += c.h * c.v
	}
	h.unitsX, h.unitsY = p.frame.mcusX, p.frame.mcusY
	if n == 1 {
		// A scan of one component is not interleaved: its MCU is one block.
		c := &h.comps[0]
		c.h, c.v = 1, 1
		h.unitsX, h.unitsY = c.blocksX, c.blocksY
	} else if blocks > 10 {
		return h, corrupt("too many blocks in an MCU")
	}
	band := s[1+2*n:]
	h.from, h.to, h.high, h.low = int(band[0]), int(band[1]), uint(band[2]>>4), uint(band[2]&15)
	return h, nil
}

// component finds a component by its name.
func (p *parser) component(id byte) *component {
	for i := range p.frame.comps {
		if p.frame.comps[i].id == id {
			return &p.frame.comps[i]
		}
	}
	return nil
}
