package standin

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"net/http"
	"regexp"
	"slices"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/standin/gqlexec"
)

var artifactDigests = regexp.MustCompile(`^[0-9a-f]{32}$`)

// newArtifact is a checked createArtifact.
type newArtifact struct {
	gqlexec.Args
	name, kind, digest string
	aliases, tags      []string
	artifact           *artifact
}

// checkNewArtifact checks what can be checked without the data.
func checkNewArtifact(input gqlexec.Args) (*newArtifact, error) {
	n := &newArtifact{Args: input, kind: str(input, "artifactTypeName"), digest: str(input, "digest")}
	names := strs(input, "artifactCollectionNames")
	if name := str(input, "artifactCollectionName"); name != "" {
		names = append(names, name)
	}
	if len(names) != 1 {
		return nil, badRequest("an artifact has exactly one collection name")
	}
	n.name = names[0]
	for _, alias := range objects(input, "aliases") {
		if str(alias, "artifactCollectionName") != n.name {
			return nil, badRequest("an alias names another collection")
		}
		n.aliases = append(n.aliases, str(alias, "alias"))
	}
	for _, tag := range objects(input, "tags") {
		n.tags = append(n.tags, str(tag, "tagName"))
	}
	metadata, err := checkMetadata(str(input, "metadata"))
	for _, check := range []error{err, checkArtifactName(n.name, n.kind), checkAliases(n.aliases), checkArtifactTags(n.tags)} {
		if check != nil {
			return nil, check
		}
	}
	if str(input, "digestAlgorithm") != "MANIFEST_MD5" || !artifactDigests.MatchString(n.digest) {
		return nil, badRequest("the digest of an artifact is the lower-case hex of an MD5 (MANIFEST_MD5)")
	}
	commit := make([]byte, 10)
	_, _ = rand.Read(commit) // never fails: it ends the process instead
	n.artifact = &artifact{
		Digest: n.digest, State: pending, CommitHash: hex.EncodeToString(commit), Description: str(input, "description"), Metadata: metadata,
		Tags: n.tags, PendingAliases: n.aliases, Version: -1, ClientID: str(input, "clientID"), Sequence: str(input, "sequenceClientID"),
		Stored: map[string]int64{}, HistoryStep: pointer(input["historyStep"]), TTL: pointer(input["ttlDurationSeconds"]),
		Created: now(), Updated: now(), specs: map[string]fileSpec{},
	}
	return n, nil
}

func pointer(value any) *int64 {
	if n, ok := value.(int64); ok {
		return &n
	}
	return nil
}

func (s *Server) createArtifact(input gqlexec.Args) (any, error) {
	n, err := checkNewArtifact(input)
	if err != nil {
		return nil, err
	}
	var a *artifact
	err = s.change(func(d *data) (err error) {
		a, err = d.addArtifact(s, n)
		return err
	})
	if err != nil {
		return nil, err
	}
	return gqlexec.Object{"artifact": a}, nil
}

// addArtifact makes a pending artifact, or gives the one that is there: that of the same
// client ID, or the committed version of the same digest, to which the aliases then move.
func (d *data) addArtifact(s *Server, n *newArtifact) (*artifact, error) {
	entity, err := s.allowed(str(n.Args, "entityName"))
	if err != nil {
		return nil, err
	}
	p := d.Projects[key(entity, str(n.Args, "projectName"))]
	if p == nil || s.hidden(p.Entity, p.Name) {
		return nil, notFound("project not found")
	}
	var r *run
	if name := str(n.Args, "runName"); name != "" {
		if r, err = d.runByName(s, entity, p.Name, name); err != nil {
			return nil, err
		}
	}
	c, err := d.ensureCollection(p, n.name, n.kind)
	if err != nil {
		return nil, err
	}
	repeated := s.behaviour.Load().RepeatedClientID
	if known := d.byClient[n.artifact.ClientID]; known != nil && known.State != deleted && repeated != RepeatedNew {
		if known.Collection != c.key() || known.Digest != n.digest || repeated == RepeatedRefuse {
			return nil, badRequest("Invalid Client ID digest")
		}
		if known.State == committed {
			c.move(known, n.aliases)
		}
		return known, nil
	}
	if same := c.sameDigest(n.digest); same != nil && n.Args["enableDigestDeduplication"] == true {
		c.move(same, s.withLatest(n.aliases))
		r.adds(same)
		if n.artifact.ClientID != "" {
			d.byClient[n.artifact.ClientID] = same
		}
		return same, nil
	}
	a := n.artifact
	a.N = d.next()
	a.ID, a.Collection = opaque("Artifact", a.N), c.key()
	if r != nil {
		a.RunID = r.ID
	}
	d.Artifacts[a.ID] = a
	if a.ClientID != "" {
		d.byClient[a.ClientID] = a
	}
	return a, nil
}

// ensureCollection finds a collection of a project, making it if it is new. It has one type for good.
func (d *data) ensureCollection(p *project, name, kind string) (*collection, error) {
	c := d.Collections[key(p.key(), name)]
	if c == nil {
		d.typeOf(p, kind)
		c = &collection{
			N: d.next(), Entity: p.Entity, Project: p.Name, Name: name, Type: kind, Created: now(), Updated: now(),
			Aliases: map[string]string{}, births: map[fileKey]string{},
		}
		c.ID = opaque("ArtifactCollection", c.N)
		d.Collections[c.key()] = c
	}
	if c.Type != kind {
		return nil, refusal(http.StatusConflict, fmt.Sprintf(
			"the artifact collection %q has the type %q: it cannot have a version of type %q", name, c.Type, kind))
	}
	return c, nil
}

// withLatest are the aliases of a version that is committed.
func (s *Server) withLatest(aliases []string) []string {
	if s.behaviour.Load().NoAutoLatest || slices.Contains(aliases, "latest") {
		return aliases
	}
	return append(slices.Clone(aliases), "latest")
}

func (c *collection) sameDigest(digest string) *artifact {
	for _, a := range slices.Backward(c.versions) {
		if a.Digest == digest {
			return a
		}
	}
	return nil
}

// move puts names on a version; whichever had them loses them.
func (c *collection) move(a *artifact, aliases []string) {
	for _, alias := range aliases {
		c.Aliases[alias] = a.ID
	}
	c.Updated = now()
}

// adds records an artifact as output of a run, which may be nil.
func (r *run) adds(a *artifact) {
	if r != nil && !slices.Contains(r.Outputs, a.ID) {
		r.Outputs = append(r.Outputs, a.ID)
	}
}

// pendingArtifact finds an artifact that still takes files.
func (d *data) pendingArtifact(s *Server, id string) (*artifact, error) {
	a, err := d.artifact(s, id)
	if err == nil && a.State != pending {
		err = refusal(http.StatusConflict, "the artifact is "+a.State+" and takes no files any more")
	}
	return a, err
}

// artifact finds an artifact that was not deleted.
func (d *data) artifact(s *Server, id string) (*artifact, error) {
	a := d.Artifacts[id]
	if a == nil || a.State == deleted {
		return nil, notFound("artifact " + id + " not found")
	}
	_, err := s.allowed(d.Collections[a.Collection].Entity)
	return a, err
}
