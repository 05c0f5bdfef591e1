package tiff

import (
	"image/color"
	"io"
	"math"
)

// The values of fields (TIFF 6.0 and Adobe's Technical Notes).
const (
	compressionNone       = 1
	compressionGroup3     = 3
	compressionGroup4     = 4
	compressionLZW        = 5
	compressionDeflate    = 8
	compressionPackBits   = 32773
	compressionOldDeflate = 32946

	photometricWhiteIsZero = 0
	photometricBlackIsZero = 1
	photometricRGB         = 2
	photometricPalette     = 3
	photometricCMYK        = 5

	extraMultiplied = 1
	extraOpacity    = 2

	planarChunky   = 1
	planarSeparate = 2

	fillReversed = 2

	predictorNone       = 1
	predictorHorizontal = 2

	formatUnsigned = 1
)

// Limits of what is read here.
const (
	maxSide    = math.MaxInt32 / 16
	maxSamples = 16
	// maxBlocks bounds the strips or tiles: each costs some work, however small it is.
	maxBlocks = 1 << 16
	// maxPadding bounds by how much the tiles may be larger than the picture, and
	// freePadding is how many pixels of them are always allowed.
	maxPadding  = 4
	freePadding = 1 << 22
)

// Read reads the description of a TIFF's first picture, and refuses what Decode does not
// read. It takes little memory, whatever the description says.
func Read(r io.ReaderAt) (*File, error) {
	d, err := readDirectory(r)
	if err != nil {
		return nil, err
	}
	f := &File{directory: d}
	for _, read := range []func(io.ReaderAt) error{f.readSize, f.readCoding, f.readColors, f.readBlocks} {
		if err := read(r); err != nil {
			return nil, err
		}
	}
	return f, nil
}

// number reads a field of one value into an int, at most limit.
func (f *File) number(to *int, tag uint16, otherwise, limit uint64) error {
	v, err := f.one(tag, otherwise)
	if err != nil {
		return err
	}
	if v > limit {
		return unsupported("its field %d is %d", tag, v)
	}
	*to = int(v)
	return nil
}

func (f *File) readSize(io.ReaderAt) error {
	if err := f.number(&f.Width, tagWidth, 0, maxSide); err != nil {
		return err
	}
	if err := f.number(&f.Height, tagHeight, 0, maxSide); err != nil {
		return err
	}
	if f.Width == 0 || f.Height == 0 {
		return corrupt("it has no size")
	}
	if err := f.number(&f.Orientation, tagOrientation, 1, math.MaxUint16); err != nil {
		return err
	}
	if f.Orientation < 1 || f.Orientation > 8 {
		f.Orientation = 1
	}
	return nil
}

// readCoding reads how the samples are written.
func (f *File) readCoding(r io.ReaderAt) error {
	var planar, order, predictor int
	for _, n := range []struct {
		to        *int
		tag       uint16
		otherwise uint64
	}{
		{&f.samples, tagSamples, 1}, {&f.compression, tagCompression, compressionNone}, {&planar, tagPlanar, planarChunky},
		{&order, tagFillOrder, 1}, {&predictor, tagPredictor, predictorNone},
	} {
		if err := f.number(n.to, n.tag, n.otherwise, math.MaxUint16); err != nil {
			return err
		}
	}
	if f.samples < 1 || f.samples > maxSamples {
		return unsupported("%d samples a pixel", f.samples)
	}
	switch f.compression {
	case compressionOldDeflate:
		f.compression = compressionDeflate
	case compressionGroup3, compressionGroup4:
		if err := f.readFax(); err != nil {
			return err
		}
	case compressionNone, compressionLZW, compressionDeflate, compressionPackBits:
	default:
		return unsupported("its compression is %d", f.compression)
	}
	if planar != planarChunky && planar != planarSeparate || order != 1 && order != fillReversed {
		return unsupported("its samples are in an unusual order")
	}
	f.planar, f.reversed = planar == planarSeparate && f.samples > 1, order == fillReversed
	if err := f.readBits(r); err != nil {
		return err
	}
	coded := f.compression == compressionLZW || f.compression == compressionDeflate
	if predictor != predictorNone && !(predictor == predictorHorizontal && coded && f.bits >= 8) {
		return unsupported("its predictor is %d", predictor)
	}
	f.predictor = predictor == predictorHorizontal
	return nil
}

// readFax refuses the forms of CCITT's codings that are rare: rows that refer to others in group 3,
// fill bits, and parts without compression.
func (f *File) readFax() error {
	for _, tag := range []uint16{tagT4Options, tagT6Options} {
		options, err := f.one(tag, 0)
		if err != nil {
			return err
		}
		if options != 0 {
			return unsupported("a rare form of CCITT coding")
		}
	}
	return nil
}

// isFax reports whether the picture is coded as for fax.
func (f *File) isFax() bool {
	return f.compression == compressionGroup3 || f.compression == compressionGroup4
}

// readBits reads the sizes of the samples, which are one size here.
func (f *File) readBits(r io.ReaderAt) error {
	bits, err := f.each(r, tagBits, 1)
	if err != nil {
		return err
	}
	switch bits {
	case 1, 2, 4, 8, 16:
	default:
		return unsupported("samples of %d bits", bits)
	}
	f.bits = int(bits)
	if f.isFax() && (bits != 1 || f.samples != 1) {
		return unsupported("CCITT coding of more than one bit a pixel")
	}
	format, err := f.each(r, tagSampleFormat, formatUnsigned)
	if err == nil && format != formatUnsigned {
		err = unsupported("its samples are not unsigned integers")
	}
	return err
}

// each reads a field that has a value for every sample, or one for all, and is the same for all.
func (f *File) each(r io.ReaderAt, tag uint16, otherwise uint64) (uint64, error) {
	n := f.count(tag)
	if n == 0 {
		return otherwise, nil
	}
	if n != 1 && n != f.samples {
		return 0, unsupported("its field %d has %d values", tag, n)
	}
	values, err := f.all(r, tag, n)
	if err != nil {
		return 0, err
	}
	for _, v := range values {
		if v != values[0] {
			return 0, unsupported("its samples differ in kind")
		}
	}
	return values[0], nil
}

// readColors finds out what the samples mean.
func (f *File) readColors(r io.ReaderAt) error {
	var photometric int
	if err := f.number(&photometric, tagPhotometric, math.MaxUint16, math.MaxUint16); err != nil {
		return err
	}
	if photometric < photometricRGB || photometric == photometricPalette {
		if f.samples != 1 {
			return unsupported("further samples beside one of grey or of a palette")
		}
		switch {
		case photometric == photometricBlackIsZero:
			f.mode = modeGray
		case photometric == photometricWhiteIsZero && f.bits <= 8:
			f.mode = modeInverted
		case photometric == photometricPalette && f.bits <= 8:
			f.mode = modePalette
			return f.readPalette(r)
		default:
			return unsupported("inverted grey or a palette of %d bits", f.bits)
		}
		return nil
	}
	switch {
	case f.bits < 8, photometric != photometricRGB && photometric != photometricCMYK:
		return unsupported("its colours are of kind %d, with %d bits", photometric, f.bits)
	case photometric == photometricCMYK && (f.bits != 8 || f.samples != 4):
		return unsupported("CMYK of %d bits and %d samples", f.bits, f.samples)
	case photometric == photometricCMYK:
		f.mode = modeCMYK
		return nil
	}
	return f.readExtra(r)
}

// readExtra finds out what the samples after red, green and blue mean. Those after opacity,
// and those that mean nothing in particular, such as infrared, are not shown.
func (f *File) readExtra(r io.ReaderAt) error {
	extra := f.samples - 3
	if extra < 0 {
		return unsupported("RGB of %d samples", f.samples)
	}
	f.mode = modeRGB
	if extra == 0 {
		return nil
	}
	if f.count(tagExtraSamples) != extra {
		return unsupported("its %d further samples are not explained", extra)
	}
	kinds, err := f.all(r, tagExtraSamples, extra)
	if err != nil {
		return err
	}
	switch kinds[0] {
	case extraMultiplied:
		f.mode = modeRGBA
	case extraOpacity:
		f.mode = modeNRGBA
	}
	return nil
}

// readPalette reads the colours of a palette. Like other readers it takes the upper half of
// their 16 bits.
func (f *File) readPalette(r io.ReaderAt) error {
	n := 1 << f.bits
	values, err := f.all(r, tagColorMap, 3*n)
	if err != nil {
		return err
	}
	if values == nil {
		return corrupt("it has no palette")
	}
	f.palette = make(color.Palette, n)
	for i := range f.palette {
		f.palette[i] = color.RGBA{R: byte(values[i] >> 8), G: byte(values[n+i] >> 8), B: byte(values[2*n+i] >> 8), A: 255}
	}
	return nil
}

// readBlocks reads how the picture is cut into strips or tiles.
func (f *File) readBlocks(io.ReaderAt) error {
	f.blockW, f.blockH = f.Width, f.Height
	if _, f.tiled = f.fields[tagTileWidth]; f.tiled {
		if err := f.number(&f.blockW, tagTileWidth, 0, maxSide); err != nil {
			return err
		}
		if err := f.number(&f.blockH, tagTileHeight, 0, maxSide); err != nil {
			return err
		}
		if f.blockW < 16 || f.blockH < 16 || f.blockW%16 != 0 || f.blockH%16 != 0 {
			return unsupported("tiles of %d x %d", f.blockW, f.blockH)
		}
		if _, both := f.fields[tagStripOffsets]; both {
			return unsupported("it has tiles and strips")
		}
	} else {
		rows, err := f.one(tagRowsPerStrip, math.MaxUint32)
		if err != nil {
			return err
		}
		if rows == 0 {
			return unsupported("strips of no rows")
		}
		f.blockH = int(min(rows, uint64(f.Height)))
	}
	f.across, f.down = ceilDiv(f.Width, f.blockW), ceilDiv(f.Height, f.blockH)
	if n := int64(f.across) * int64(f.down) * int64(f.samples); n > maxBlocks {
		return unsupported("%d strips or tiles", n)
	}
	pixels := int64(f.Width) * int64(f.Height)
	if all := int64(f.across) * int64(f.blockW) * int64(f.down) * int64(f.blockH); all > max(maxPadding*pixels, freePadding) {
		return unsupported("tiles that are much larger than the picture")
	}
	return nil
}

func ceilDiv(a, b int) int { return (a + b - 1) / b }

// Size reads the width and height of the picture, in pixels as stored, of any TIFF.
func Size(r io.ReaderAt) (width, height int, err error) {
	d, err := readDirectory(r)
	if err != nil {
		return 0, 0, err
	}
	f := &File{directory: d}
	if err := f.readSize(r); err != nil {
		return 0, 0, err
	}
	return f.Width, f.Height, nil
}
