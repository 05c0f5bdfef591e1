package label

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/bson"
)

func TestText(t *testing.T) {
	raw, err := bson.Marshal(m{"s": "a cat\x00 and a dog 🐈", "empty": "", "null": nil, "n": 1, "d": m{}})
	require.NoError(t, err)
	s, ok := Text(bson.Raw(raw).Lookup("s"))
	assert.True(t, ok)
	assert.Equal(t, "a cat\x00 and a dog 🐈", s)
	s, ok = Text(bson.Raw(raw).Lookup("empty"))
	assert.True(t, ok, "an empty text is one")
	assert.Empty(t, s)
	for _, v := range []bson.RawValue{
		bson.Raw(raw).Lookup("null"), bson.Raw(raw).Lookup("n"), bson.Raw(raw).Lookup("d"), {},
		{Type: bson.TypeString}, {Type: bson.TypeString, Value: []byte{9, 0, 0, 0, 'a', 0}}, {Type: bson.TypeString, Value: []byte{0, 0, 0, 0}},
	} {
		_, ok := Text(v)
		assert.False(t, ok)
	}
}

func TestCut(t *testing.T) {
	for _, c := range []struct {
		in   string
		n    int
		want string
		cut  bool
	}{
		{"", 3, "", false},
		{"abc", 3, "abc", false},
		{"abcd", 3, "abc...", true},
		{"äöü", 3, "äöü", false},
		{"äöüß", 3, "äöü...", true},
		{"🐈🐈🐈🐈", 3, "🐈🐈🐈...", true},
		{"e\u0301e\u0301", 3, "e\u0301e...", true}, // code points, not what looks like a letter
		{"a\xff\xfeb", 3, "a\xff\xfe...", true},
		{"abc", 0, "...", true},
		{strings.Repeat("é", ShortText), ShortText, strings.Repeat("é", ShortText), false},
		{strings.Repeat("é", ShortText+1), ShortText, strings.Repeat("é", ShortText) + "...", true},
	} {
		short, cut := Cut(c.in, c.n)
		assert.Equal(t, c.want, short, "%q", c.in)
		assert.Equal(t, c.cut, cut, "%q", c.in)
	}
	assert.Equal(t, strings.Repeat("ñ", TextClass), Head(strings.Repeat("ñ", 300), TextClass))
}

func FuzzCut(f *testing.F) {
	f.Add("a cat on a mat", 5)
	f.Add("🐈\xff", 1)
	f.Fuzz(func(t *testing.T, s string, n int) {
		n &= 0xff
		head := Head(s, n)
		assert.True(t, strings.HasPrefix(s, head))
		assert.Equal(t, min(n, utf8.RuneCountInString(s)), utf8.RuneCountInString(head))
	})
}
