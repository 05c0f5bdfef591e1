package jpegscale

// codeSpec is a Huffman table as the file gives it: how many codes there are of
// each length from 1 to 16, and the symbols in the order of their codes.
type codeSpec struct {
	counts [16]byte
	values [256]byte
	set    bool
}

// readHuffman reads Huffman tables (T.81 B.2.4.2).
func (p *parser) readHuffman(s []byte) error {
	for len(s) > 0 {
		if len(s) < 17 || s[0]>>4 > 1 || s[0]&15 > 3 {
			return corrupt("bad Huffman table")
		}
		t := &p.codes[s[0]>>4][s[0]&15]
		*t = codeSpec{set: true}
		copy(t.counts[:], s[1:17])
		total := 0
		for _, n := range t.counts {
			total += int(n)
		}
		if total > 256 || len(s) < 17+total {
			return corrupt("bad Huffman table")
		}
		copy(t.values[:], s[17:17+total])
		s = s[17+total:]
	}
	return nil
}

// errTooManyCodes is for a table with more codes of some length than there can be.
// Some readers go on with those that fit.
var errTooManyCodes = corrupt("a Huffman table with too many codes")

// lookBits is how many bits a lookTable resolves at once.
const lookBits = 11

// lookTable decodes one symbol and, if they are within lookBits, the bits of the
// value that follows it.
//
// An entry for a whole symbol and value holds the number of their bits in bits 0
// to 6, how many zigzag positions to step over before the value in bits 8 to 15,
// and the value in bits 16 to 31. One with bit 7 set holds the code's length and,
// in bits 8 to 15, the symbol; its value has to be read. A length of 0 is for codes
// longer than lookBits.
type lookTable struct {
	spec codeSpec
	kind tableKind
	look [1 << lookBits]uint32
	// For long codes: limit[n] is the first 16-bit number above the codes of n
	// bits, and first[n] what to add to a code's top n bits for the index of its
	// symbol.
	limit [18]uint32
	first [18]int32
}

// tableKind says how a table's symbols are meant.
type tableKind int

const (
	kindNone  tableKind = iota
	kindDC              // a symbol is the size of a difference
	kindAC              // sequential: zero run and size; neither is the block's end
	kindBand            // progressive: zero run and size; run without size begins an end-of-band run
	kindAgain           // progressive, more bits: as before, but other bits come before the value
)

// The parts of an entry of a lookTable.
const (
	entryBits = 0x7F
	entrySlow = 0x80
	// endOfBlock as the number of positions to step over leads past every block.
	endOfBlock = 128
	runOfZeros = 0xF0
)

// build makes the table for spec, unless it is that already.
func (t *lookTable) build(spec *codeSpec, kind tableKind) error {
	if !spec.set {
		return corrupt("a scan uses a Huffman table that was not given")
	}
	if t.kind == kind && t.spec == *spec {
		return nil
	}
	free := 1 // codes of this length
	for _, n := range spec.counts {
		if free = 2*free - int(n); free < 0 {
			return errTooManyCodes
		}
	}
	t.spec, t.kind = *spec, kind
	for i := range t.look {
		t.look[i] = entrySlow
	}
	code, index := uint32(0), int32(0)
	for length := uint(1); length <= 16; length++ {
		t.first[length] = index - int32(code)
		for range spec.counts[length-1] {
			if length <= lookBits {
				at := code << (lookBits - length)
				t.enter(t.look[at:at+1<<(lookBits-length)], spec.values[index], length)
			}
			code++
			index++
		}
		t.limit[length] = code << (16 - length)
		code <<= 1
	}
	t.limit[17] = 1 << 16
	return nil
}

// enter fills the entries of one code; their index is the bits that follow it.
func (t *lookTable) enter(entries []uint32, symbol byte, length uint) {
	run, size := uint32(symbol>>4), uint(symbol&15)
	whole := true
	switch {
	case t.kind == kindDC:
		run, size = 0, uint(symbol)
	case t.kind == kindAgain:
		whole = false
	case size != 0 || symbol == runOfZeros:
	case t.kind == kindAC && symbol == 0:
		run = endOfBlock
	default:
		whole = false // the progressive modes' end-of-band runs, undefined elsewhere
	}
	left := lookBits - length
	if !whole || size > left {
		for i := range entries {
			entries[i] = uint32(symbol)<<8 | entrySlow | uint32(length)
		}
		return
	}
	for i := range entries {
		value := extend(i>>(left-size), size)
		entries[i] = uint32(uint16(int16(value)))<<16 | run<<8 | uint32(length+size)
	}
}

// slow gives the symbol at the top of acc and its code's length, which is 0 if
// there is no such code.
func (t *lookTable) slow(acc uint64) (symbol byte, length uint) {
	e := t.look[acc>>(64-lookBits)]
	if e&entrySlow != 0 && e&entryBits != 0 {
		return byte(e >> 8), uint(e & entryBits)
	}
	return t.symbol(uint32(acc >> 48))
}

// symbol reads one symbol the slow way from the 16 bits that come next. Its
// length is 0 if no code begins so.
func (t *lookTable) symbol(next uint32) (symbol byte, length uint) {
	length = 1
	for length < 17 && next >= t.limit[length] {
		length++
	}
	if length == 17 {
		return 0, 0
	}
	return t.spec.values[uint8(int32(next>>(16-length))+t.first[length])], length
}

// skipBits is how many bits a skipTable resolves at once.
const skipBits = 12

// skipTable steps over AC coefficients that nobody needs: an entry covers as many
// whole symbols with their values as fit into skipBits. Bits 0 to 7 are the number
// of bits, bits 8 to 14 how many zigzag positions they cover, and bit 15 says that
// the block ends with them. An entry that is 0 covers no whole symbol.
type skipTable struct {
	spec    codeSpec
	entries [1 << skipBits]uint16
}

// build makes the table from the lookTable of the same codes.
func (t *skipTable) build(from *lookTable) {
	if t.spec == from.spec {
		return
	}
	t.spec = from.spec
	var one [1 << skipBits]uint16
	for i := range one {
		one[i] = skipOne(from, uint32(i))
	}
	for i := range t.entries {
		used, run, end := uint(0), uint(0), uint(0)
		for end == 0 {
			e := uint(one[i<<used&(1<<skipBits-1)])
			bits := e & 0xFF
			more := e >> 8 & 0x7F
			// From no position in a block may more than a block be covered: what follows
			// is not of this block.
			if bits == 0 || used+bits > skipBits || run+more > 64 {
				break
			}
			used += bits
			run += more
			end = e >> 15
		}
		t.entries[i] = uint16(end<<15 | run<<8 | used)
	}
}

// skipOne gives the entry for the one symbol at the top of skipBits bits.
func skipOne(from *lookTable, bits uint32) uint16 {
	symbol, length := from.symbol(bits << (16 - skipBits))
	size := uint(symbol & 15)
	switch {
	case length == 0 || length+size > skipBits:
		return 0
	case symbol == 0:
		return uint16(1<<15 | length)
	case size == 0 && symbol != runOfZeros:
		return 0
	}
	return uint16(uint(symbol>>4+1)<<8 | length + size)
}
