package wandb

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/fault"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/wandb/config"
)

// RemoteFile is a file of an artifact's version.
type RemoteFile struct {
	Path string
	// Size is in bytes.
	Size int64

	// of is the version that has the file.
	of ArtifactInfo
	// digest is as manifests have it; url is signed and expires.
	digest, url string
	// manifestURL is that of the list of the artifact's files.
	manifestURL string
}

// storedNode is the fragment file in an answer.
type storedNode struct {
	Name   string      `json:"name"`
	Size   json.Number `json:"sizeBytes"`
	Digest string      `json:"digest"`
	URL    string      `json:"directUrl"`
}

// filesNode is what an artifact's answer says of its files.
type filesNode struct {
	Manifest *struct {
		File struct {
			URL string `json:"directUrl"`
		} `json:"file"`
	} `json:"currentManifest"`
	Files connection[storedNode] `json:"files"`
}

func (n *filesNode) files(of ArtifactInfo) map[string]RemoteFile {
	out := map[string]RemoteFile{}
	for _, e := range n.Files.Edges {
		if f := e.Node; f != nil {
			one := RemoteFile{Path: f.Name, Size: number(f.Size), of: of, digest: f.Digest, url: f.URL}
			if n.Manifest != nil {
				one.manifestURL = n.Manifest.File.URL
			}
			out[f.Name] = one
		}
	}
	return out
}

// storedFiles asks for those files of a version that the paths name. Servers that have it are asked
// in the newer way, by the collection, as wandb 0.31 does; older ones by the artifact.
func (c *Client) storedFiles(ctx context.Context, of ArtifactInfo, paths []string) (map[string]RemoteFile, error) {
	var out struct {
		Project *struct {
			Collection *struct {
				Membership *struct {
					Files    *connection[storedNode] `json:"files"`
					Artifact *struct {
						ID string `json:"id"`
						filesNode
					} `json:"artifact"`
				} `json:"artifactMembership"`
			} `json:"artifactCollection"`
		} `json:"project"`
		Artifact *filesNode `json:"artifact"`
	}
	if of.Entity != "" && of.Project != "" && of.Name != "" && of.Version != "" {
		vars := map[string]any{"entity": of.Entity, "project": of.Project, "collection": of.Name, "alias": of.Version, "files": paths}
		err := c.graphql(ctx, "MembershipFiles", vars, &out)
		if err != nil && !isUnknownToServer(err) && statusOf(err) != http.StatusNotFound {
			return nil, err
		}
		if p := out.Project; err == nil && p != nil && p.Collection != nil && p.Collection.Membership != nil {
			if m := p.Collection.Membership; m.Files != nil && m.Artifact != nil && m.Artifact.ID == of.ID {
				m.Artifact.Files = *m.Files
				return m.Artifact.files(of), nil
			}
		}
	}
	if err := c.graphql(ctx, "ArtifactFiles", map[string]any{"id": of.ID, "files": paths}, &out); err != nil {
		return nil, err
	}
	if out.Artifact == nil {
		return nil, nil
	}
	return out.Artifact.files(of), nil
}

// renew asks for fresh addresses of a file.
func (c *Client) renew(ctx context.Context, f RemoteFile) (RemoteFile, error) {
	files, err := c.storedFiles(ctx, f.of, []string{f.Path})
	if err != nil {
		return f, c.explain("asking for the address of "+f.Path, err)
	}
	if fresh, ok := files[f.Path]; ok {
		return fresh, nil
	}
	return f, notFound("W&B at %s does not have the file %s of the artifact any more.", c.host(), f.Path)
}

// manifestLimit bounds the list of an artifact's files, in bytes.
const manifestLimit = 256 << 20

// storedEntry is what a manifest says of one file.
type storedEntry struct {
	Digest string      `json:"digest"`
	Size   json.Number `json:"size"`
	Ref    string      `json:"ref"`
	Extra  struct {
		Algorithm string `json:"alg"`
	} `json:"extra"`
}

// manifestEntry looks a file up in the artifact's manifest, which is gone through
// without being held; nil if it is not there.
func (c *Client) manifestEntry(ctx context.Context, f RemoteFile) (*storedEntry, error) {
	if f.manifestURL == "" {
		return nil, nil
	}
	body, err := c.open(ctx, f.manifestURL, 0)
	if another(err, 1) {
		if f, err = c.renew(ctx, f); err == nil {
			body, err = c.open(ctx, f.manifestURL, 0)
		}
	}
	const doing = "reading the list of the artifact's files"
	if err != nil {
		return nil, c.explainStore(f.manifestURL, doing, err)
	}
	defer func() { _ = body.Close() }()
	entry, err := findEntry(io.LimitReader(body, manifestLimit), f.Path)
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	if err != nil {
		return nil, fault.Wrap(err, fault.WandB, fault.BadArtifact, "The list of the artifact's files cannot be read: the artifact %s is damaged, or of a kind that this plugin does not know.", f.of.ID)
	}
	return entry, nil
}

// EachFile calls fn with the path and the digest of each file of the version that f is a
// file of, references included. The list is gone through without being held.
func (c *Client) EachFile(ctx context.Context, f RemoteFile, fn func(path, digest string)) error {
	const doing = "reading the list of the artifact's files"
	body, err := c.open(ctx, f.manifestURL, 0)
	if err != nil {
		return c.explainStore(f.manifestURL, doing, err)
	}
	defer func() { _ = body.Close() }()
	err = eachEntry(io.LimitReader(body, manifestLimit), func(path string, decode func(any) error) (bool, error) {
		var entry storedEntry
		if err := decode(&entry); err != nil {
			return false, err
		}
		fn(path, entry.Digest)
		return true, nil
	})
	return c.explain(doing, err)
}

// findEntry finds the entry of a path in a manifest.
func findEntry(r io.Reader, path string) (found *storedEntry, err error) {
	err = eachEntry(r, func(name string, decode func(any) error) (bool, error) {
		if name != path {
			return true, decode(new(json.RawMessage))
		}
		found = new(storedEntry)
		return false, decode(found)
	})
	return found, err
}

// eachEntry goes through a manifest until fn wants no more. fn has to decode the entry.
func eachEntry(r io.Reader, fn func(path string, decode func(any) error) (more bool, err error)) error {
	d := json.NewDecoder(r)
	if err := enter(d); err != nil {
		return err
	}
	for d.More() {
		key, err := d.Token()
		if err != nil {
			return err
		}
		if key != "contents" {
			if err := d.Decode(new(json.RawMessage)); err != nil {
				return err
			}
			continue
		}
		if err := enter(d); err != nil {
			return err
		}
		for d.More() {
			name, err := d.Token()
			if err != nil {
				return err
			}
			path, _ := name.(string) // a key always is one
			if more, err := fn(path, d.Decode); err != nil || !more {
				return err
			}
		}
		_, err = d.Token()
		return err
	}
	return nil
}

// enter goes into an object.
func enter(d *json.Decoder) error {
	token, err := d.Token()
	if err == nil && token != json.Delim('{') {
		err = &json.SyntaxError{Offset: d.InputOffset()}
	}
	return err
}

// trusted reports whether a file is surely one of W&B's store: then its digest is that
// of its bytes. What an artifact only refers to has an address that whoever made the
// artifact chose.
func (c *Client) trusted(f RemoteFile) bool {
	raw, err := base64.StdEncoding.DecodeString(f.digest)
	if err != nil || len(raw) != 16 {
		return false
	}
	file, err := c.address(f.url)
	if err != nil {
		return false
	}
	manifest, err := c.address(f.manifestURL)
	return err == nil && config.HostOf(file) == config.HostOf(manifest)
}
