package standin

import (
	"cmp"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"os"
	"path"
	"slices"
	"strings"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/standin/gqlexec"
)

// multipart is an upload in parts that is not complete.
type multipart struct {
	artifact, digest string
	parts            []string         // the announced digests in base64, in order
	done             map[int64]string // the digests of what came, by part number
}

// createArtifactManifest announces a manifest: first without its digest, to have an ID for
// the files, then with it, to have a URL to send it to.
func (s *Server) createArtifactManifest(input gqlexec.Args) (any, error) {
	digest, err := announcedDigest(input)
	if err != nil {
		return nil, err
	}
	var object any
	err = s.change(func(d *data) error {
		a, err := d.pendingArtifact(s, str(input, "artifactID"))
		if err != nil {
			return err
		}
		if name := str(input, "runName"); name != "" {
			if _, err := d.runByName(s, str(input, "entityName"), str(input, "projectName"), name); err != nil {
				return err
			}
		}
		if base := str(input, "baseArtifactID"); base != "" {
			if _, err := d.artifact(s, base); err != nil {
				return err
			}
		}
		if kind := str(input, "type"); kind != "" && kind != "FULL" {
			return badRequest("this stand-in takes full manifests only")
		}
		if a.Manifest == nil {
			a.Manifest = &manifest{ID: opaque("ArtifactManifest", d.next()), Name: str(input, "name")}
		}
		a.Manifest.renew(digest)
		object = s.manifestObject(a)
		return nil
	})
	return gqlexec.Object{"artifactManifest": object}, err
}

// announcedDigest is the digest that a manifest is announced with; empty for none yet.
func announcedDigest(input gqlexec.Args) (string, error) {
	digest := str(input, "digest")
	if digest == "" {
		return "", nil
	}
	return digest, checkDigest(digest, "the manifest")
}

// renew announces another digest; what lies there stays.
func (m *manifest) renew(digest string) {
	if digest != "" {
		m.Digest = digest
	}
}

func (s *Server) updateArtifactManifest(input gqlexec.Args) (any, error) {
	digest, err := announcedDigest(input)
	if err != nil {
		return nil, err
	}
	var object any
	err = s.change(func(d *data) error {
		for _, a := range d.Artifacts {
			if a.State == pending && a.Manifest != nil && a.Manifest.ID == str(input, "artifactManifestID") {
				a.Manifest.renew(digest)
				object = s.manifestObject(a)
				return nil
			}
		}
		return notFound("artifact manifest not found")
	})
	return gqlexec.Object{"artifactManifest": object}, err
}

// manifestObject is an artifact's manifest as its file; nil if it has none.
func (s *Server) manifestObject(a *artifact) any {
	if a.Manifest == nil {
		return nil
	}
	f := &file{
		id: opaque("File", manifestKey(a)), name: a.Manifest.Name, key: manifestKey(a), digest: a.Manifest.Digest,
		size: a.Manifest.Size, updated: a.Created, birth: a,
	}
	if a.State == pending && a.Manifest.Digest != "" {
		f.upload = s.newUpload(f.key, f.digest, "application/json")
	}
	return gqlexec.Object{"id": a.Manifest.ID, "file": f}
}

// newUpload signs a URL for one body.
func (s *Server) newUpload(storageKey, digest, media string) *upload {
	headers := []header{{"Content-MD5", digest}, {"Content-Type", media}}
	return &upload{
		url:     s.signedURL(http.MethodPut, storageKey, headers...),
		headers: []string{"Content-MD5:" + digest, "Content-Type:" + media},
	}
}

// contentType is a file's media type: the given one, or by its name.
func contentType(name, given string) string {
	if given != "" {
		return given
	}
	return cmp.Or(mime.TypeByExtension(path.Ext(name)), "application/octet-stream")
}

// createArtifactFiles answers, for each file, where it is stored and how to send it if it is not there yet.
func (s *Server) createArtifactFiles(input gqlexec.Args) (any, error) {
	specs := objects(input, "artifactFiles")
	s.stats.batch(len(specs))
	if most := s.limits.Load().MaxBatch; len(specs) > most {
		return nil, badRequest(fmt.Sprintf("at most %d files in one request, not %d", most, len(specs)))
	}
	if str(input, "storageLayout") != "V2" {
		return nil, badRequest("the storage layout is V2")
	}
	for _, spec := range specs {
		if err := errors.Join(checkFileName(str(spec, "name")), checkDigest(str(spec, "md5"), str(spec, "name"))); err != nil {
			return nil, badRequest(err.Error())
		}
	}
	edges := make([]gqlexec.Object, len(specs))
	err := s.change(func(d *data) error {
		for i, spec := range specs {
			f, err := d.announce(s, spec)
			if err != nil {
				return err
			}
			edges[i] = gqlexec.Object{"node": f, "cursor": cursor(i + 1)}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return gqlexec.Object{"files": gqlexec.Object{
		"edges": edges, "totalCount": len(edges), "pageInfo": gqlexec.Object{"hasNextPage": false, "hasPreviousPage": false},
	}}, nil
}

// announce is createArtifactFiles for one file.
func (d *data) announce(s *Server, spec gqlexec.Args) (*file, error) {
	a, err := d.pendingArtifact(s, str(spec, "artifactID"))
	if err != nil {
		return nil, err
	}
	name, digest := str(spec, "name"), str(spec, "md5")
	if id := str(spec, "artifactManifestID"); id != "" && (a.Manifest == nil || a.Manifest.ID != id) {
		return nil, notFound("artifact manifest " + id + " not found")
	}
	birth := a
	if known := d.Collections[a.Collection].births[fileKey{name, digest}]; known != "" {
		birth = d.Artifacts[known]
	}
	a.specs[name] = fileSpec{digest: digest, birth: birth.ID}
	f := &file{id: opaque("File", a.ID+"/"+name), name: name, digest: digest, key: d.objectKey(birth, digest), birth: birth}
	// Only what a committed version has is known to be there; what a pending one has is asked for again.
	if _, stored := birth.Stored[digest]; stored && (birth.State != pending || s.behaviour.Load().NoPendingURLs) {
		return f, nil
	}
	media := contentType(name, str(spec, "mimetype"))
	f.upload = s.newUpload(f.key, digest, media)
	if parts := objects(spec, "uploadPartsInput"); len(parts) > 0 {
		f.upload = &upload{url: s.signedURL(http.MethodPut, f.key, header{"Content-Type", media}), headers: []string{"Content-Type:" + media}}
		f.upload.multiparts, err = d.newMultipart(s, a, digest, media, parts)
	}
	return f, err
}

// newMultipart begins an upload in parts.
func (d *data) newMultipart(s *Server, a *artifact, digest, media string, parts []gqlexec.Args) (gqlexec.Object, error) {
	raw := make([]byte, 12)
	_, _ = rand.Read(raw) // never fails: it ends the process instead
	id := hex.EncodeToString(raw)
	m := &multipart{artifact: a.ID, digest: digest, done: map[int64]string{}}
	urls := make([]gqlexec.Object, len(parts))
	for i, part := range parts {
		sum, err := hex.DecodeString(str(part, "hexMD5"))
		if part["partNumber"] != int64(i+1) || err != nil || len(sum) != 16 {
			return nil, badRequest("the parts of an upload are numbered from 1 and have the hex of an MD5 each")
		}
		partDigest := base64.StdEncoding.EncodeToString(sum)
		m.parts = append(m.parts, partDigest)
		urls[i] = gqlexec.Object{"partNumber": i + 1, "uploadUrl": s.signedURL(http.MethodPut, fmt.Sprintf("multipart/%s/%d", id, i+1),
			header{"Content-MD5", partDigest}, header{"Content-Type", media})}
	}
	d.multiparts[id] = m
	return gqlexec.Object{"uploadID": id, "uploadUrlParts": urls}, nil
}

// completeMultipart puts the parts of an upload together.
func (s *Server) completeMultipart(input gqlexec.Args) (any, error) {
	id, completed := str(input, "uploadID"), objects(input, "completedParts")
	var m multipart
	err := s.change(func(d *data) error {
		found := d.multiparts[id]
		if found == nil || found.artifact != str(input, "artifactID") ||
			d.objectKey(d.Artifacts[found.artifact], found.digest) != str(input, "storagePath") {
			return notFound("there is no such upload of that artifact under that path")
		}
		m = *found
		m.done = nil
		if len(completed) != len(m.parts) {
			return badRequest(fmt.Sprintf("the upload has %d parts, not %d", len(m.parts), len(completed)))
		}
		for i, part := range completed {
			sum, err := hex.DecodeString(strings.Trim(str(part, "hexMD5"), `"`))
			digest := base64.StdEncoding.EncodeToString(sum)
			if err != nil || part["partNumber"] != int64(i+1) || digest != m.parts[i] || found.done[int64(i+1)] != digest {
				return badRequest(fmt.Sprintf("part %d is not what was announced and sent", i+1))
			}
		}
		delete(d.multiparts, id)
		return nil
	})
	if err != nil {
		return nil, err
	}
	size, err := s.assemble(m)
	if err != nil {
		return nil, err
	}
	err = s.change(func(d *data) error {
		a, err := d.pendingArtifact(s, m.artifact)
		if err == nil {
			a.Stored[m.digest] = size
		}
		return err
	})
	return gqlexec.Object{"digest": m.digest}, err
}

// assemble makes one file of an upload's parts and removes them.
func (s *Server) assemble(m multipart) (size int64, err error) {
	readers, files := make([]io.Reader, len(m.parts)), make([]*os.File, len(m.parts))
	defer func() {
		for _, f := range files {
			if f != nil {
				_ = f.Close()
			}
		}
	}()
	for i, digest := range m.parts {
		if files[i], err = s.parts.open(digest); err != nil {
			return 0, err
		}
		readers[i] = files[i]
	}
	err = s.blobs.put(io.MultiReader(readers...), func(sum []byte, n int64) error {
		size = n
		if base64.StdEncoding.EncodeToString(sum) != m.digest {
			return badRequest("the parts together do not have the MD5 that was announced")
		}
		return nil
	})
	if err != nil {
		return 0, err
	}
	for _, digest := range slices.Compact(slices.Sorted(slices.Values(m.parts))) {
		s.parts.remove(digest)
	}
	return size, nil
}
