package thumb

import (
	"fmt"
	"image"
	"image/jpeg"
)

// Decode reads the pixels of an image file as they are stored, neither turned nor scaled: masks of
// labels are such files. Of the options only the limits count.
func Decode(file []byte, limits Options) (image.Image, error) {
	kind := sniff(file)
	c, ok := codecs[kind]
	if kind == kindJPEG {
		c, ok = codec{config: jpeg.DecodeConfig, decode: jpeg.Decode}, true
	}
	if !ok || (kind == kindWebP && animated(file)) {
		return nil, fmt.Errorf("%w: it is no JPEG, PNG, GIF, WebP, BMP or TIFF file", ErrUnsupported)
	}
	img, _, err := decodeWithin(kind, c, file, limits)
	return img, err
}
