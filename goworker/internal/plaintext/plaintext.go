// Package plaintext cleans texts of others: names, descriptions and error words of W&B, of artifacts
// and of samples. What is shown to people goes through it once, where it leaves the worker.
// shim/worker/plaintext.py has the same rules, and both are tested with testdata/texts.json.
package plaintext

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// Clean gives the text without what acts on whoever shows it: control characters (with them the
// escape sequences of terminals), marks that turn the direction of writing, and other
// characters that nobody sees. Line ends and tabs become spaces. What is longer than so
// many characters is cut.
func Clean(text string, most int) string { return clean(text, most, false) }

// CleanLines is Clean for texts of several lines, whose ends stay.
func CleanLines(text string, most int) string { return clean(text, most, true) }

func clean(text string, most int, lines bool) string {
	var b strings.Builder
	n := 0
	for _, r := range text {
		switch {
		case r == '\n' && lines:
		case r == '\n' || r == '\t' || r == '\r' || r == '\u2028' || r == '\u2029':
			r = ' '
		case unseen(r):
			continue
		case r == utf8.RuneError:
			r = '\ufffd'
		}
		if n == most {
			return b.String() + "…"
		}
		b.WriteRune(r)
		n++
	}
	return b.String()
}

// unseen is whether a character is a control character (Unicode's Cc) or an invisible one of
// format (Cf), beside the two joiners, which scripts and emoji need.
func unseen(r rune) bool {
	const nonJoiner, joiner = '\u200c', '\u200d'
	return unicode.Is(unicode.Cc, r) || unicode.Is(unicode.Cf, r) && r != joiner && r != nonJoiner
}
