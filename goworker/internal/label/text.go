package label

import "go.mongodb.org/mongo-driver/v2/bson"

// Lengths in characters, which are Unicode code points as in Python.
const (
	// ShortText is the most of a text that the predictions column shows.
	ShortText = 500
	// TextClass is how much of a text stands for its class.
	TextClass = 100
)

// Text is the value of a plain string field, such as the output of a vision
// language model; ok is false for everything else, null too.
func Text(v bson.RawValue) (full string, ok bool) {
	if v.Type != bson.TypeString || variable(v.Type, v.Value) != len(v.Value) {
		return "", false
	}
	return string(elem{v.Type, v.Value}.text()), true
}

// Cut is a text of at most n characters as it is, and of a longer one the first
// n characters and "...".
func Cut(s string, n int) (short string, wasCut bool) {
	if head := Head(s, n); len(head) < len(s) {
		return head + "...", true
	}
	return s, false
}

// Head is the first n characters of a text, or all of a shorter one.
func Head(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for i := range s {
		if n--; n < 0 {
			return s[:i]
		}
	}
	return s
}
