package standin

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"time"
)

// data is everything but the files' bytes. Maps are keyed by "entity/project[/name]"
// for what has a name and by ID for the rest. What is not exported is rebuilt on loading.
type data struct {
	Seq         int64
	Projects    map[string]*project
	Runs        map[string]*run
	Collections map[string]*collection
	Artifacts   map[string]*artifact
	Views       map[string]*view

	runsByID   map[string]*run
	byClient   map[string]*artifact
	multiparts map[string]*multipart
}

type project struct {
	ID, Entity, Name, Description string
	N                             int64
	Created                       time.Time
	Types                         map[string]*artifactType
}

type artifactType struct {
	ID, Name, project string
	Created           time.Time
}

type run struct {
	N                                               int64
	ID, Entity, Project, Name                       string
	DisplayName, Description, Notes, Group, JobType string
	Host, Program, Commit, Sweep                    string
	User                                            string // for whom it was made; empty for the one user
	Tags                                            []string
	State                                           string
	States                                          []string // every state it was in, in order
	Config, Summary                                 string   // JSON, as it came
	Created, Heartbeat                              time.Time
	ExitCode                                        *int64
	Stopped, Deleted                                bool
	Streams                                         map[string][]string
	Files                                           map[string]*runFile
	Outputs, Inputs                                 []string
	UsedAs                                          map[string][]string // the names of inputs, by artifact ID
	Upserts, StreamPosts                            int
	PostsAfterEnd                                   int // posts that woke a run which had ended
}

type runFile struct {
	Name, MD5 string // MD5 in base64
	Size      int64
	At        time.Time
	// Named says that file_stream has named it as uploaded.
	Named bool
}

type collection struct {
	N                                            int64
	ID, Entity, Project, Name, Type, Description string
	Created, Updated                             time.Time
	Aliases                                      map[string]string // alias -> artifact ID
	Tags                                         []string
	Next                                         int
	Links                                        []string // of a registry's collection: the artifacts that are its v0, v1, …

	versions []*artifact        // committed and not deleted, oldest first
	births   map[fileKey]string // where a file of a committed version was first stored
}

// fileKey is what makes a file of a collection the same file.
type fileKey struct{ name, digest string }

type artifact struct {
	N                         int64
	ID, Collection            string // Collection is the collection's key
	Digest, State, CommitHash string
	Description               string
	Metadata                  string // JSON, as it came; empty if there is none
	Tags, PendingAliases      []string
	Version                   int // -1 until it is committed
	RunID                     string
	ClientID, Sequence        string
	Manifest                  *manifest
	Stored                    map[string]int64 // sizes of the files that were uploaded for it, by digest; only while it is pending
	Size                      int64
	HistoryStep, TTL          *int64
	Created, Updated          time.Time

	contents map[string]entry
	names    []string // of the contents, sorted
	specs    map[string]fileSpec
}

// fileSpec is what createArtifactFiles was told, and answered, about one file.
type fileSpec struct{ digest, birth string }

type manifest struct {
	ID, Name, Digest string // Digest in base64, empty until it is known
	Stored           string // the digest of what was uploaded; empty if nothing was
	Size             int64
}

// entry is a file of a manifest.
type entry struct {
	Digest string          `json:"digest"`
	Size   *int64          `json:"size"`
	Birth  string          `json:"birthArtifactID"`
	Ref    string          `json:"ref"`
	Extra  json.RawMessage `json:"extra"`
}

func (e entry) size() int64 {
	if e.Size == nil {
		return 0
	}
	return *e.Size
}

type view struct {
	N                               int64
	ID, Entity, Project, Type, Name string
	DisplayName, Description, Spec  string
	Created, Updated                time.Time
}

// setContents gives an artifact the files of its manifest.
func (a *artifact) setContents(contents map[string]entry) {
	a.contents = contents
	a.names = slices.Sorted(maps.Keys(contents))
	if a.Stored != nil {
		return
	}
	a.Stored = map[string]int64{}
	for _, e := range contents {
		if e.Birth == a.ID && e.Ref == "" {
			a.Stored[e.Digest] = e.size()
		}
	}
}

// MarshalJSON leaves out what the manifest of a committed artifact says.
func (a *artifact) MarshalJSON() ([]byte, error) {
	type plain artifact
	out := plain(*a)
	if a.State != pending {
		out.Stored = nil
	}
	return json.Marshal(out)
}

// The states of an artifact.
const (
	pending   = "PENDING"
	committed = "COMMITTED"
	deleted   = "DELETED"
)

func newData() *data {
	d := &data{
		// Ids are W&B's own all over the world, and its client keeps artifacts by them: those
		// of two servers must differ.
		Seq: 1000 + rand.Int64N(1<<40), Projects: map[string]*project{}, Runs: map[string]*run{}, Collections: map[string]*collection{},
		Artifacts: map[string]*artifact{}, Views: map[string]*view{},
	}
	d.index()
	return d
}

// index rebuilds what follows from the rest, but for the contents of artifacts.
func (d *data) index() {
	d.runsByID = map[string]*run{}
	d.byClient = map[string]*artifact{}
	d.multiparts = map[string]*multipart{}
	for _, r := range d.Runs {
		d.runsByID[r.ID] = r
	}
	for key, p := range d.Projects {
		for _, t := range p.Types {
			t.project = key
		}
	}
	for _, c := range d.Collections {
		c.births = map[fileKey]string{}
	}
	for _, a := range d.Artifacts {
		a.specs = map[string]fileSpec{}
		if a.ClientID != "" {
			d.byClient[a.ClientID] = a
		}
		if a.State == committed && a.Manifest != nil && a.Manifest.Stored == "" {
			a.Manifest.Stored = a.Manifest.Digest // a state of an older stand-in
		}
		if c := d.Collections[a.Collection]; c != nil && a.State == committed {
			c.versions = append(c.versions, a)
		}
	}
	for _, c := range d.Collections {
		slices.SortFunc(c.versions, func(a, b *artifact) int { return a.Version - b.Version })
	}
}

func (d *data) next() int64 {
	d.Seq++
	return d.Seq
}

// opaque makes an ID as W&B's look: base64 text, which the official client decodes and encodes again.
func opaque(kind string, parts ...any) string {
	return base64.StdEncoding.EncodeToString([]byte(kind + ":" + strings.TrimSuffix(fmt.Sprintln(parts...), "\n")))
}

func key(parts ...string) string { return strings.Join(parts, "/") }

func (p *project) key() string    { return key(p.Entity, p.Name) }
func (r *run) key() string        { return key(r.Entity, r.Project, r.Name) }
func (r *run) projectKey() string { return key(r.Entity, r.Project) }
func (c *collection) key() string { return key(c.Entity, c.Project, c.Name) }

func (c *collection) projectKey() string { return key(c.Entity, c.Project) }

// aliasesOf are the names of a version but for vN, sorted.
func (c *collection) aliasesOf(id string) []string {
	var out []string
	for alias, target := range c.Aliases {
		if target == id {
			out = append(out, alias)
		}
	}
	slices.Sort(out)
	return out
}

// find is the version that an alias, vN or a digest names; nil if there is none.
func (c *collection) find(d *data, alias string) *artifact {
	if id, ok := c.Aliases[alias]; ok {
		return d.Artifacts[id]
	}
	for _, a := range c.versions {
		if fmt.Sprintf("v%d", a.Version) == alias || a.Digest == alias || a.CommitHash == alias {
			return a
		}
	}
	return c.findLink(d, alias)
}

// remember records where the files of a committed version are stored.
func (c *collection) remember(a *artifact) {
	for name, e := range a.contents {
		if e.Ref == "" {
			c.births[fileKey{name, e.Digest}] = e.Birth
		}
	}
}

// typeOf gives the project's artifact type of that name, making it if it is new.
func (d *data) typeOf(p *project, name string) *artifactType {
	t := p.Types[name]
	if t == nil {
		t = &artifactType{ID: opaque("ArtifactType", d.next()), Name: name, project: p.key(), Created: now()}
		p.Types[name] = t
	}
	return t
}

// now is the time with the precision that W&B's answers have.
func now() time.Time { return time.Now().UTC().Truncate(time.Second) }

// sorted gives a map's values by their order of making.
func sorted[T any](m map[string]T, keep func(T) bool, n func(T) int64) []T {
	var out []T
	for _, v := range m {
		if keep(v) {
			out = append(out, v)
		}
	}
	slices.SortFunc(out, func(a, b T) int { return int(n(a) - n(b)) })
	return out
}
