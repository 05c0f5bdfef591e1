package standin

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/standin/gqlexec"
)

// membership is a version as a member of its collection.
type membership struct {
	collection *collection
	artifact   *artifact
	index      int // its number there
}

// membership finds a version by "collection:alias"; nil if there is none.
func (d *data) membership(p *project, name string) *membership {
	collectionName, alias := splitAlias(name)
	return d.Collections[key(p.key(), collectionName)].member(d, alias)
}

func (c *collection) member(d *data, alias string) *membership {
	if c == nil {
		return nil
	}
	if a := c.find(d, alias); a != nil {
		return c.memberOf(a)
	}
	return nil
}

func (d *data) collectionByID(id string) *collection {
	for _, c := range d.Collections {
		if c.ID == id {
			return c
		}
	}
	return nil
}

func (s *Server) artifactTypeFields() map[string]gqlexec.Resolver {
	return map[string]gqlexec.Resolver{
		"id":          on(func(t *artifactType) any { return t.ID }),
		"name":        on(func(t *artifactType) any { return t.Name }),
		"description": constant(nil),
		"createdAt":   on(func(t *artifactType) any { return t.Created }),
		"artifactCollections": with(func(t *artifactType, args gqlexec.Args) (any, error) {
			return s.collections(t.project, t.Name, args)
		}),
		"artifactCollection": with(func(t *artifactType, args gqlexec.Args) (any, error) {
			if c := s.data.Collections[key(t.project, str(args, "name"))]; c != nil && c.Type == t.Name {
				return c, nil
			}
			return nil, nil
		}),
	}
}

// collectionsOf are a project's collections that have a version, oldest first; kind "" is every type.
func (d *data) collectionsOf(projectKey, kind string) []*collection {
	return sorted(d.Collections, func(c *collection) bool {
		return c.projectKey() == projectKey && (kind == "" || c.Type == kind) && len(c.members(d)) > 0
	}, func(c *collection) int64 { return c.N })
}

func (s *Server) collections(projectKey, kind string, args gqlexec.Args) (any, error) {
	get := func(c *collection, field string) (any, error) {
		switch field {
		case "name":
			return c.Name, nil
		case "description":
			return opt(c.Description), nil
		case "createdAt", "created_at":
			return c.Created.Format(time.RFC3339), nil
		case "updatedAt", "updated_at":
			return c.Updated.Format(time.RFC3339), nil
		case "tags", "tag":
			return anySlice(c.Tags), nil
		case "state":
			return "READY", nil
		}
		return nil, badRequest("unknown key " + field + " in the filters or the order")
	}
	list, err := filtered(s.data.collectionsOf(projectKey, kind), str(args, "filters"), str(args, "order"), "-createdAt", get)
	if err != nil {
		return nil, err
	}
	return connection(s, list, args, node[*collection])
}

func (s *Server) collectionFields() map[string]gqlexec.Resolver {
	return map[string]gqlexec.Resolver{
		"id":                  on(func(c *collection) any { return c.ID }),
		"name":                on(func(c *collection) any { return c.Name }),
		"description":         on(func(c *collection) any { return opt(c.Description) }),
		"createdAt":           on(func(c *collection) any { return c.Created }),
		"updatedAt":           on(func(c *collection) any { return c.Updated }),
		"state":               constant("READY"),
		"project":             on(func(c *collection) any { return s.data.Projects[c.projectKey()] }),
		"defaultArtifactType": on(func(c *collection) any { return s.data.Projects[c.projectKey()].Types[c.Type] }),
		"tags": on(func(c *collection) any {
			edges := []gqlexec.Object{}
			for i, t := range tags(c.Tags) {
				edges = append(edges, gqlexec.Object{"node": t, "cursor": cursor(i + 1)})
			}
			return gqlexec.Object{"edges": edges, "pageInfo": gqlexec.Object{"hasNextPage": false, "hasPreviousPage": false}}
		}),
		"aliases": with(func(c *collection, args gqlexec.Args) (any, error) {
			names := slices.Sorted(maps.Keys(c.Aliases))
			return connection(s, names, args, func(name string) gqlexec.Object { return node(s.data.aliasObject(c, name)) })
		}),
		"artifacts": with(s.versions),
		"artifactMembership": with(func(c *collection, args gqlexec.Args) (any, error) {
			return c.member(s.data, str(args, "aliasName")), nil
		}),
		"latestArtifact": on(func(c *collection) any {
			if len(c.versions) == 0 {
				return nil
			}
			return c.versions[len(c.versions)-1]
		}),
		"digestAlgorithm": constant("MANIFEST_MD5"),
	}
}

func (s *Server) versions(c *collection, args gqlexec.Args) (any, error) {
	get := func(a *artifact, field string) (any, error) {
		head, rest, _ := strings.Cut(field, ".")
		switch head {
		case "versionIndex":
			return float64(c.memberOf(a).index), nil
		case "name", "version":
			return fmt.Sprintf("v%d", c.memberOf(a).index), nil
		case "state":
			return a.State, nil
		case "digest":
			return a.Digest, nil
		case "size":
			return float64(a.Size), nil
		case "createdAt", "created_at":
			return a.Created.Format(time.RFC3339), nil
		case "updatedAt", "updated_at":
			return a.Updated.Format(time.RFC3339), nil
		case "tags", "tag":
			return anySlice(a.Tags), nil
		case "alias", "aliases":
			return anySlice(c.aliasesOf(a.ID)), nil
		case "metadata":
			var metadata any
			_ = json.Unmarshal([]byte(a.Metadata), &metadata) // it was checked when it came
			return dig(metadata, strings.Split(rest, ".")), nil
		}
		return nil, badRequest("unknown key " + field + " in the filters or the order")
	}
	list, err := filtered(c.members(s.data), str(args, "filters"), str(args, "order"), "-versionIndex", get)
	if err != nil {
		return nil, err
	}
	return connection(s, list, args, func(a *artifact) gqlexec.Object {
		return gqlexec.Object{"node": a, "version": fmt.Sprintf("v%d", c.memberOf(a).index)}
	})
}

func tags(names []string) []gqlexec.Object {
	out := []gqlexec.Object{}
	for _, name := range names {
		out = append(out, gqlexec.Object{"id": opaque("Tag", name), "name": name, "tagCategoryName": "", "attributes": "{}"})
	}
	return out
}

func (d *data) aliasObject(c *collection, name string) gqlexec.Object {
	return gqlexec.Object{
		"id": opaque("ArtifactAlias", c.key()+":"+name), "alias": name, "artifact": c.find(d, name),
		"artifactCollection": c, "artifactCollectionName": c.Name,
	}
}

func (s *Server) collectionOf(a *artifact) *collection { return s.data.Collections[a.Collection] }

// aliasObjects are the names of a version, vN among them.
func (d *data) aliasObjects(c *collection, a *artifact) []gqlexec.Object {
	out := []gqlexec.Object{}
	for _, name := range c.aliasesOf(a.ID) {
		out = append(out, d.aliasObject(c, name))
	}
	if index := c.memberOf(a).index; index >= 0 {
		out = append(out, d.aliasObject(c, fmt.Sprintf("v%d", index)))
	}
	return out
}

func versionIndex(a *artifact) any {
	if a.Version < 0 {
		return nil
	}
	return a.Version
}

func (s *Server) artifactFields() map[string]gqlexec.Resolver {
	return map[string]gqlexec.Resolver{
		"id":               on(func(a *artifact) any { return a.ID }),
		"artifactSequence": on(func(a *artifact) any { return s.collectionOf(a) }),
		"artifactType": on(func(a *artifact) any {
			c := s.collectionOf(a)
			return s.data.Projects[c.projectKey()].Types[c.Type]
		}),
		"versionIndex": on(func(a *artifact) any { return versionIndex(a) }),
		"description":  on(func(a *artifact) any { return opt(a.Description) }),
		"metadata":     on(func(a *artifact) any { return opt(a.Metadata) }),
		"labels":       constant(nil),
		"ttlDurationSeconds": on(func(a *artifact) any {
			if a.TTL == nil {
				return -2 // inherited
			}
			return *a.TTL
		}),
		"ttlIsInherited":  on(func(a *artifact) any { return a.TTL == nil }),
		"tags":            on(func(a *artifact) any { return tags(a.Tags) }),
		"historyStep":     on(func(a *artifact) any { return number(a.HistoryStep) }),
		"state":           on(func(a *artifact) any { return a.State }),
		"size":            on(func(a *artifact) any { return a.Size }),
		"digest":          on(func(a *artifact) any { return a.Digest }),
		"digestAlgorithm": constant("MANIFEST_MD5"),
		"commitHash":      on(func(a *artifact) any { return a.CommitHash }),
		"fileCount":       on(func(a *artifact) any { return len(a.contents) }),
		"createdAt":       on(func(a *artifact) any { return a.Created }),
		"updatedAt":       on(func(a *artifact) any { return a.Updated }),
		"aliases": on(func(a *artifact) any {
			out := s.data.aliasObjects(s.collectionOf(a), a)
			for _, c := range s.data.linkedTo(a) {
				out = append(out, s.data.aliasObjects(c, a)...)
			}
			return out
		}),
		"artifactMemberships": with(func(a *artifact, args gqlexec.Args) (any, error) {
			all := []*membership{s.collectionOf(a).memberOf(a)}
			for _, c := range s.data.linkedTo(a) {
				all = append(all, c.memberOf(a))
			}
			return connection(s, all, args, node[*membership])
		}),
		"currentManifest":        on(func(a *artifact) any { return s.manifestObject(a) }),
		"files":                  with(s.artifactFiles),
		"filesByManifestEntries": with(s.filesByEntries),
		"createdBy": on(func(a *artifact) any {
			if r := s.data.runsByID[a.RunID]; r != nil && !r.Deleted {
				return r
			}
			return person{}
		}),
		"usedBy": func(_ context.Context, source any, args gqlexec.Args) (any, error) {
			return connection(s, s.data.usersOf(source.(*artifact)), args, node[*run])
		},
	}
}

// usersOf are the runs that use an artifact as input.
func (d *data) usersOf(a *artifact) []*run {
	return sorted(d.Runs, func(r *run) bool { return !r.Deleted && slices.Contains(r.Inputs, a.ID) }, func(r *run) int64 { return r.N })
}

func (s *Server) membershipFields() map[string]gqlexec.Resolver {
	return map[string]gqlexec.Resolver{
		"id": on(func(m *membership) any { return opaque("ArtifactCollectionMembership", m.artifact.ID) }),
		"versionIndex": on(func(m *membership) any {
			if m.index < 0 {
				return nil
			}
			return m.index
		}),
		"createdAt":          on(func(m *membership) any { return m.artifact.Created }),
		"aliases":            on(func(m *membership) any { return s.data.aliasObjects(m.collection, m.artifact) }),
		"artifactCollection": on(func(m *membership) any { return m.collection }),
		"artifact":           on(func(m *membership) any { return m.artifact }),
		"files": with(func(m *membership, args gqlexec.Args) (any, error) {
			return s.artifactFiles(m.artifact, args)
		}),
	}
}

// file is a file of an artifact or a run; key is empty for a reference, whose digest is its URI.
type file struct {
	id, name, key, digest, ref string
	size                       int64
	updated                    time.Time
	birth                      *artifact
	upload                     *upload
}

// upload is how a file is to be sent; nil where it need not be.
type upload struct {
	url        string
	headers    []string
	multiparts gqlexec.Object
}

func (s *Server) fileFields() map[string]gqlexec.Resolver {
	direct := on(func(f *file) any {
		if f.key == "" {
			return f.ref
		}
		return s.signedURL(http.MethodGet, f.key)
	})
	return map[string]gqlexec.Resolver{
		"id": on(func(f *file) any { return f.id }), "name": on(func(f *file) any { return f.name }),
		"displayName": on(func(f *file) any { return f.name }), "url": direct, "directUrl": direct,
		"sizeBytes":   on(func(f *file) any { return f.size }),
		"storagePath": on(func(f *file) any { return opt(f.key) }),
		"mimetype":    on(func(f *file) any { return contentType(f.name, "") }),
		"updatedAt": on(func(f *file) any {
			if f.updated.IsZero() {
				return nil
			}
			return f.updated
		}),
		"digest": on(func(f *file) any { return f.digest }),
		"md5": on(func(f *file) any {
			if f.key == "" {
				return nil
			}
			return f.digest
		}),
		"uploadUrl": on(func(f *file) any {
			if f.upload == nil {
				return nil
			}
			return f.upload.url
		}),
		"uploadHeaders": on(func(f *file) any {
			if f.upload == nil {
				return []string{}
			}
			return f.upload.headers
		}),
		"uploadMultipartUrls": on(func(f *file) any {
			if f.upload == nil {
				return nil
			}
			return f.upload.multiparts
		}),
		"artifact": on(func(f *file) any { return f.birth }),
	}
}

// fileOf is an entry of an artifact as a file.
func (d *data) fileOf(a *artifact, name string, e entry) *file {
	f := &file{id: opaque("File", a.ID+"/"+name), name: name, digest: e.Digest, size: e.size(), updated: a.Created, ref: e.Ref}
	if e.Ref == "" {
		if f.birth = d.Artifacts[e.Birth]; f.birth == nil {
			f.birth = a
		}
		f.key = d.objectKey(f.birth, e.Digest)
	}
	return f
}

func (s *Server) artifactFiles(a *artifact, args gqlexec.Args) (any, error) {
	names := a.names
	if args["names"] != nil {
		names = nil
		for _, name := range strs(args, "names") {
			if _, ok := a.contents[name]; ok {
				names = append(names, name)
			}
		}
	}
	return connection(s, names, args, func(name string) gqlexec.Object {
		return node(s.data.fileOf(a, name, a.contents[name]))
	})
}

// filesByEntries gives the files of the manifest entries that the caller holds, in their order.
func (s *Server) filesByEntries(a *artifact, args gqlexec.Args) (any, error) {
	var files []*file
	for _, e := range objects(args, "entries") {
		name, digest, birth := str(e, "name"), str(e, "digest"), s.data.Artifacts[str(e, "birthArtifactID")]
		if birth == nil {
			birth = a
		}
		size, stored := birth.Stored[digest]
		if !stored {
			return nil, notFound("the artifact has no file " + name)
		}
		files = append(files, s.data.fileOf(a, name, entry{Digest: digest, Birth: birth.ID, Size: &size}))
	}
	return connection(s, files, gqlexec.Args{"first": int64(len(files))}, node[*file])
}
