package wandb

import (
	"bytes"
	"encoding/json"
)

// plainObject is a JSON object out of a text that a W&B client wrote, nil if it is
// none. Such texts may hold NaN and infinities, which JSON does not have: they become null.
func plainObject(text string) json.RawMessage {
	raw := []byte(text)
	if !json.Valid(raw) {
		if raw = withoutNaN(raw); !json.Valid(raw) {
			return nil
		}
	}
	if raw = bytes.TrimSpace(raw); len(raw) == 0 || raw[0] != '{' {
		return nil
	}
	return raw
}

// notNumbers are how Python's json writes what JSON has no word for.
var notNumbers = [][]byte{[]byte("-Infinity"), []byte("Infinity"), []byte("NaN")}

// withoutNaN writes null for NaN and infinities outside of strings.
func withoutNaN(raw []byte) []byte {
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
