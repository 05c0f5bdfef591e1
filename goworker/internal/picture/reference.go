package picture

import (
	"context"
	"crypto/md5"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"net/url"
	"path"
	"path/filepath"
	"strings"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/artifact"
)

// reference adds a reference to a media file, and gives its URI. The digest of what is
// elsewhere is the URI, as the official package has it for what it has not read itself.
// That of a file here is its MD5: the official package reads a table only if it can
// load all of the artifact's references, and checks local ones by it. So a local file
// that is not there gets none.
func (w *worker) reference(ctx context.Context, location string) (string, error) {
	uri := fileURI(location)
	if uri == "" {
		return "", nil
	}
	e := artifact.Entry{Path: referencePath(uri, location), Digest: uri, Ref: uri}
	if scheme(location) == "" {
		file, err := w.open(location)
		if err != nil {
			return uri, nil //nolint:nilerr // the thumbnail's cell says what is wrong with it
		}
		if e.Digest, err = w.p.digest(ctx, file); err != nil || e.Digest == "" {
			return uri, err
		}
		e.Size = file.info.Size()
	}
	return uri, w.p.sink.AddFile(e)
}

// digest is the MD5 of a file, base64, or "" where it cannot be read. That of a file
// that did not change is in the cache.
func (p *Maker) digest(ctx context.Context, file *sourceFile) (string, error) {
	key := digestKey(file)
	kept := p.cache != nil && file.state != nil
	if kept {
		if sum, ok := p.cache.Get(key); ok && len(sum) == md5.Size {
			return base64.StdEncoding.EncodeToString(sum), nil
		}
	}
	opened, err := file.reader()
	if err != nil {
		return "", nil //nolint:nilerr // the thumbnail's cell says what is wrong with it
	}
	digest, _, _, _, err := artifact.Hash(ctx, file.path, opened)
	if err != nil {
		return "", ctx.Err()
	}
	if sum, err := base64.StdEncoding.DecodeString(digest); err == nil && kept && file.state != nil {
		p.cache.Put(key, sum)
	}
	return digest, nil
}

// fileURI is a media file's URI: the location itself where it is one, else that of
// the local file.
func fileURI(location string) string {
	switch {
	case location == "" || scheme(location) != "":
		return strings.ToValidUTF8(location, "�")
	case !filepath.IsAbs(location):
		return ""
	}
	slashed := filepath.ToSlash(location)
	if !strings.HasPrefix(slashed, "/") {
		slashed = "/" + slashed // a drive's letter
	}
	u := url.URL{Scheme: "file", Path: slashed}
	return u.String()
}

// referencePath is where the artifact holds the reference to a URI.
func referencePath(uri, location string) string {
	sum := sha256.Sum256([]byte(uri))
	name := safeBase(path.Base(filepath.ToSlash(location)), "bin")
	return "media/references/" + hex.EncodeToString(sum[:])[:20] + "/" + strings.ToValidUTF8(name, "_")
}
