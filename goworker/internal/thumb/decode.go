package thumb

import (
	"bufio"
	"fmt"
	"image"
	"image/jpeg"
	"io"
	"strings"
)

// plainJPEG reads a JPEG with the standard library.
var plainJPEG = codec{config: jpeg.DecodeConfig, decode: jpeg.Decode}

// Config reads the size of the picture in an image file, as it is stored, and the file's kind, such as
// "jpeg". Nothing else of the file is kept in memory.
func Config(file interface {
	io.Reader
	io.ReaderAt
}) (conf image.Config, format string, err error) {
	head := make([]byte, HeadSize)
	n, _ := file.ReadAt(head, 0) // a file that is shorter is an error, too
	kind := sniff(head[:n])
	// These decoders are not ours, and a file that one of them stumbles over must
	// cost no more than its own cell.
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("%w: %s: %v", ErrCorrupt, kind, r)
		}
	}()
	c, ok := codecs[kind]
	if kind == kindJPEG {
		c, ok = plainJPEG, true
	}
	if !ok {
		return conf, "", fmt.Errorf("%w: it is no JPEG, PNG, GIF, WebP, BMP or TIFF file", ErrUnsupported)
	}
	var r io.Reader = file
	if kind != kindTIFF { // whose description may stand at the end, and is read from where it is
		r = bufio.NewReader(file)
	}
	if conf, err = c.config(r); err != nil {
		return conf, "", ofCodec(kind, err)
	}
	return conf, strings.ToLower(string(kind)), nil
}

// Decode reads the pixels of an image file as they are stored, neither turned nor scaled: masks of
// labels are such files. Of the options only the limits count.
func Decode(file []byte, limits Options) (image.Image, error) {
	kind := sniff(file)
	c, ok := codecs[kind]
	if kind == kindJPEG {
		c, ok = plainJPEG, true
	}
	if !ok || (kind == kindWebP && animated(file)) {
		return nil, fmt.Errorf("%w: it is no JPEG, PNG, GIF, WebP, BMP or TIFF file", ErrUnsupported)
	}
	img, _, err := decodeWithin(kind, c, file, limits)
	return img, err
}
