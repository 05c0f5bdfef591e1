package thumb

import (
	"bytes"
	"encoding/binary"
)

// orientation is Exif's: how a picture is stored, from 1 (upright) to 8.
type orientation uint8

// upright is the orientation of pictures that say nothing of it.
const upright orientation = 1

// transposed reports whether the stored rows are the upright picture's columns.
func (o orientation) transposed() bool { return o >= 5 }

// flipX reports whether the stored rows run against the upright picture.
func (o orientation) flipX() bool { return o == 2 || o == 3 || o == 7 || o == 8 }

// flipY reports whether the stored columns run against the upright picture.
func (o orientation) flipY() bool { return o == 3 || o == 4 || o == 6 || o == 7 }

// OnItsSide reports whether a picture is stored on its side, so that its height as stored is its width
// when it is upright. Of large files the first 128 kB are enough.
func OnItsSide(file []byte) bool {
	var exif []byte
	switch sniff(file) {
	case kindJPEG:
		exif = exifOfJPEG(file)
	case kindPNG:
		exif = exifOfPNG(file)
	case kindWebP:
		exif = exifOfWebP(file)
	case kindTIFF:
		exif = file
	}
	return exif != nil && readExif(exif).turn.transposed()
}

// exifData is what of Exif matters for a thumbnail.
type exifData struct {
	turn orientation
	// preview is the JPEG that cameras embed, nil without one, and previewTurn how
	// that is stored.
	preview     []byte
	previewTurn orientation
}

// The tags that are read (TIFF 6.0 and Exif 2.3).
const (
	tagOrientation   = 0x0112
	tagPreviewOffset = 0x0201
	tagPreviewLength = 0x0202
)

// maxEntries bounds how many entries of a directory are looked at.
const maxEntries = 1000

// readExif reads Exif data, which is a TIFF file: the first directory describes
// the picture and the second the embedded preview. What is damaged is left out.
func readExif(b []byte) exifData {
	d := exifData{turn: upright, previewTurn: upright}
	order, first, ok := tiffHeader(b)
	if !ok {
		return d
	}
	tags, second := readDirectory(b, order, first)
	d.turn = asOrientation(tags[tagOrientation], upright)
	d.previewTurn = d.turn
	if second == 0 {
		return d
	}
	tags, _ = readDirectory(b, order, second)
	d.previewTurn = asOrientation(tags[tagOrientation], d.turn)
	from, length := uint64(tags[tagPreviewOffset]), uint64(tags[tagPreviewLength])
	if length > 0 && from+length <= uint64(len(b)) {
		d.preview = b[from : from+length]
	}
	return d
}

// asOrientation gives the orientation that a tag's value stands for.
func asOrientation(v uint32, otherwise orientation) orientation {
	if v < 1 || v > 8 {
		return otherwise
	}
	return orientation(v)
}

// tiffHeader reads the byte order and the place of the first directory.
func tiffHeader(b []byte) (binary.ByteOrder, uint32, bool) {
	if len(b) < 8 {
		return nil, 0, false
	}
	var order binary.ByteOrder = binary.LittleEndian
	switch {
	case bytes.HasPrefix(b, []byte("II*\x00")):
	case bytes.HasPrefix(b, []byte("MM\x00*")):
		order = binary.BigEndian
	default:
		return nil, 0, false
	}
	return order, order.Uint32(b[4:]), true
}

// readDirectory reads the single whole numbers of a directory, by their tags, and
// the place of the next directory (0: none).
func readDirectory(b []byte, order binary.ByteOrder, at uint32) (tags map[uint16]uint32, next uint32) {
	const entrySize, typeShort, typeLong = 12, 3, 4
	if uint64(at)+2 > uint64(len(b)) {
		return nil, 0
	}
	n := int(order.Uint16(b[at:]))
	rest := b[at+2:]
	tags = map[uint16]uint32{}
	for range min(n, maxEntries) {
		if len(rest) < entrySize {
			return tags, 0
		}
		tag, kind, count := order.Uint16(rest), order.Uint16(rest[2:]), order.Uint32(rest[4:])
		switch {
		case count == 1 && kind == typeShort:
			tags[tag] = uint32(order.Uint16(rest[8:]))
		case count == 1 && kind == typeLong:
			tags[tag] = order.Uint32(rest[8:])
		}
		rest = rest[entrySize:]
	}
	if n > maxEntries || len(rest) < 4 {
		return tags, 0
	}
	return tags, order.Uint32(rest)
}

// exifOfJPEG finds the Exif data of a JPEG: the content of the first APP1 segment
// that begins with its name.
func exifOfJPEG(b []byte) []byte {
	const app1, startOfScan = 0xE1, 0xDA
	for i := 2; i+4 <= len(b) && b[i] == 0xFF && b[i+1] != startOfScan; {
		if b[i+1] == 0xFF {
			i++
			continue
		}
		n := int(binary.BigEndian.Uint16(b[i+2:]))
		end := i + 2 + n
		if n < 2 || end > len(b) {
			return nil
		}
		if data, ok := bytes.CutPrefix(b[i+4:end], exifName); ok && b[i+1] == app1 {
			return data
		}
		i = end
	}
	return nil
}

// exifName begins Exif data in JPEG, and in some WebP files.
var exifName = []byte("Exif\x00\x00")

// exifOfPNG finds the content of a PNG's eXIf chunk.
func exifOfPNG(b []byte) (exif []byte) {
	eachChunk(b, func(kind string, content []byte) bool {
		if kind == "eXIf" {
			exif = content
		}
		return kind != "eXIf"
	})
	return exif
}

// exifOfWebP finds the content of a WebP file's EXIF chunk.
func exifOfWebP(b []byte) []byte { return bytes.TrimPrefix(riffChunk(b, "EXIF"), exifName) }

// riffChunk finds the content of the first chunk of a kind in a WebP file, cut off where the file is; nil if there is none.
func riffChunk(b []byte, kind string) []byte {
	for i := 12; i+8 <= len(b); {
		n := uint64(binary.LittleEndian.Uint32(b[i+4:]))
		if string(b[i:i+4]) == kind {
			return b[i+8 : i+8+int(min(n, uint64(len(b)-i-8)))]
		}
		if uint64(i)+8+n > uint64(len(b)) {
			return nil
		}
		i += 8 + int(n) + int(n&1)
	}
	return nil
}
