package artifact

import (
	"bytes"
	"crypto/md5"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/fault"
)

// digestOf is the base64 MD5 of a text.
func digestOf(text string) string {
	sum := md5.Sum([]byte(text))
	return base64.StdEncoding.EncodeToString(sum[:])
}

func file(path, text string) Entry {
	return Entry{Path: path, Digest: digestOf(text), Size: int64(len(text)), LocalPath: "/data/" + text}
}

type officialCase struct {
	Files      map[string]string `json:"files"`
	References map[string]string `json:"references"`
	Digest     string            `json:"digest"`
	Size       int64             `json:"size"`
	Manifest   json.RawMessage   `json:"manifest"`
}

func officialCases(t *testing.T) map[string]officialCase {
	golden, err := os.ReadFile("testdata/official.json")
	require.NoError(t, err)
	var cases map[string]officialCase
	require.NoError(t, json.Unmarshal(golden, &cases))
	require.Len(t, cases, 3)
	return cases
}

// Real files, hashed and listed by us, have the digest and manifest that the official package gives them.
func TestDigestAndManifestAreTheOfficialOnes(t *testing.T) {
	for name, c := range officialCases(t) {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			var files Files
			for path, text := range c.Files {
				local := filepath.Join(dir, fmt.Sprint(files.Len()))
				require.NoError(t, os.WriteFile(local, []byte(text), 0o600))
				md5, _, size, mod, err := HashFile(t.Context(), local)
				require.NoError(t, err)
				require.NoError(t, files.Add(Entry{Path: path, Digest: md5, Size: size, LocalPath: local, ModTime: mod}))
			}
			for path, uri := range c.References {
				require.NoError(t, files.Add(Entry{Path: path, Digest: uri, Ref: uri}))
			}
			assert.Equal(t, c.Digest, files.Digest())
			assert.Equal(t, c.Size, files.Size())
			var manifest bytes.Buffer
			require.NoError(t, files.WriteManifest(&manifest, func(string) string { return "" }))
			assert.JSONEq(t, string(c.Manifest), manifest.String())
			assert.NotContains(t, manifest.String(), dir, "a path of this machine")
		})
	}
}

// The example of the protocol, digest by digest.
func TestDigestExample(t *testing.T) {
	var files Files
	require.NoError(t, files.Add(Entry{Path: "b/data.json", Digest: "u2y1xo30ZSlByvZSo2by2A==", Size: 7, LocalPath: "x"}))
	require.NoError(t, files.Add(Entry{Path: "a.txt", Digest: "sZRqySSS0jR8YjW00mERhA==", Size: 6, LocalPath: "y"}))
	assert.Equal(t, "30055c8d27088b0f43f4f6e58b44ca3c", files.Digest())
}

func TestManifestNamesTheVersionThatBroughtAFile(t *testing.T) {
	var files Files
	ref := "wandb-artifact://abc/x"
	require.NoError(t, files.Add(file("b", "two")))
	require.NoError(t, files.Add(file("a", "one")))
	require.NoError(t, files.Add(file("c", "three")))
	require.NoError(t, files.Add(Entry{Path: "d", Digest: digestOf("four"), Size: 4, Ref: ref}))
	var asked []string
	var manifest bytes.Buffer
	require.NoError(t, files.WriteManifest(&manifest, func(path string) string {
		asked = append(asked, path)
		return map[string]string{"a": "QQ==", "b": "Qg=="}[path]
	}))
	assert.Equal(t, []string{"a", "b", "c"}, asked)
	assert.Equal(t, `{"version":1,"storagePolicy":"wandb-storage-policy-v1","storagePolicyConfig":{"storageLayout":"V2"},"contents":{`+
		`"a":{"digest":"`+digestOf("one")+`","size":3,"birthArtifactID":"QQ=="},`+
		`"b":{"digest":"`+digestOf("two")+`","size":3,"birthArtifactID":"Qg=="},`+
		`"c":{"digest":"`+digestOf("three")+`","size":5},`+
		`"d":{"digest":"`+digestOf("four")+`","size":4,"ref":"`+ref+`"}}}`, manifest.String())
}

func TestManifestToldWhenItCannotBeWritten(t *testing.T) {
	var files Files
	for i := range 2000 { // more than is buffered
		require.NoError(t, files.Add(file(fmt.Sprint("some/path/", i), "x")))
	}
	broken := errors.New("broken")
	require.ErrorIs(t, files.WriteManifest(writerFunc(func([]byte) (int, error) { return 0, broken }), func(string) string { return "" }), broken)
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

func TestPathsThatAnArtifactCannotHold(t *testing.T) {
	for path, why := range map[string]string{
		"": "empty", "/a": "absolute", `\a`: "absolute", "a/../b": "leads out", "..": "leads out", `a\..\b`: "leads out", "a//b": "stands for nothing",
		"a/./b": "stands for nothing", ".": "stands for nothing", "a/": "ends with a slash", "C:/x": "drive", "c:x": "drive",
		"a\x00b": "NUL", "a\xff": "UTF-8",
	} {
		var files Files
		err := files.Add(file(path, "x"))
		require.ErrorContains(t, err, why, "%q", path)
		assert.Equal(t, "bad_path", fault.Code(err))
		assert.Zero(t, files.Len())
	}
	var files Files
	for _, path := range []string{"a", "..a/b..", "a b/c:d", `a\b`, "...", "é/\n"} {
		require.NoError(t, files.Add(file(path, "x")), "%q", path)
	}
}

func TestEntriesThatAreNotComplete(t *testing.T) {
	for name, e := range map[string]Entry{
		"no digest":          {Path: "a", LocalPath: "x"},
		"hex digest":         {Path: "a", LocalPath: "x", Digest: "b1946ac92492d2347c6235b4d2611184"},
		"url-safe digest":    {Path: "a", LocalPath: "x", Digest: "h2yAn-HQCaODltMi4XqsVg=="},
		"odd last bits":      {Path: "a", LocalPath: "x", Digest: "sZRqySSS0jR8YjW00mERhB=="},
		"no file":            {Path: "a", Digest: digestOf("x")},
		"negative size":      {Path: "a", Digest: digestOf("x"), LocalPath: "x", Size: -1},
		"empty reference":    {Path: "a", Ref: "s3://b/c"},
		"reference and file": {Path: "a", Ref: "s3://b/c", Digest: "e", LocalPath: "x"},
	} {
		var files Files
		assert.Equal(t, "bad_entry", fault.Code(files.Add(e)), name)
	}
}

func TestTheSamePathTwice(t *testing.T) {
	var files Files
	require.NoError(t, files.Add(file("a", "one")))
	same := file("a", "one")
	same.LocalPath = "/elsewhere"
	require.NoError(t, files.Add(same))
	assert.Equal(t, 1, files.Len())
	assert.EqualValues(t, 3, files.Size())
	assert.Equal(t, "/data/one", files.At(0).LocalPath)

	err := files.Add(file("a", "two"))
	assert.Equal(t, "duplicate_path", fault.Code(err))
	reference := Entry{Path: "a", Digest: digestOf("one"), Ref: "wandb-artifact://b/c"}
	assert.Equal(t, "duplicate_path", fault.Code(files.Add(reference)))
	assert.Equal(t, 1, files.Len())
}

// What goes in comes out, in the order of the paths, whatever order it came in.
func TestEntriesComeBack(t *testing.T) {
	mod := time.Unix(0, 1234567890123456789)
	want := []Entry{
		{Path: "a-b", Digest: digestOf("1"), LocalPath: "relative", Size: 1},
		{Path: "a/b", Digest: digestOf("2"), LocalPath: "/x/b", ModTime: mod},
		{Path: "a/c", Digest: digestOf("3"), LocalPath: "/x/other", ModTime: time.Unix(0, 0), Size: 1 << 40},
		{Path: "b", Digest: digestOf("4"), LocalPath: "/b"},
		{Path: "c/" + strings.Repeat("long", 100_000), Digest: digestOf("5"), LocalPath: "/x/y"},
		{Path: "d", Digest: "etag", Ref: "s3://bucket/d", Size: 9},
		{Path: "e", Digest: digestOf("6"), LocalPath: "/ends/with/"},
		{Path: "z/ende", Digest: digestOf("7"), LocalPath: "/x/ende"},
		{Path: "z/é", Digest: digestOf("8"), LocalPath: "/x/é"},
	}
	first := ""
	for seed := range int64(10) {
		in := slices.Clone(want)
		rand.New(rand.NewSource(seed)).Shuffle(len(in), func(i, j int) { in[i], in[j] = in[j], in[i] })
		var files Files
		for _, e := range in {
			require.NoError(t, files.Add(e))
			files.Sorted() // the order is made again after the next Add
		}
		require.Equal(t, want, files.Sorted())
		if first == "" {
			first = files.Digest()
		}
		require.Equal(t, first, files.Digest())
	}
}

func TestManyGoroutinesAdd(t *testing.T) {
	var files Files
	var wait sync.WaitGroup
	for g := range 4 {
		wait.Go(func() {
			for i := range 3000 {
				assert.NoError(t, files.Add(file(fmt.Sprintf("dir/%d", i+g*1000), fmt.Sprint(i+g*1000))))
				if i%500 == 0 {
					files.At(0)
				}
			}
		})
	}
	wait.Wait()
	assert.Equal(t, 6000, files.Len())
	all := files.Sorted()
	assert.True(t, slices.IsSortedFunc(all, func(a, b Entry) int { return strings.Compare(a.Path, b.Path) }))
}

// imageEntry is what a view with its original images has very many of.
func imageEntry(i int) Entry {
	sum := md5.Sum([]byte{byte(i), byte(i >> 8), byte(i >> 16)})
	name := fmt.Sprintf("%012d.jpg", i)
	return Entry{
		Path: fmt.Sprintf("media/images/%x/%s", sum[:10], name), Digest: base64.StdEncoding.EncodeToString(sum[:]), Size: 150_000,
		LocalPath: "/data/coco/train2017/" + name, ModTime: time.Unix(1_600_000_000, int64(i)),
	}
}

// A million entries stay far below the worker's 200 MB.
func TestMemoryPerEntry(t *testing.T) {
	const n = 100_000
	before := heap()
	var files Files
	for i := range n {
		require.NoError(t, files.Add(imageEntry(i)))
	}
	files.Digest()
	perEntry := float64(heap()-before) / n
	t.Logf("%.0f bytes per entry", perEntry)
	assert.Less(t, perEntry, 160.0)
	assert.Equal(t, n, files.Len())
}

func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

func BenchmarkAddDigestManifest(b *testing.B) {
	const n = 100_000
	entries := make([]Entry, n)
	for i := range entries {
		entries[i] = imageEntry(i)
	}
	b.ReportAllocs()
	for b.Loop() {
		var files Files
		for i := range entries {
			_ = files.Add(entries[i])
		}
		files.Digest()
		_ = files.WriteManifest(writerFunc(func(p []byte) (int, error) { return len(p), nil }), func(string) string { return "QQ==" })
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/n, "ns/entry")
}

func TestAnArtifactHasAMostOfEntries(t *testing.T) {
	var files Files
	require.NoError(t, files.Add(file("a", "one")))
	size, err := files.ManifestSize()
	require.NoError(t, err)
	assert.Positive(t, size)
	files.store.count = MaxEntries // adding so many takes a while
	require.NoError(t, files.Add(file("a", "one")), "it is there already")
	err = files.Add(file("b", "two"))
	require.Equal(t, fault.TooManyEntries, fault.Code(err))
	assert.Contains(t, err.Error(), "more than 1,000,000 files")
	assert.Contains(t, err.Error(), "1.8 GB")
}
