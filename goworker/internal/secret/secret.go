// Package secret holds strings that must not be printed: keys and database URIs.
package secret

import (
	"encoding/json"
	"fmt"
	"log/slog"
)

// redacted is what every way of printing a secret shows.
const redacted = "**redacted**"

// Shortest is the length from which a secret is looked for in texts of others: the letters of a
// shorter one are in every text.
const Shortest = 6

// String is a text that prints as **redacted**, whatever the verb or the encoder.
// An empty one stays empty, so that a missing secret can be told from a set one.
type String string

// Reveal is the text itself: call it where it is used and nowhere else.
func (s String) Reveal() string { return string(s) }

// String implements fmt.Stringer.
func (s String) String() string {
	if s == "" {
		return ""
	}
	return redacted
}

// Format implements fmt.Formatter, so that %x, %q and %#v hide the text too.
func (s String) Format(f fmt.State, _ rune) { _, _ = fmt.Fprint(f, s.String()) }

// MarshalJSON implements json.Marshaler.
func (s String) MarshalJSON() ([]byte, error) { return json.Marshal(s.String()) }

// MarshalText implements encoding.TextMarshaler, for encoders other than JSON.
func (s String) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// LogValue implements slog.LogValuer.
func (s String) LogValue() slog.Value { return slog.StringValue(s.String()) }
