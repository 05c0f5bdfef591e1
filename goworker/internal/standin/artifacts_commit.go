package standin

import (
	"bytes"
	"crypto/md5"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/standin/gqlexec"
)

// manifestFile is the JSON of a manifest.
type manifestFile struct {
	Version             int              `json:"version"`
	StoragePolicy       string           `json:"storagePolicy"`
	StoragePolicyConfig map[string]any   `json:"storagePolicyConfig"`
	Contents            map[string]entry `json:"contents"`
}

// readManifest reads and checks a stored manifest by itself.
func readManifest(blobs blobStore, digest string) (map[string]entry, error) {
	file, err := blobs.open(digest)
	if err != nil {
		return nil, badRequest("cannot commit: the manifest was not uploaded")
	}
	defer func() { _ = file.Close() }()
	text, err := io.ReadAll(file)
	if err != nil {
		return nil, err
	}
	var m manifestFile
	if err := json.NewDecoder(bytes.NewReader(text)).Decode(&m); err != nil {
		return nil, badRequest("cannot commit: the manifest is not valid: " + err.Error())
	}
	if m.Version != 1 || m.StoragePolicy != "wandb-storage-policy-v1" || m.StoragePolicyConfig["storageLayout"] != "V2" || m.Contents == nil {
		return nil, badRequest("cannot commit: the manifest is not of version 1, wandb-storage-policy-v1 and layout V2, with contents")
	}
	for _, name := range slices.Sorted(maps.Keys(m.Contents)) {
		if err := checkEntry(name, m.Contents[name]); err != nil {
			return nil, badRequest("cannot commit: " + err.Error())
		}
	}
	return m.Contents, nil
}

func checkEntry(name string, e entry) error {
	if err := checkFileName(name); err != nil {
		return err
	}
	switch {
	case e.Digest == "":
		return fmt.Errorf("%s has no digest", name)
	case e.Size != nil && *e.Size < 0:
		return fmt.Errorf("%s has a negative size", name)
	case strings.HasPrefix(e.Ref, "wandb-client-artifact:"):
		return fmt.Errorf("%s refers to an artifact by its client ID", name)
	case e.Ref != "":
		return nil
	case e.Size == nil:
		return fmt.Errorf("%s has no size", name)
	case e.Birth == "":
		return fmt.Errorf("%s has no birthArtifactID", name)
	}
	return checkDigest(e.Digest, name)
}

// manifestDigest is the digest of an artifact with these contents.
func manifestDigest(contents map[string]entry) string {
	hash := md5.New()
	_, _ = io.WriteString(hash, "wandb-artifact-manifest-v1\n")
	for _, name := range slices.Sorted(maps.Keys(contents)) {
		_, _ = io.WriteString(hash, name+":"+contents[name].Digest+"\n")
	}
	return hex.EncodeToString(hash.Sum(nil))
}

// commitArtifact makes a pending artifact a version, if all of it is there. A second commit changes nothing.
func (s *Server) commitArtifact(input gqlexec.Args) (any, error) {
	id := str(input, "artifactID")
	var a *artifact
	var m manifest
	err := s.change(func(d *data) (err error) {
		if a, err = d.artifact(s, id); err == nil && a.State == pending {
			if a.Manifest == nil || a.Manifest.Stored == "" {
				return badRequest("cannot commit: the artifact manifest was not uploaded")
			}
			if a.Manifest.Stored != a.Manifest.Digest {
				return badRequest(fmt.Sprintf("invalid artifact manifest digest:id %d expected %s, got %s", a.N, a.Manifest.Digest, a.Manifest.Stored))
			}
			m = *a.Manifest
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	if m.ID == "" {
		return gqlexec.Object{"artifact": a}, nil
	}
	contents, err := readManifest(s.blobs, m.Digest)
	if err != nil {
		return nil, err
	}
	if got := manifestDigest(contents); got != a.Digest {
		return nil, badRequest(fmt.Sprintf("cannot commit: the artifact was announced with digest %s, its manifest has %s", a.Digest, got))
	}
	err = s.change(func(d *data) error {
		if a.State == committed {
			return nil
		}
		if a.State != pending || a.Manifest.Digest != m.Digest {
			return refusal(http.StatusConflict, "the artifact changed while it was committed")
		}
		c := d.Collections[a.Collection]
		for _, name := range slices.Sorted(maps.Keys(contents)) {
			if err := d.checkStored(s, a, c, name, contents[name]); err != nil {
				return err
			}
		}
		d.finish(s, a, c, contents)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return gqlexec.Object{"artifact": a}, nil
}

// checkStored checks that a manifest's file is where the manifest says.
func (d *data) checkStored(s *Server, a *artifact, c *collection, name string, e entry) error {
	if e.Ref != "" {
		return nil
	}
	birth := d.Artifacts[e.Birth]
	if birth == nil || birth.Collection != a.Collection {
		return badRequest("cannot commit: " + name + ": its birthArtifactID is not an artifact of this collection")
	}
	if birth != a && birth.State == pending {
		return badRequest("cannot commit: " + name + ": its birthArtifactID is not committed")
	}
	size, ok := birth.Stored[e.Digest]
	if !ok {
		return badRequest("cannot commit: " + name + " was not uploaded")
	}
	if size != *e.Size {
		return badRequest(fmt.Sprintf("cannot commit: %s has %d bytes in the manifest and %d in the storage", name, *e.Size, size))
	}
	if spec, ok := a.specs[name]; ok && spec.digest != e.Digest {
		return badRequest("cannot commit: " + name + " was announced with another digest")
	}
	if born := c.births[fileKey{name, e.Digest}]; birth == a && born != "" && !s.behaviour.Load().NoCommitConflicts {
		// Another version, logged at the same time, was first with this file.
		return refusal(http.StatusConflict, "conflict detected for file digest "+e.Digest+", rebase required")
	}
	return nil
}

// finish makes a pending artifact the newest version of its collection.
func (d *data) finish(s *Server, a *artifact, c *collection, contents map[string]entry) {
	a.setContents(contents)
	for _, e := range contents {
		a.Size += e.size()
	}
	a.Version, a.State, a.Updated, a.specs = c.Next, committed, now(), nil
	c.Next++
	c.versions = append(c.versions, a)
	c.remember(a)
	c.move(a, s.withLatest(a.PendingAliases))
	a.PendingAliases = nil
	d.runsByID[a.RunID].adds(a)
}
