package table

// What W&B's pages cannot show in a column is written as text: the column then has the texts of all of its
// values. Columns become texts that hold values of several kinds (numbers beyond 2^53 count as texts), lists or
// dicts of such values, or dicts with more than maxTypeKeys keys or deeper than maxTypeDepth.

import (
	"bytes"
	"math"
	"slices"
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
// artifact, which it then refuses to read in a column of texts.
const artifactScheme = "wandb-artifact://"

const hexDigits = "0123456789abcdef"

// plain says which bytes stand for themselves in a JSON text.
var plain = func() (t [256]bool) {
	for b := 0x20; b < utf8.RuneSelf; b++ {
		t[b] = b != '"' && b != '\\'
	}
	return t
}()

// appendText adds a value that is a text. One that readers would take for something else gets a blank before it.
func appendText[T ~string | ~[]byte](dst []byte, s T) []byte {
	start := len(dst)
	dst = appendString(dst, s)
	if isScheme(s) {
		dst = slices.Insert(dst, start+1, ' ')
	}
	return dst
}

// isScheme reports whether s begins like a reference to an artifact.
func isScheme[T ~string | ~[]byte](s T) bool {
	return len(s) >= len(artifactScheme) && s[0] == 'w' && string(s[:len(artifactScheme)]) == artifactScheme
}

// appendAsText adds a cell of a column of texts, of the cell's JSON and the kind of its value. Texts stay
// as they are, moments are in ISO 8601, everything else is its JSON. Such a cell depends on its own value only.
func appendAsText(dst, cell []byte, k kind) []byte {
	switch {
	case len(cell) == 0 || cell[0] == '"' || string(cell) == "null":
		return append(dst, cell...)
	case k == kTime:
		ms, _ := strconv.ParseInt(string(cell), 10, 64) // we wrote it
		dst, _ = appendMoment(dst, ms)
		return dst
	}
	dst = appendQuoted(append(dst, '"'), cell)
	return append(dst, '"')
}

// appendQuoted adds JSON, or a piece of it that ends within no escape, as what stands in a text.
func appendQuoted(dst, cell []byte) []byte {
	for i := 0; i < len(cell); i++ {
		switch b := cell[i]; {
		case b == '"':
			dst = append(dst, '\\', '"')
		case b != '\\':
			dst = append(dst, b)
		case cell[i+1] == 'u' && (cell[i+2] != '0' || cell[i+3] != '0' || cell[i+4] >= '8'):
			dst = append(dst, b) // people shall read the character itself, not its escape
		default: // an escape within the text: both of its characters are characters of the text
			dst = append(dst, '\\', '\\')
			if i++; cell[i] == '"' || cell[i] == '\\' {
				dst = append(dst, '\\')
			}
			dst = append(dst, cell[i])
		}
	}
	return dst
}

// appendString adds s as a JSON text of ASCII characters only: the official package opens
// table files in the machine's own encoding, so that on Windows anything else is misread.
func appendString[T ~string | ~[]byte](dst []byte, s T) []byte {
	return append(appendEscapes(append(dst, '"'), s), '"')
}

// appendEscapes adds what stands between the quotes of a JSON text.
func appendEscapes[T ~string | ~[]byte](dst []byte, s T) []byte {
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
	return append(dst, s[done:]...)
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

// appendInt adds v, as a text where a float64 could not hold it.
func appendInt(dst []byte, v int64) ([]byte, kind) {
	if v > maxSafeInt || v < -maxSafeInt {
		dst = append(dst, '"')
		dst = strconv.AppendInt(dst, v, 10)
		return append(dst, '"'), kString
	}
	return strconv.AppendInt(dst, v, 10), kNumber
}

// appendFloat adds v so that Python reads a float with the same bits.
func appendFloat(dst []byte, v float64) ([]byte, kind) {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return append(dst, "null"...), kNull
	}
	if size := math.Abs(v); size != 0 && (size < 1e-5 || size >= 1e16) {
		return strconv.AppendFloat(dst, v, 'e', -1, 64), kNumber
	}
	from := len(dst)
	dst = strconv.AppendFloat(dst, v, 'f', -1, 64)
	if bytes.IndexByte(dst[from:], '.') < 0 {
		dst = append(dst, '.', '0')
	}
	return dst, kNumber
}

// appendMillis adds a moment as the number that readers turn into a date; null where they cannot.
func appendMillis(dst []byte, ms int64) ([]byte, kind) {
	if ms < minMillis || ms > maxMillis {
		return append(dst, "null"...), kNull
	}
	return strconv.AppendInt(dst, ms, 10), kTime
}

// appendMoment adds a moment as text: inside of a list or dict the official package does
// not turn numbers into dates and then refuses to read the table.
func appendMoment(dst []byte, ms int64) ([]byte, kind) {
	if ms < minMillis || ms > maxMillis {
		return append(dst, "null"...), kNull
	}
	dst = append(dst, '"')
	dst = time.UnixMilli(ms).UTC().AppendFormat(dst, "2006-01-02T15:04:05.000Z")
	return append(dst, '"'), kString
}

// appendDecimal adds the text of a decimal number: as a number where a float64 holds it
// as it is written (up to 15 digits), as a text else; NaN and infinities become null.
func appendDecimal(dst []byte, text string) ([]byte, kind) {
	v, err := strconv.ParseFloat(text, 64)
	if math.IsNaN(v) || (math.IsInf(v, 0) && err == nil) {
		return append(dst, "null"...), kNull
	}
	mantissa, _, _ := strings.Cut(strings.ToUpper(text), "E")
	digits := strings.TrimLeft(strings.NewReplacer("-", "", ".", "").Replace(mantissa), "0")
	exact := err == nil && len(digits) <= 15 && (v != 0 || digits == "")
	if !exact {
		return appendString(dst, text), kString
	}
	return appendFloat(dst, v)
}
