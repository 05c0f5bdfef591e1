package lookup

import (
	"cmp"
	"context"
	"encoding/json"
	"io"
	"unicode/utf8"

	"golang.org/x/sync/errgroup"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/fault"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/idlist"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/memory"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/metadata"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/wandb"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/wandb/config"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/words"
)

// IDList names one of an artifact's lists of ids.
type IDList int

// The lists, in the order of the wire contract.
const (
	IDSamples IDList = iota + 1
	IDLabels
	IDLowConfidence
	IDFalsePositives
	IDFalseNegatives
	IDWrong
	IDWorse
)

// idSources says where a list is: in a file of this plugin's artifacts, or under a key of the metadata, as in
// artifacts of the original plugin and in small ones of this plugin.
var idSources = map[IDList]struct{ path, key string }{
	IDSamples:       {metadata.SampleIDsPath, "sample_ids"},
	IDLabels:        {metadata.LabelIDsPath, "label_ids"},
	IDLowConfidence: {metadata.LowConfidenceIDsPath, "low_confidence_label_ids"},
	// The metadata does not have these.
	IDFalsePositives: {path: metadata.FalsePositiveIDsPath}, IDFalseNegatives: {path: metadata.FalseNegativeIDsPath}, IDWrong: {path: metadata.WrongIDsPath}, IDWorse: {path: metadata.WorseIDsPath},
}

const (
	// referencesLimit bounds a sample_references.json, in bytes.
	referencesLimit = 8 << 30
	// stagesLimit bounds a view's stages, in bytes: those of a view of 800,000
	// selected samples have 22 MB.
	stagesLimit = 32 << 20
)

// elsewhere are the keys of the metadata that are sent apart from it.
var elsewhere = []string{"view_serialization", "sample_ids", "label_ids", "low_confidence_label_ids"}

// ReadArtifact reads what an artifact says of the view that it was made from, whether this
// plugin or the original one made it. Anybody who can write to the project may have made it, so
// nothing in it is trusted, and all sizes are bounded.
type ReadArtifact struct {
	Settings config.Inputs
	// Reference is what config.Settings.ArtifactRefs reads.
	Reference string
	// Version is a version or an alias that replaces that of Reference; empty for none.
	Version string
	// Lists are the lists of ids to send.
	Lists []IDList
	// Directory is where an artifact was downloaded to: it is read instead of Reference, without a server. Empty for none.
	Directory string
	// UsedByRun is the id of a run to record as a user of the artifact, or empty.
	UsedByRun string
}

// ArtifactContent is what was found, apart from the lists of ids.
type ArtifactContent struct {
	Artifact ArtifactEntry
	// MetadataJSON is a JSON object without lists of ids and stages, at most
	// metadata.TrimmedLimit bytes.
	MetadataJSON string
	// SerializationJSON is a JSON list of the view's stages, empty where none are
	// known, in ASCII. Its content is not checked here.
	SerializationJSON string
	UsedBy            []RunEntry
	CreatedBy         *RunEntry
	// Found are those of the requested lists that the artifact has.
	Found []IDList
	// SettingsFiles are those of W&B that named the server, the entity or the project.
	SettingsFiles []string
}

// Run does the job. It passes the lists to ids in parts, 12 bytes an id; they are valid only if Run succeeds.
func (j ReadArtifact) Run(ctx context.Context, ids func(list IDList, packed []byte) error) (*ArtifactContent, error) {
	memory.ForTexts()
	if j.Directory != "" {
		return j.runLocal(ctx, ids)
	}
	client, err := openReader(j.Settings)
	if err != nil {
		return nil, err
	}
	defer client.Close()
	paths := j.paths()
	var v *wandb.ArtifactVersion
	var user *wandb.Run
	g, gctx := errgroup.WithContext(ctx)
	g.Go(func() (err error) {
		v, err = client.FindNamedArtifact(gctx, j.Reference, config.ArtifactRef{Alias: j.Version}, paths)
		return err
	})
	if j.UsedByRun != "" {
		g.Go(func() (err error) {
			user, err = j.findUser(gctx, client)
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	r := &artifactReader{open: client.OpenFile, settings: client.Settings(), version: v, metadata: metadata.Read(v.Metadata), send: ids}
	content, err := r.read(ctx, j.Lists)
	if err != nil {
		return nil, err
	}
	if user != nil && (v.CreatedBy == nil || v.CreatedBy.RunRef != user.RunRef) {
		if err := client.UseVersion(ctx, user.RunRef, v); err != nil {
			return nil, err
		}
	}
	return content, nil
}

// paths are the artifact's files that are read.
func (j ReadArtifact) paths() []string {
	paths := []string{metadata.ViewPath, metadata.ReferencesPath}
	for _, list := range j.Lists {
		paths = append(paths, idSources[list].path)
	}
	return paths
}

// findUser finds the run that is to be recorded. The run that is active in the
// caller's Python may be in another project than the settings'.
func (j ReadArtifact) findUser(ctx context.Context, client *wandb.Client) (*wandb.Run, error) {
	if err := config.CheckRunID(j.UsedByRun); err != nil {
		return nil, err
	}
	s := client.Settings()
	entity, project := s.Entity, s.Project
	if a := j.Settings.ActiveRun; a != nil && a.RunID == j.UsedByRun {
		entity, project = cmp.Or(a.Entity, entity), cmp.Or(a.Project, project)
	}
	access, err := client.CheckAccess(ctx, entity, project, j.UsedByRun)
	if err != nil {
		return nil, err
	}
	if access.Run == nil {
		return nil, fault.New(fault.Settings, fault.NotFound,
			"There is no run %q in %s/%s that could be recorded as a user of the artifact. Nothing was read: correct the run's id, or leave it out.", j.UsedByRun, access.Entity, project)
	}
	return access.Run, nil
}

func badArtifact(format string, args ...any) error {
	return fault.New(fault.WandB, fault.BadArtifact, "The artifact cannot be used: "+format+". It is damaged, or was not made by this plugin.", args...)
}

func tooLargeFile(path string, size, limit int64) error {
	return fault.New(fault.WandB, fault.TooLarge, "The artifact's file %s has %s, and at most %s are read.", path, words.Bytes(size), words.Bytes(limit))
}

// artifactReader reads one version.
type artifactReader struct {
	open     openFile
	settings config.Settings
	version  *wandb.ArtifactVersion
	metadata metadata.Fields
	send     func(IDList, []byte) error
}

// openFile opens a file of an artifact.
type openFile func(context.Context, wandb.RemoteFile) (io.ReadCloser, error)

func (r *artifactReader) read(ctx context.Context, lists []IDList) (*ArtifactContent, error) {
	v, settings := r.version, r.settings
	content := &ArtifactContent{Artifact: artifactEntry(settings, v.ArtifactInfo), MetadataJSON: string(r.metadata.Trimmed(elsewhere...))}
	content.Artifact.Facts, content.SettingsFiles = factsIn(v.Metadata), settings.Files
	for _, u := range v.UsedBy {
		content.UsedBy = append(content.UsedBy, runEntry(settings, u))
	}
	if v.CreatedBy != nil {
		by := runEntry(settings, *v.CreatedBy)
		content.CreatedBy = &by
	}
	stages, err := r.stages(ctx)
	if err != nil {
		return nil, err
	}
	content.SerializationJSON = string(stages)
	for _, list := range lists {
		found, err := r.ids(ctx, list)
		if err != nil {
			return nil, err
		}
		if found {
			content.Found = append(content.Found, list)
		}
	}
	return content, nil
}

// stages are the view's stages, from their file or from the metadata.
func (r *artifactReader) stages(ctx context.Context) ([]byte, error) {
	raw := r.metadata.Values["view_serialization"]
	if f, ok := r.version.Files[metadata.ViewPath]; ok {
		if f.Size > stagesLimit {
			return nil, nil
		}
		var err error
		if raw, err = readSmall(ctx, r.open, f, stagesLimit); err != nil {
			return nil, err
		}
	}
	return stagesIn(raw)
}

// stagesIn is a JSON list of stages, nil where there is none. The metadata of the original plugin may hold it
// as a string.
func stagesIn(raw []byte) ([]byte, error) {
	var text string
	if !metadata.IsList(raw) && json.Unmarshal(raw, &text) == nil {
		raw = []byte(text)
	}
	if len(raw) > stagesLimit || !metadata.IsList(raw) || !json.Valid(raw) { // a list of values would take 24 bytes for each
		return nil, nil
	}
	if metadata.Depth(raw) > metadata.MaxDepth || !utf8.Valid(raw) {
		return nil, badArtifact("its view's stages are not those of a view")
	}
	if raw = metadata.ASCII(raw, stagesLimit); len(raw) > stagesLimit {
		return nil, nil
	}
	return raw, nil
}

// ids sends one list; found is false where the artifact does not have it.
func (r *artifactReader) ids(ctx context.Context, list IDList) (found bool, err error) {
	source := idSources[list]
	p := idlist.NewReader(func(packed []byte) error { return r.send(list, packed) })
	f, inFile := r.version.Files[source.path]
	refs, inReferences := r.version.Files[metadata.ReferencesPath]
	raw, inMetadata := r.metadata.Values[source.key]
	var what string
	switch {
	case inFile:
		what, err = "its file "+f.Path, r.stream(ctx, f, idlist.Max*idlist.Line, p.Lines)
	case inMetadata && metadata.IsList(raw):
		what, err = "the list "+source.key+" of its metadata", p.JSON(raw)
	case inReferences && list == IDSamples:
		what, err = "its file "+refs.Path, r.stream(ctx, refs, referencesLimit, p.References)
	default:
		return false, nil
	}
	if problem := p.Problem(err); problem != "" {
		return true, badArtifact("%s %s", what, problem)
	}
	if err == nil {
		err = p.Flush()
	}
	return true, err
}

// stream has a file of at most limit bytes read by parse.
func (r *artifactReader) stream(ctx context.Context, f wandb.RemoteFile, limit int64, parse func(io.Reader) error) error {
	if f.Size > limit {
		return tooLargeFile(f.Path, f.Size, limit)
	}
	body, err := r.open(ctx, f)
	if err != nil {
		return err
	}
	defer func() { _ = body.Close() }()
	return parse(body)
}
