package pillow

import "bytes"

// beginnings are those of files that Pillow may read and nothing else here does.
var beginnings = [][]byte{
	[]byte("\x00\x00\x00\x0cjP  \r\n\x87\n"), // JPEG 2000
	[]byte("\xff\x4f\xff\x51"),               // its bare codestream
	[]byte("8BPS"),                           // Photoshop
	[]byte("qoif"),                           // QOI
	[]byte("DDS "),                           // DirectDraw surfaces
	[]byte("\x00\x00\x01\x00"),               // icons
}

// brands are the first ones of HEIF and AVIF files (ISO/IEC 23008-12), which share their form with videos.
var brands = []string{"avif", "avis", "heic", "heix", "heim", "heis", "hevc", "hevx", "mif1", "msf1"}

// Known reports whether a file that begins so, with at least 12 bytes, may be of a kind that Pillow alone reads. The
// kinds that the worker's own decoders read are not among them.
func Known(head []byte) bool {
	if len(head) < 12 {
		return false
	}
	for _, b := range beginnings {
		if bytes.HasPrefix(head, b) {
			return true
		}
	}
	if string(head[4:8]) == "ftyp" {
		for _, b := range brands {
			if string(head[8:12]) == b {
				return true
			}
		}
	}
	// PBM, PGM, PPM and PFM: a letter, a kind, and a blank.
	return head[0] == 'P' && bytes.IndexByte([]byte("123456fF"), head[1]) >= 0 && bytes.IndexByte([]byte(" \t\r\n"), head[2]) >= 0
}

// Lossy reports whether a file that begins so holds a picture that has losses already, as far as its beginning says it:
// JPEG, and what the encoders of AVIF and HEIC nearly always write.
func Lossy(head []byte) bool {
	return bytes.HasPrefix(head, []byte("\xff\xd8\xff")) || (len(head) >= 12 && string(head[4:8]) == "ftyp")
}
