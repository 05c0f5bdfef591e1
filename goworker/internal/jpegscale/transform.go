package jpegscale

import "encoding/binary"

// fraction is how many binary places a dequantised coefficient has.
const fraction = 13

// The transform's constants with fraction places: the square root of 2, and
// twice cos(pi/8), cos(pi/8)-cos(3pi/8) and cos(pi/8)+cos(3pi/8).
const (
	root2   = 11585
	twoCos1 = 15137
	twoDiff = 8867
	twoSum  = 21407
)

// halfUp rounds, and moves the samples from around 0 to around 128.
const halfUp = 128<<fraction + 1<<(fraction-1)

// transform turns a block's coefficients into size x size samples at the beginning
// of pix and clears the block for the next. Last is the zigzag index of the last
// coefficient that may not be 0.
//
// The inverse transform of size N over the N lowest frequencies is the block
// shrunk to N samples a side.
func transform(b *block, last, size int, pix []byte, stride int) {
	b[0] += halfUp
	if last == 0 {
		flat(b, size, pix, stride)
		return
	}
	switch size {
	case 8:
		transform8(b, last, pix, stride)
	case 4:
		transform4(b, pix, stride)
	case 2:
		transform2(b, pix, stride)
	default:
		pix[0] = clamp(int64(b[0]))
		b[0] = 0
	}
}

// clamp takes the fraction off and keeps the rest within a byte.
func clamp(v int64) byte {
	v >>= fraction
	if uint64(v) > 255 {
		return byte(^v >> 63)
	}
	return byte(v)
}

// flat fills a block that has only its mean.
func flat(b *block, size int, pix []byte, stride int) {
	v := clamp(int64(b[0]))
	b[0] = 0
	switch size {
	case 8:
		all := uint64(v) * 0x0101010101010101
		for y := range 8 {
			binary.LittleEndian.PutUint64(pix[y*stride:], all)
		}
	case 4:
		all := uint32(v) * 0x01010101
		for y := range 4 {
			binary.LittleEndian.PutUint32(pix[y*stride:], all)
		}
	case 2:
		pix[0], pix[1], pix[stride], pix[stride+1] = v, v, v, v
	default:
		pix[0] = v
	}
}

// transform2 is the transform to 2 x 2 samples.
func transform2(b *block, pix []byte, stride int) {
	top, diff := int64(b[0]), int64(b[1])
	low, both := int64(b[2]), int64(b[3])
	b[0], b[1], b[2], b[3] = 0, 0, 0, 0
	left, right := top+diff, top-diff
	lean, tilt := low+both, low-both
	row := pix[stride : stride+2]
	pix[0], pix[1] = clamp(left+lean), clamp(right+tilt)
	row[0], row[1] = clamp(left-lean), clamp(right-tilt)
}

// transform4 is the transform to 4 x 4 samples, columns first.
func transform4(b *block, pix []byte, stride int) {
	for c := range 4 {
		g0, g1, g2, g3 := int64(b[c]), int64(b[c+4]), int64(b[c+8]), int64(b[c+12])
		sum := g1 + g3
		rest := (g1-g3)*root2>>fraction - sum
		even, odd := g0+g2, g0-g2
		b[c], b[c+12] = int32(even+sum), int32(even-sum)
		b[c+4], b[c+8] = int32(odd+rest), int32(odd-rest)
	}
	for r := range 4 {
		g0, g1, g2, g3 := int64(b[4*r]), int64(b[4*r+1]), int64(b[4*r+2]), int64(b[4*r+3])
		sum := g1 + g3
		rest := (g1-g3)*root2>>fraction - sum
		even, odd := g0+g2, g0-g2
		p := pix[r*stride:]
		binary.LittleEndian.PutUint32(p, uint32(clamp(even+sum))|uint32(clamp(odd+rest))<<8|
			uint32(clamp(odd-rest))<<16|uint32(clamp(even-sum))<<24)
	}
	clear(b[:16])
}

// firstColumns is how many zigzag indices stay within the first four columns.
const firstColumns = 14

// transform8 is the transform to 8 x 8 samples, columns first.
func transform8(b *block, last int, pix []byte, stride int) {
	columns := 8
	if last < firstColumns {
		columns = 4
	}
	for c := range columns {
		v := b[c : c+57 : c+57]
		if v[8]|v[16]|v[24]|v[32]|v[40]|v[48]|v[56] == 0 {
			v[8], v[16], v[24], v[32], v[40], v[48], v[56] = v[0], v[0], v[0], v[0], v[0], v[0], v[0]
			continue
		}
		s0, s1, s2, s3, s4, s5, s6, s7 := butterfly(int64(v[0]), int64(v[8]), int64(v[16]), int64(v[24]),
			int64(v[32]), int64(v[40]), int64(v[48]), int64(v[56]))
		v[0], v[8], v[16], v[24] = int32(s0), int32(s1), int32(s2), int32(s3)
		v[32], v[40], v[48], v[56] = int32(s4), int32(s5), int32(s6), int32(s7)
	}
	for r := range 8 {
		v := b[8*r : 8*r+8 : 8*r+8]
		s0, s1, s2, s3, s4, s5, s6, s7 := butterfly(int64(v[0]), int64(v[1]), int64(v[2]), int64(v[3]),
			int64(v[4]), int64(v[5]), int64(v[6]), int64(v[7]))
		binary.LittleEndian.PutUint64(pix[r*stride:],
			uint64(clamp(s0))|uint64(clamp(s1))<<8|uint64(clamp(s2))<<16|uint64(clamp(s3))<<24|
				uint64(clamp(s4))<<32|uint64(clamp(s5))<<40|uint64(clamp(s6))<<48|uint64(clamp(s7))<<56)
	}
	clear(b[:64])
}

// butterfly is the 8-point inverse transform of scaled coefficients (Arai, Agui and
// Nakajima 1988).
func butterfly(g0, g1, g2, g3, g4, g5, g6, g7 int64) (s0, s1, s2, s3, s4, s5, s6, s7 int64) {
	sum, diff := g0+g4, g0-g4
	outer := g2 + g6
	inner := (g2-g6)*root2>>fraction - outer
	e0, e3, e1, e2 := sum+outer, sum-outer, diff+inner, diff-inner

	a, s := g5-g3, g5+g3
	c, t := g1-g7, g1+g7
	o0 := t + s
	turn := (a + c) * twoCos1
	o1 := (turn-a*twoSum)>>fraction - o0
	o2 := (t-s)*root2>>fraction - o1
	o3 := (turn-c*twoDiff)>>fraction - o2
	return e0 + o0, e1 + o1, e2 + o2, e3 + o3, e3 - o3, e2 - o2, e1 - o1, e0 - o0
}
