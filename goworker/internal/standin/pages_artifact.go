package standin

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"io"
	"net/http"
	"path"
	"slices"
	"strings"
	"time"
)

// textMax is the most bytes of a text or a metadata document that a page shows.
const textMax = 200_000

// collection lists the versions of an artifact.
func (p *pages) collection(r *http.Request) (string, *page, error) {
	var content struct {
		Type, Description string
		Versions          []versionRow
	}
	err := p.inProject(r, func(d *data, project *project) error {
		c := d.Collections[key(project.key(), r.PathValue("collection"))]
		if c == nil {
			return notFound("There is no artifact " + r.PathValue("collection") + ".")
		}
		content.Type, content.Description = c.Type, c.Description
		for _, a := range slices.Backward(c.versions) {
			content.Versions = append(content.Versions, d.versionRow(a))
		}
		return nil
	})
	entity, name := r.PathValue("entity"), r.PathValue("project")
	return "collection", &page{
		Title: r.PathValue("collection"), Trail: trail(entity, name, crumb{"Artifacts", link(entity, name) + "#artifacts"}), Data: content,
	}, err
}

type artifactPage struct {
	versionRow
	ID, Digest, Description, Metadata string
	Cut                               bool // the metadata is longer than what is shown
	Tags                              []string
	CreatedBy                         *runRow
	UsedBy                            []runRow
	Tables, List                      []fileRow
	Pager                             pager
	Versions                          []versionRow
}

// artifact shows a version.
func (p *pages) artifact(r *http.Request) (string, *page, error) {
	var content artifactPage
	err := p.inVersion(r, func(d *data, a *artifact) error {
		content = artifactPage{
			versionRow: d.versionRow(a), ID: a.ID, Digest: a.Digest, Description: a.Description, Tags: slices.Clone(a.Tags),
			Metadata: indented([]byte(a.Metadata)), Pager: newPager(r, len(a.names), shownPerPage),
		}
		if content.Cut = len(content.Metadata) > textMax; content.Cut {
			content.Metadata = content.Metadata[:textMax]
		}
		if by := d.runsByID[a.RunID]; by != nil && !by.Deleted {
			row := p.runRow(d, by)
			content.CreatedBy = &row
		}
		for _, user := range d.usersOf(a) {
			content.UsedBy = append(content.UsedBy, p.runRow(d, user))
		}
		for _, name := range a.names {
			if isTable(name) {
				content.Tables = append(content.Tables, d.fileRow(a, name))
			}
		}
		content.Tables = withoutParts(content.Tables)
		for _, name := range a.names[max(content.Pager.First-1, 0):content.Pager.Last] {
			content.List = append(content.List, d.fileRow(a, name))
		}
		for _, other := range slices.Backward(d.Collections[a.Collection].versions) {
			content.Versions = append(content.Versions, d.versionRow(other))
		}
		return nil
	})
	return "artifact", &page{Title: content.Name + ":" + content.Version, Trail: versionTrail(r, ""), Data: content}, err
}

// inVersion runs fn on a request's committed version with the data locked for reading.
func (p *pages) inVersion(r *http.Request, fn func(d *data, a *artifact) error) error {
	return p.inProject(r, func(d *data, project *project) error {
		m := d.Collections[key(project.key(), r.PathValue("collection"))].member(d, r.PathValue("version"))
		if m == nil || m.collection.Type != r.PathValue("type") {
			return notFound("There is no version " + r.PathValue("version") + " of an artifact " + r.PathValue("collection") + ".")
		}
		return fn(d, m.artifact)
	})
}

// versionTrail is the way to a version, or to a file of it.
func versionTrail(r *http.Request, file string) []crumb {
	entity, project, collection := r.PathValue("entity"), r.PathValue("project"), r.PathValue("collection")
	base := link(entity, project, "artifacts", r.PathValue("type"), collection)
	out := trail(entity, project, crumb{"Artifacts", link(entity, project) + "#artifacts"}, crumb{collection, base})
	if file != "" {
		out = append(out, crumb{r.PathValue("version"), base + link(r.PathValue("version"))})
	}
	return out
}

func isTable(name string) bool {
	return strings.HasSuffix(name, ".table.json") || isPartitioned(name)
}

func isPartitioned(name string) bool { return strings.HasSuffix(name, ".partitioned-table.json") }

// withoutParts leaves out the tables that are parts of a partitioned one beside them.
func withoutParts(tables []fileRow) []fileRow {
	return slices.DeleteFunc(slices.Clone(tables), func(t fileRow) bool {
		return slices.ContainsFunc(tables, func(whole fileRow) bool {
			return isPartitioned(whole.Name) && strings.HasPrefix(t.Name, strings.TrimSuffix(whole.Name, ".partitioned-table.json")+"_parts/")
		})
	})
}

func (d *data) fileRow(a *artifact, name string) fileRow {
	e := a.contents[name]
	row := fileRow{Name: name, Size: e.size(), Href: d.fileHref(a, name)}
	if e.Ref != "" {
		row.Note = "refers to " + e.Ref
		if target, inner := d.locate(a, name); target != nil {
			row.Note, row.Size = "in another artifact", target.contents[inner].size()
		} else {
			row.Href = ""
		}
	}
	return row
}

func (d *data) fileHref(a *artifact, name string) string {
	return d.Collections[a.Collection].href(a.version()) + "/files/" + filePath(name)
}

// followURI finds the file that a wandb-artifact or wandb-client-artifact URI names; nil if it is not here.
func (d *data) followURI(uri string) (*artifact, string) {
	scheme, rest, _ := strings.Cut(uri, "://")
	id, name, _ := strings.Cut(rest, "/")
	id, _, _ = strings.Cut(id, ":")
	var a *artifact
	switch scheme {
	case "wandb-artifact":
		raw, _ := hex.DecodeString(id)
		a = d.Artifacts[base64.StdEncoding.EncodeToString(raw)]
	case "wandb-client-artifact":
		a = d.byClient[id]
	}
	if a == nil || a.State != committed {
		return nil, ""
	}
	if _, ok := a.contents[name]; !ok {
		return nil, ""
	}
	return a, name
}

// locate follows references to other artifacts to where a file's bytes are; nil if they are not here.
func (d *data) locate(a *artifact, name string) (*artifact, string) {
	for range 10 { // references in a circle end
		e, ok := a.contents[name]
		if !ok {
			return nil, ""
		}
		if e.Ref == "" {
			return a, name
		}
		if a, name = d.followURI(e.Ref); a == nil {
			return nil, ""
		}
	}
	return nil, ""
}

// stored is the digest of a file's bytes, wherever they are; empty if they are not here.
func (d *data) stored(a *artifact, name string) string {
	if a, name = d.locate(a, name); a == nil {
		return ""
	}
	return a.contents[name].Digest
}

type filePage struct {
	Name, Raw, Text, Kind string
	Size                  int64
}

// file shows a file of a version: tables as such, pictures and texts as they are.
func (p *pages) file(r *http.Request) (string, *page, error) {
	name := r.PathValue("path")
	if isTable(name) {
		return p.table(r, name)
	}
	var digest string
	content := filePage{Name: name, Raw: strings.Replace(r.URL.EscapedPath(), "/files/", "/raw/", 1)}
	err := p.inVersion(r, func(d *data, a *artifact) error {
		if digest = d.stored(a, name); digest == "" {
			return notFound("The version has no file " + name + " in this storage.")
		}
		content.Size = d.fileRow(a, name).Size
		return nil
	})
	if err == nil {
		content.Kind, content.Text, err = p.preview(name, digest)
	}
	return "file", &page{Title: path.Base(name), Trail: versionTrail(r, name), Data: content}, err
}

// preview says how a file is shown: as image, as text, or not at all.
func (p *pages) preview(name, digest string) (kind, text string, err error) {
	if strings.HasPrefix(safeType(name), "image/") {
		return "image", "", nil
	}
	file, err := p.server.blobs.open(digest)
	if err != nil {
		return "", "", err
	}
	defer func() { _ = file.Close() }()
	head, err := io.ReadAll(io.LimitReader(file, textMax))
	if err != nil || bytes.IndexByte(head, 0) >= 0 {
		return "binary", "", err
	}
	if strings.HasSuffix(name, ".json") && len(head) < textMax {
		head = []byte(indented(head))
	}
	return "text", strings.ToValidUTF8(string(head), "\uFFFD"), nil
}

// indented is JSON made readable; what is not JSON stays as it is.
func indented(text json.RawMessage) string {
	var out bytes.Buffer
	if json.Indent(&out, text, "", "  ") != nil {
		return string(text)
	}
	return out.String()
}

// raw answers with the bytes of a file of a version.
func (p *pages) raw(w http.ResponseWriter, r *http.Request) {
	var digest string
	err := p.inVersion(r, func(d *data, a *artifact) error {
		if digest = d.stored(a, r.PathValue("path")); digest == "" {
			return notFound("The version has no such file in this storage.")
		}
		return nil
	})
	if err != nil {
		p.show(w, r, func(*http.Request) (string, *page, error) { return "", nil, err })
		return
	}
	p.serveUntrusted(w, r, r.PathValue("path"), digest)
}

// safeType is the media type under which a file may be shown: pictures that cannot hold
// scripts, text, or just bytes.
func safeType(name string) string {
	switch strings.ToLower(path.Ext(name)) {
	case ".png":
		return "image/png"
	case ".jpg", ".jpeg":
		return "image/jpeg"
	case ".gif":
		return "image/gif"
	case ".webp":
		return "image/webp"
	case ".bmp":
		return "image/bmp"
	case ".json", ".txt", ".md", ".csv", ".log", ".yaml", ".yml", ".py":
		return "text/plain; charset=utf-8"
	}
	return "application/octet-stream"
}

// serveUntrusted answers with bytes that somebody logged, so that a browser runs nothing of them.
func (p *pages) serveUntrusted(w http.ResponseWriter, r *http.Request, name, digest string) {
	file, err := p.server.blobs.open(digest)
	if err != nil {
		p.show(w, r, func(*http.Request) (string, *page, error) { return "", nil, notFound("The file is gone.") })
		return
	}
	defer func() { _ = file.Close() }()
	w.Header().Set("Content-Security-Policy", "default-src 'none'; sandbox")
	w.Header().Set("Content-Type", safeType(name))
	w.Header().Set("Cache-Control", "no-cache")
	w.Header().Set("ETag", `"`+digest+`"`)
	http.ServeContent(w, r, "", time.Time{}, file)
}
