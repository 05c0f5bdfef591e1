package wandb

import (
	"encoding/json"
	"io"
	"regexp"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/fault"
)

func TestPlainObject(t *testing.T) {
	for text, want := range map[string]string{
		`{"a":1}`: `{"a":1}`, ` {"a":NaN,"b":[-Infinity,Infinity],"c":"NaN \" -Infinity"}`: `{"a":null,"b":[null,null],"c":"NaN \" -Infinity"}`,
		``: ``, `[1]`: ``, `{"a":Nan}`: ``, `null`: ``, `{"a":1`: ``, `{"NaN":-1}`: `{"NaN":-1}`,
	} {
		assert.Equal(t, want, string(plainObject(text)), text)
	}
}

// FuzzPlainObject: what comes out is an object, and valid input stays as it is.
func FuzzPlainObject(f *testing.F) {
	for _, seed := range []string{`{"a":NaN}`, `{"a":"\\"}`, `{"a":-Infinity}`, `"`, `\`, `{"a":"NaN`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		out := plainObject(text)
		if out != nil {
			var object map[string]json.RawMessage
			require.NoError(t, json.Unmarshal(out, &object))
		}
		var object map[string]json.RawMessage
		if json.Unmarshal([]byte(text), &object) == nil && object != nil {
			require.Equal(t, strings.TrimSpace(text), string(out))
		}
	})
}

func TestPlainConfig(t *testing.T) {
	got, err := json.Marshal(plainConfig(`{"a":{"value":1,"desc":null},"b":{"value":null},"c":5,"d":{"x":1},"_wandb":{"value":{}},"wandb_version":1,"e":{"value":NaN}}`))
	require.NoError(t, err)
	assert.JSONEq(t, `{"a":1,"b":null,"c":5,"d":{"x":1},"e":null}`, string(got))
	assert.Empty(t, plainConfig("no JSON"))
	assert.Empty(t, plainConfig("null"))
}

func TestFindEntry(t *testing.T) {
	const manifest = `{"version":1,"contents":{"a":{"digest":"x","size":1},"b":{"digest":"y","size":2,"ref":"s3://b","extra":{"alg":"XXH128"}}},"storagePolicy":"p"}`
	entry, err := findEntry(strings.NewReader(manifest), "b")
	require.NoError(t, err)
	assert.Equal(t, "y", entry.Digest)
	assert.Equal(t, "s3://b", entry.Ref)
	assert.Equal(t, "XXH128", entry.Extra.Algorithm)
	entry, err = findEntry(strings.NewReader(manifest), "c")
	require.NoError(t, err)
	assert.Nil(t, entry)
	for _, broken := range []string{"", "[]", `{"contents":[]}`, `{"contents":{"a":{}`, `{"contents":{"b":{"digest":1}}}`, manifest[:60]} {
		_, err := findEntry(strings.NewReader(broken), "b")
		assert.Error(t, err, broken)
	}
}

// FuzzFindEntry: nothing in a manifest makes its reader panic.
func FuzzFindEntry(f *testing.F) {
	for _, seed := range []string{`{"contents":{"b":{"digest":"y"}}}`, `{"a":[{}],"contents":{}}`, `{`, `{"contents":null}`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		entry, err := findEntry(strings.NewReader(text), "b")
		if err == nil && entry != nil {
			require.Contains(t, text, "contents")
		}
	})
}

// TestDocumentsAreWhole: every fragment that a document uses is there, once, and none
// is unused, since servers refuse either.
func TestDocumentsAreWhole(t *testing.T) {
	entries, err := documents.ReadDir("graphql")
	require.NoError(t, err)
	used := map[string]bool{"collections": true, "collectionsOld": true}
	for _, e := range entries {
		if e.IsDir() {
			continue
		}
		text, err := document(strings.TrimSuffix(e.Name(), ".graphql"))
		require.NoError(t, err, e.Name())
		for _, m := range spread.FindAllStringSubmatch(text, -1) {
			used[m[1]] = true
			assert.Len(t, regexp.MustCompile(`fragment `+m[1]+` on `).FindAllString(text, -1), 1, e.Name())
		}
	}
	all, err := fragments.ReadDir("graphql/fragments")
	require.NoError(t, err)
	for _, e := range all {
		assert.True(t, used[strings.TrimSuffix(e.Name(), ".graphql")], "unused: %s", e.Name())
	}
}

func TestCursorsOfSeveralTypes(t *testing.T) {
	all := typeCursors{{Type: "dataset", After: "YQ=="}, {Type: "a type"}}
	back, err := parseCursors(all.String())
	require.NoError(t, err)
	assert.Equal(t, all, back)
	assert.Empty(t, typeCursors(nil).String())
}

// TestServerWithoutCursorsInItsEdges: then a page cannot be cut, and is given whole.
func TestServerWithoutCursorsInItsEdges(t *testing.T) {
	node := func(name string) edge[collectionNode] {
		index := 0
		v := &listedNode{ID: name, Index: &index, CreatedAt: name}
		n := &collectionNode{Name: name, CreatedAt: name}
		n.Membership = &newestNode{Artifact: v}
		return edge[collectionNode]{Node: n}
	}
	l := &artifactLister{limit: 2, lists: []*typeList{
		{typeCursor: typeCursor{Type: "x"}, fetched: []edge[collectionNode]{node("5"), node("3"), node("1")}},
		{typeCursor: typeCursor{Type: "y"}, fetched: []edge[collectionNode]{node("4"), {}}},
	}}
	require.NoError(t, l.fill(t.Context()))
	page := l.page()
	var names []string
	for _, a := range page.Items {
		names = append(names, a.Name)
	}
	assert.Equal(t, []string{"5", "4", "3", "1"}, names)
	assert.Empty(t, page.Next)
}

// TestChecksums: the digests are those that the package wandb 0.31 (md5_string and xxh128_string
// of its hashutil) computes.
func TestChecksums(t *testing.T) {
	for text, want := range map[string][2]string{
		"":                                    {"1B2M2Y8AsgTpgAmY7PhCfg==", "maoG0wFHmNhgAcMkRo1Jfw=="},
		"hello":                               {"XUFAKrxLKna5cZ2REBfFkg==", "tenBrQcbPn/Hec+qXlI4GA=="},
		strings.Repeat("0123456789", 100_000): {"F0rJpPAjpVemirBBc1WXDg==", "5AkWavXYx8c54cT0AIug5g=="},
	} {
		d := newDigester()
		_, _ = io.Copy(d, iotest.HalfReader(strings.NewReader(text)))
		assert.Equal(t, want, [2]string{d.sum(algorithmMD5), d.sum(algorithmXXH128)})
		assert.True(t, d.has(want[0]) && d.has(want[1]))
		for algorithm, ok := range map[string][2]string{"": {want[0], want[1]}, "MD5": {want[0], want[1]}, "XXH128": {want[1], want[0]}} {
			entry := &storedEntry{Digest: ok[0]}
			entry.Extra.Algorithm = algorithm
			reading := &download{hash: d, entry: entry}
			assert.Equal(t, io.EOF, reading.verify(), algorithm)
			entry.Digest = ok[1]
			assert.Equal(t, "bad_artifact", fault.Code(reading.verify()), "%s: a digest of another algorithm", algorithm)
		}
	}
	d := &download{hash: newDigester(), entry: &storedEntry{Digest: "1B2M2Y8AsgTpgAmY7PhCfg=="}}
	d.entry.Extra.Algorithm = "BLAKE3"
	err := d.verify()
	assert.Equal(t, "bad_artifact", fault.Code(err))
	assert.ErrorContains(t, err, "BLAKE3")
}
