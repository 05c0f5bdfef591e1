// Package artifact holds what an artifact is made of: its entries, their digests and the
// manifest, and the private directory for files that we make ourselves.
package artifact

import (
	"bufio"
	"crypto/md5"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"io"
	"sort"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/fault"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/words"
)

// Entry is one file of an artifact, or a reference to one that is elsewhere.
type Entry struct {
	// Path is where it is in the artifact: relative, with "/" between its parts.
	Path string
	// Digest is the base64 MD5 of the bytes; of a reference what W&B says it is, for instance the URI.
	Digest string
	// Size is in bytes. That of a reference may be 0 for not known.
	Size int64
	// LocalPath is where the bytes are; empty for a reference, and where another process has them.
	LocalPath string
	// Offset is where in the file they begin: only a Pack holds those of several entries.
	Offset int64
	// Ref is the URI of a reference; empty for a file.
	Ref string
	// ModTime is when an original was last changed before it was hashed; zero for files of
	// our own, which nobody else changes.
	ModTime time.Time
}

// MaxEntries is how many entries an artifact may have.
const MaxEntries = 1_000_000

// clientEntry is how many bytes of memory W&B's own client takes for an entry of a manifest (measured with wandb 0.31.0).
const clientEntry = 1842

// ClientMemory is about how much memory W&B's own client needs to read a manifest of so many entries, in bytes.
func ClientMemory(entries int64) int64 { return entries * clientEntry }

// TooMany is the fault of an artifact that would have more than MaxEntries entries.
func TooMany() error {
	return fault.New(fault.Settings, fault.TooManyEntries,
		"The artifact would have more than %s files, and W&B's own client needs about %s of memory to read so many: lower pictures_max=, "+
			"choose rows with max_samples=, or log parts of the view as artifacts of their own.", words.Thousands(MaxEntries), words.Bytes(ClientMemory(MaxEntries)))
}

// Files are the entries of one artifact. It is made for a million of them: see store.
// Any number of goroutines may use it.
type Files struct {
	mu    sync.Mutex
	store store
	size  int64
}

// Add puts an entry in. The same path with the same content may come again; with other
// content it is an error, and so is a path that the official package would refuse.
func (f *Files) Add(e Entry) error { return f.add(e, badEntry(e)) }

// AddElsewhere is Add for a file whose bytes another process has: its LocalPath is empty.
func (f *Files) AddElsewhere(e Entry) error {
	if e.Ref != "" {
		return f.Add(e)
	}
	if _, ok := decodeMD5(e.Digest); !ok || e.Size < 0 || e.LocalPath != "" {
		return f.add(e, "it is not a file of another process")
	}
	return f.add(e, "")
}

// add puts an entry in with which nothing is wrong.
func (f *Files) add(e Entry, wrong string) error {
	if why := badPath(e.Path); why != "" {
		return fault.New(fault.Plugin, fault.BadPath, "The artifact cannot hold a file under the path %q: %s. Please report this.", e.Path, why)
	}
	if wrong != "" {
		return fault.New(fault.Plugin, fault.BadEntry, "The entry %q of the artifact is not complete: %s. Please report this.", e.Path, wrong)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if i, ok := f.store.find(e.Path); ok {
		if old := f.store.entry(i); old.Digest != e.Digest || old.Ref != e.Ref {
			return fault.New(fault.Plugin, fault.DuplicatePath, "Two different files of the artifact have the path %q. Please report this.", e.Path)
		}
		return nil
	}
	if f.store.count >= MaxEntries {
		return TooMany()
	}
	f.store.add(e)
	f.size += e.Size
	return nil
}

// Has reports whether there is an entry with this path.
func (f *Files) Has(path string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	_, ok := f.store.find(path)
	return ok
}

// Find is the entry with this path, if there is one.
func (f *Files) Find(path string) (Entry, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	i, ok := f.store.find(path)
	if !ok {
		return Entry{}, false
	}
	return f.store.entry(i), true
}

// Number is the number in the order of At of the entry with this path, if there is one.
func (f *Files) Number(path string) (int, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	order := f.store.sorted()
	return sort.Find(len(order), func(i int) int { return strings.Compare(path, string(f.store.path(order[i]))) })
}

// Len is the number of entries.
func (f *Files) Len() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.store.count
}

// Size is the sum of the sizes of all entries in bytes.
func (f *Files) Size() int64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.size
}

// At is the entry number i in the order of the paths, from 0 to Len()-1. The numbers hold until
// the next Add. It makes the entry again each time, so that very many take little memory.
func (f *Files) At(i int) Entry {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.store.entry(f.store.sorted()[i])
}

// Sorted is all entries in the order of the paths. A million of them take some 300 MB that
// way; who may have so many uses At.
func (f *Files) Sorted() []Entry {
	all := make([]Entry, f.Len())
	for i := range all {
		all[i] = f.At(i)
	}
	return all
}

// Digest is the artifact's digest in W&B's way: the hex MD5 of a header and a line of path
// and digest for each entry, in the order of the paths' bytes. What is not in these
// lines (sizes, references, where the bytes are) does not count.
func (f *Files) Digest() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	sum := md5.New()
	line := []byte("wandb-artifact-manifest-v1\n")
	for _, i := range f.store.sorted() {
		sum.Write(line)
		line = append(line[:0], f.store.path(i)...)
		line = append(line, ':')
		line = append(f.store.appendDigest(line, i), '\n')
	}
	sum.Write(line)
	return hex.EncodeToString(sum.Sum(nil))
}

// WriteManifest writes the manifest that is uploaded with the artifact. birth gives the id
// of the artifact version that first brought the file at a path, which readers need to
// find its bytes; it is not asked for references, and "" leaves it out. Where the bytes are on
// this machine is not in the manifest.
func (f *Files) WriteManifest(w io.Writer, birth func(path string) string) error {
	out := bufio.NewWriterSize(w, 64<<10)
	line := []byte(`{"version":1,"storagePolicy":"wandb-storage-policy-v1",` +
		`"storagePolicyConfig":{"storageLayout":"V2"},"contents":{`)
	for i := range f.Len() {
		e := f.At(i)
		if i > 0 {
			line = append(line, ',')
		}
		line = append(appendJSON(line, e.Path), `:{"digest":`...)
		line = appendJSON(line, e.Digest)
		if e.Ref == "" || e.Size > 0 {
			line = strconv.AppendInt(append(line, `,"size":`...), e.Size, 10)
		}
		if e.Ref != "" {
			line = appendJSON(append(line, `,"ref":`...), e.Ref)
		} else if id := birth(e.Path); id != "" {
			line = appendJSON(append(line, `,"birthArtifactID":`...), id)
		}
		line = append(line, '}')
		if _, err := out.Write(line); err != nil {
			return err
		}
		line = line[:0]
	}
	if _, err := out.Write(append(line, "}}"...)); err != nil {
		return err
	}
	return out.Flush()
}

// appendJSON adds a text that is known to be UTF-8.
func appendJSON(dst []byte, s string) []byte {
	text, err := json.Marshal(s)
	if err != nil {
		panic(err) // a string always has a JSON form
	}
	return append(dst, text...)
}

// badEntry says what is wrong with an entry, or nothing.
func badEntry(e Entry) string {
	switch {
	case e.Size < 0 || e.Offset < 0:
		return "its size or offset is negative"
	case e.Ref != "" && e.Digest == "":
		return "a reference has no digest"
	case e.Ref != "" && e.LocalPath != "":
		return "a reference has a file"
	case e.Ref != "":
		return ""
	case e.LocalPath == "":
		return "it has no file"
	}
	if _, ok := decodeMD5(e.Digest); !ok {
		return "its digest is not a base64 MD5"
	}
	return ""
}

// decodeMD5 reads a base64 MD5, if s is the one way to write it.
func decodeMD5(s string) (sum [md5.Size]byte, ok bool) {
	var buf [md5.Size + 2]byte
	if len(s) != base64.StdEncoding.EncodedLen(md5.Size) {
		return sum, false
	}
	n, err := base64.StdEncoding.Strict().Decode(buf[:], []byte(s))
	return [md5.Size]byte(buf[:md5.Size]), err == nil && n == md5.Size
}

// typicalBirth is as long as the ids of artifacts are.
const typicalBirth = "QXJ0aWZhY3Q6MTIzNDU2Nzg5MA=="

// ManifestSize is the size of the manifest of a new artifact in bytes: ids of artifacts may differ in length.
func (f *Files) ManifestSize() (int64, error) {
	var n counter
	err := f.WriteManifest(&n, func(string) string { return typicalBirth })
	return int64(n), err
}

// counter counts what is written.
type counter int64

// Write implements io.Writer.
func (c *counter) Write(p []byte) (int, error) {
	*c += counter(len(p))
	return len(p), nil
}
