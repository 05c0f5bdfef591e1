package config

import "strings"

// netrcEntry is what a netrc file says of one machine; an empty machine is the
// file's default entry.
type netrcEntry struct {
	machine, password string
}

// parseNetrc reads the netrc format: tokens separated by white space or line
// ends, "quoted" where they hold blanks, # comments where a keyword may stand, and
// macdef bodies that end at an empty line. What is not understood is passed over.
func parseNetrc(text string) []netrcEntry {
	var out []netrcEntry
	current := -1
	sc := netrcScanner{text: text}
	for {
		token, ok := sc.next()
		if !ok {
			return out
		}
		switch {
		case strings.HasPrefix(token, "#"):
			sc.skipLine()
		case token == "machine":
			name, _ := sc.next()
			out = append(out, netrcEntry{machine: strings.ToLower(name)})
			current = len(out) - 1
		case token == "default":
			out = append(out, netrcEntry{})
			current = len(out) - 1
		case token == "macdef":
			current = -1
			sc.skipMacro()
		case token == "login" || token == "user" || token == "account":
			sc.next()
		case token == "password":
			if value, _ := sc.next(); current >= 0 {
				out[current].password = value
			}
		}
	}
}

// netrcPassword is the password of the first host that the entries name, else that
// of the default entry. Of two entries for one machine the last counts.
func netrcPassword(entries []netrcEntry, hosts ...string) (password, machine string) {
	for _, host := range append(hosts, "") {
		for i := len(entries) - 1; i >= 0; i-- {
			if entries[i].machine == host && entries[i].password != "" {
				return entries[i].password, host
			}
		}
	}
	return "", ""
}

type netrcScanner struct {
	text string
	pos  int
}

// next is the next token; quotes are taken off, and a backslash in quotes makes
// the character behind it plain.
func (s *netrcScanner) next() (string, bool) {
	for s.pos < len(s.text) && isBlank(s.text[s.pos]) {
		s.pos++
	}
	if s.pos >= len(s.text) {
		return "", false
	}
	var b strings.Builder
	quoted := s.text[s.pos] == '"'
	if quoted {
		s.pos++
	}
	for ; s.pos < len(s.text); s.pos++ {
		c := s.text[s.pos]
		if quoted && c == '"' {
			s.pos++
			return b.String(), true
		}
		if !quoted && isBlank(c) {
			break
		}
		if c == '\\' && s.pos+1 < len(s.text) {
			s.pos++
			c = s.text[s.pos]
		}
		b.WriteByte(c)
	}
	return b.String(), true
}

func (s *netrcScanner) skipLine() {
	// The end of the line may be the very character that ended the last token.
	if i := strings.IndexByte(s.text[s.pos:], '\n'); i >= 0 {
		s.pos += i + 1
	} else {
		s.pos = len(s.text)
	}
}

// skipMacro passes over a macro's name and its body.
func (s *netrcScanner) skipMacro() {
	s.next()
	s.skipLine()
	for s.pos < len(s.text) {
		line, _, _ := strings.Cut(s.text[s.pos:], "\n")
		s.skipLine()
		if strings.TrimSpace(line) == "" {
			return
		}
	}
}

func isBlank(c byte) bool { return c == ' ' || c == '\t' || c == '\r' || c == '\n' }
