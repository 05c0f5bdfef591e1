// Package pythonjson makes JSON of what Python's json module writes: that has NaN and infinities, for which JSON has no word.
package pythonjson

import "bytes"

// notNumbers are Python's words for them.
var notNumbers = [][]byte{[]byte("-Infinity"), []byte("Infinity"), []byte("NaN")}

// WithoutNaN writes null for NaN and infinities outside of strings. The text need not be valid; whatever else is wrong with it stays.
func WithoutNaN(raw []byte) []byte {
	out := make([]byte, 0, len(raw))
	inString := false
	for i := 0; i < len(raw); i++ {
		b := raw[i]
		switch {
		case inString && b == '\\' && i+1 < len(raw):
			out = append(out, b, raw[i+1])
			i++
			continue
		case b == '"':
			inString = !inString
		case !inString && (b == '-' || b == 'I' || b == 'N'):
			if n := notNumber(raw[i:]); n > 0 {
				out = append(out, "null"...)
				i += n - 1
				continue
			}
		}
		out = append(out, b)
	}
	return out
}

// notNumber is the length of the word at the beginning of raw, 0 if there is none.
func notNumber(raw []byte) int {
	for _, word := range notNumbers {
		if bytes.HasPrefix(raw, word) {
			return len(word)
		}
	}
	return 0
}
