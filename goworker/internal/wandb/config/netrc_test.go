package config

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestNetrc(t *testing.T) {
	for name, c := range map[string]struct{ text, password string }{
		"one line":             {"machine host login user password right", "right"},
		"many lines":           {"machine\n\thost\nlogin\nuser\npassword\nright\n", "right"},
		"windows line ends":    {"machine host\r\nlogin user\r\npassword right\r\n", "right"},
		"other machines":       {"machine a password wrong\nmachine host password right\nmachine z password wrong", "right"},
		"case of the host":     {"machine HOST password right", "right"},
		"account":              {"machine host account password password right", "right"},
		"login called machine": {"machine host login machine password right", "right"},
		"comment":              {"# machine host password wrong\nmachine host password right # password wrong\n", "right"},
		"hash in a password":   {"machine host password ri#ght", "ri#ght"},
		"quotes":               {`machine "host" password "ri ght\"s"`, `ri ght"s`},
		"backslash":            {`machine host password ri\ ght`, "ri ght"},
		"default":              {"default password right\n", "right"},
		"default is last":      {"default password wrong\nmachine host password right\n", "right"},
		"macro":                {"macdef init\nmachine host password wrong\n\nmachine host password right\n", "right"},
		"macro in an entry":    {"machine host password right\nmacdef init\npassword wrong\n\n", "right"},
		"macro to the end":     {"machine host password right\nmacdef init\nmachine host password wrong", "right"},
		"twice":                {"machine host password wrong\nmachine host password right\n", "right"},
		"twice, once empty":    {"machine host password right\nmachine host login x\n", "right"},
		"nothing":              {"", ""},
		"cut off":              {"machine host password", ""},
		"unknown words":        {"machine host port 80 password right", "right"},
		"password of nobody":   {"password wrong", ""},
	} {
		password, _ := netrcPassword(parseNetrc(c.text), "host")
		assert.Equal(t, c.password, password, name)
	}
}

func TestNetrcPrefersTheFirstHost(t *testing.T) {
	entries := parseNetrc("machine second password 2\nmachine first password 1\ndefault password 3")
	for _, c := range []struct {
		hosts             []string
		password, machine string
	}{{[]string{"first", "second"}, "1", "first"}, {[]string{"none", "second"}, "2", "second"}, {[]string{"none"}, "3", ""}} {
		password, machine := netrcPassword(entries, c.hosts...)
		assert.Equal(t, []string{c.password, c.machine}, []string{password, machine})
	}
}

func FuzzNetrc(f *testing.F) {
	for _, seed := range []string{"machine a password b", `"`, `\`, "macdef", "macdef x\n\n", "#", "machine"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		for _, e := range parseNetrc(text + "\n\nmachine end password last") {
			assert.LessOrEqual(t, len(e.password), len(text)+len("machine end password last"))
		}
	})
}
