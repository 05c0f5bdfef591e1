package table

import (
	"bytes"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode/utf16"
	"unicode/utf8"
)

// maxSafeInt is the largest whole number up to which every one is a float64 of its own.
const maxSafeInt = 1 << 53

// The moments that Python's datetime can hold: years 1 to 9999, as ms since 1970.
const (
	minMillis = -62_135_596_800_000
	maxMillis = 253_402_300_799_999
)

// artifactScheme begins texts that the official package takes for references to an
// artifact, whatever the column's type says. A column with one gets the type "any".
const artifactScheme = "wandb-artifact://"

func hasArtifactScheme(b []byte) bool {
	return len(b) >= len(artifactScheme) && b[0] == 'w' && bytes.HasPrefix(b, []byte(artifactScheme))
}

const hexDigits = "0123456789abcdef"

// plain says which bytes stand for themselves in a JSON text.
var plain = func() (t [256]bool) {
	for b := 0x20; b < utf8.RuneSelf; b++ {
		t[b] = b != '"' && b != '\\'
	}
	return t
}()

// appendString adds s as a JSON text of ASCII characters only: the official package opens
// table files in the machine's own encoding, so that on Windows anything else is misread.
func appendString[T ~string | ~[]byte](dst []byte, s T) []byte {
	dst = append(dst, '"')
	done := 0
	for i := 0; i < len(s); {
		b := s[i]
		if plain[b] {
			i++
			continue
		}
		dst = append(dst, s[done:i]...)
		if b < utf8.RuneSelf {
			dst = appendEscape(dst, b)
			i++
		} else {
			r, size := utf8.DecodeRuneInString(string(s[i:min(i+utf8.UTFMax, len(s))]))
			dst = appendRune(dst, r)
			i += size
		}
		done = i
	}
	dst = append(dst, s[done:]...)
	return append(dst, '"')
}

// appendEscape adds an ASCII character that may not stand for itself.
func appendEscape(dst []byte, b byte) []byte {
	switch b {
	case '"', '\\':
		return append(dst, '\\', b)
	case '\n':
		return append(dst, '\\', 'n')
	case '\r':
		return append(dst, '\\', 'r')
	case '\t':
		return append(dst, '\\', 't')
	}
	return appendUnit(dst, uint16(b))
}

// appendRune adds a character beyond ASCII as one or two UTF-16 units.
func appendRune(dst []byte, r rune) []byte {
	if r < 0x10000 {
		return appendUnit(dst, uint16(r))
	}
	high, low := utf16.EncodeRune(r)
	return appendUnit(appendUnit(dst, uint16(high)), uint16(low))
}

func appendUnit(dst []byte, u uint16) []byte {
	return append(dst, '\\', 'u', hexDigits[u>>12], hexDigits[u>>8&15], hexDigits[u>>4&15], hexDigits[u&15])
}

// validText is s with U+FFFD in place of each byte that is not UTF-8, as appendString has it.
func validText(s string) string {
	if utf8.ValidString(s) {
		return s
	}
	return string([]rune(s))
}

// safeKey is key, or key with "_" behind it where W&B's readers would take it for a
// mark of their own: "_type" for media, "wb_type" for a type.
func safeKey(key string, taken func(string) bool) string {
	if key != "_type" && key != "wb_type" {
		return key
	}
	for key += "_"; taken(key); {
		key += "_"
	}
	return key
}

func appendNull(dst []byte, n *node) []byte {
	n.kinds |= kNull
	return append(dst, "null"...)
}

// appendInt adds v, as a text where a float64 could not hold it.
func appendInt(dst []byte, v int64, n *node) []byte {
	if v > maxSafeInt || v < -maxSafeInt {
		return appendIntText(dst, v, n)
	}
	n.kinds |= kNumber
	return strconv.AppendInt(dst, v, 10)
}

func appendIntText(dst []byte, v int64, n *node) []byte {
	n.kinds |= kString
	dst = append(dst, '"')
	dst = strconv.AppendInt(dst, v, 10)
	return append(dst, '"')
}

// appendFloat adds v so that Python reads a float with the same bits.
func appendFloat(dst []byte, v float64, n *node) []byte {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return appendNull(dst, n)
	}
	n.kinds |= kNumber
	if size := math.Abs(v); size != 0 && (size < 1e-5 || size >= 1e16) {
		return strconv.AppendFloat(dst, v, 'e', -1, 64)
	}
	from := len(dst)
	dst = strconv.AppendFloat(dst, v, 'f', -1, 64)
	if bytes.IndexByte(dst[from:], '.') < 0 {
		dst = append(dst, '.', '0')
	}
	return dst
}

// appendMillis adds a moment as the number that readers turn into a date.
func appendMillis(dst []byte, ms int64, n *node) []byte {
	if ms < minMillis || ms > maxMillis {
		return appendIntText(dst, ms, n)
	}
	n.kinds |= kTime
	return strconv.AppendInt(dst, ms, 10)
}

// appendMoment adds a moment as text: inside of a list or dict the official package does
// not turn numbers into dates and then refuses to read the table.
func appendMoment(dst []byte, ms int64, n *node) []byte {
	if ms < minMillis || ms > maxMillis {
		return appendIntText(dst, ms, n)
	}
	n.kinds |= kString
	dst = append(dst, '"')
	dst = time.UnixMilli(ms).UTC().AppendFormat(dst, "2006-01-02T15:04:05.000Z")
	return append(dst, '"')
}

// appendDecimal adds the text of a decimal number: as a number where a float64 holds it
// as it is written (up to 15 digits), as a text else; NaN and infinities become null.
func appendDecimal(dst []byte, text string, n *node) []byte {
	v, err := strconv.ParseFloat(text, 64)
	if math.IsNaN(v) || (math.IsInf(v, 0) && err == nil) {
		return appendNull(dst, n)
	}
	mantissa, _, _ := strings.Cut(strings.ToUpper(text), "E")
	digits := strings.TrimLeft(strings.NewReplacer("-", "", ".", "").Replace(mantissa), "0")
	exact := err == nil && len(digits) <= 15 && (v != 0 || digits == "")
	if !exact {
		n.kinds |= kString
		return appendString(dst, text)
	}
	return appendFloat(dst, v, n)
}
