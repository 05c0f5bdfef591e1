package pythonjson

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestWithoutNaN(t *testing.T) {
	for text, want := range map[string]string{
		`{"a": NaN, "b": [-Infinity, Infinity, -1, 2]}`: `{"a": null, "b": [null, null, -1, 2]}`,
		`{"NaN": "-Infinity \" NaN \\", "b":NaN}`:       `{"NaN": "-Infinity \" NaN \\", "b":null}`,
		`{"a": "\u004eaN"}`:                             `{"a": "\u004eaN"}`,
		`{"I":-Infinity}`:                               `{"I":null}`,
		`["\\",NaN]`:                                    `["\\",null]`,
		`NaN`:                                           `null`,
		``:                                              ``,
	} {
		assert.Equal(t, want, string(WithoutNaN([]byte(text))))
	}
}

// FuzzWithoutNaN: JSON stays as it is, to the byte.
func FuzzWithoutNaN(f *testing.F) {
	for _, seed := range []string{`{"a":"N\\\"aN"}`, `["-Infinity", -1]`, `"\`, `NaN`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if got := string(WithoutNaN([]byte(text))); json.Valid([]byte(text)) {
			assert.Equal(t, text, got)
		}
	})
}
