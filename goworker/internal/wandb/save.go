package wandb

import (
	"context"
	"errors"
	"net/http"
	"strconv"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/fault"
)

// maxAttempts is how often an artifact is created: another version of it may be
// committed meanwhile, and an earlier attempt may have been deleted or have left other bytes.
const maxAttempts = 5

// States of an artifact.
const (
	stateCommitted = "COMMITTED"
	statePending   = "PENDING"
	stateDeleted   = "DELETED"
)

// saver is one call of LogArtifact.
type saver struct {
	client *Client
	spec   ArtifactSpec
	digest string
	slim   bool
	meter  *uploadMeter
	// sequenceID is the client id of the collection. random makes those of the versions random as well.
	sequenceID string
	random     bool
	// sure, if not nil, is called before the commit; an error of it prevents the commit.
	sure func(context.Context) error
}

// errStartOver asks for another attempt; cause is what to report if it was the last. withRandomID asks
// for a client id that cannot have been used before.
type errStartOver struct {
	cause        error
	withRandomID bool
}

// Error implements error.
func (e errStartOver) Error() string { return e.cause.Error() }

// created is the answer to CreateArtifact.
type created struct {
	ID       string `json:"id"`
	State    string `json:"state"`
	Sequence *struct {
		Latest *struct {
			ID string `json:"id"`
		} `json:"latestArtifact"`
	} `json:"artifactSequence"`
}

// run makes attempts until one is committed or fails for good.
func (s *saver) run(ctx context.Context, progress func(UploadProgress)) (LoggedArtifact, error) {
	for attempt := 0; ; attempt++ {
		done, err := s.attempt(ctx, attempt, progress)
		var again errStartOver
		if !errors.As(err, &again) {
			return done, err
		}
		if attempt == maxAttempts-1 {
			return LoggedArtifact{}, again.cause
		}
		s.random = s.random || again.withRandomID
		s.client.notice("The artifact " + s.spec.Name + " has to be created again: " + s.client.clean(again.Error()))
	}
}

// attempt creates the artifact under the attempt's client id, and finishes it.
func (s *saver) attempt(ctx context.Context, attempt int, progress func(UploadProgress)) (LoggedArtifact, error) {
	a, done, err := s.open(ctx, attempt, attempt == maxAttempts-1)
	if a == nil || err != nil {
		return done, err
	}
	return s.fill(ctx, a, progress)
}

// open creates the artifact under the attempt's client id. Where the server has its content, it gives that version and no
// artifact to fill. The last attempt goes on with an artifact that was deleted.
func (s *saver) open(ctx context.Context, attempt int, last bool) (*created, LoggedArtifact, error) {
	a, err := s.create(ctx, attempt)
	if err != nil {
		return nil, LoggedArtifact{}, err
	}
	switch a.State {
	case stateCommitted:
		done, err := s.existing(ctx, a.ID)
		return nil, done, err
	case stateDeleted:
		// Somebody deleted what an earlier call logged. Only old servers go on with it.
		if !last {
			return nil, LoggedArtifact{}, errStartOver{cause: errors.New("it was deleted")}
		}
	case statePending:
	default:
		return nil, LoggedArtifact{}, fault.New(fault.WandB, fault.ServerError, "W&B at %s says that the artifact %s is %q, which this plugin does not know.", s.client.host(), s.spec.Name, a.State)
	}
	return a, LoggedArtifact{}, nil
}

// create sends CreateArtifact, and sends it again with the slim metadata if it is too large.
func (s *saver) create(ctx context.Context, attempt int) (*created, error) {
	var out struct {
		CreateArtifact struct {
			Artifact *created `json:"artifact"`
		} `json:"createArtifact"`
	}
	err := s.client.graphql(ctx, opCreateArtifact, map[string]any{"input": s.input(attempt)}, &out)
	if statusOf(err) == http.StatusRequestEntityTooLarge && !s.slim && len(s.spec.SlimMetadata) > 0 {
		s.slim = true
		return s.create(ctx, attempt)
	}
	if e := refusal(err); e != nil && e.says("client id") {
		return nil, errStartOver{cause: err, withRandomID: true} // It was used for other content.
	}
	switch statusOf(err) {
	case http.StatusBadRequest, http.StatusConflict, http.StatusUnprocessableEntity, http.StatusOK:
		if taken := s.client.CheckArtifactFree(ctx, s.spec.Run.Entity, s.spec.Run.Project, s.spec.Type, s.spec.Name); taken != nil {
			return nil, taken
		}
		if statusOf(err) == http.StatusConflict {
			return nil, errStartOver{cause: err}
		}
	case http.StatusNotFound:
		return nil, s.notFound(ctx, err)
	}
	if err != nil {
		return nil, err
	}
	if out.CreateArtifact.Artifact == nil || out.CreateArtifact.Artifact.ID == "" {
		return nil, &serverError{op: opCreateArtifact, status: http.StatusOK, messages: []string{"it gave no artifact back"}}
	}
	return out.CreateArtifact.Artifact, nil
}

// notFound finds out whether it is the run, the project or the entity that is missing.
func (s *saver) notFound(ctx context.Context, err error) error {
	run, findErr := s.client.FindRun(ctx, s.spec.Run)
	if findErr != nil {
		return findErr
	}
	if run == nil {
		return fault.Wrap(err, fault.WandB, fault.NotFound, "W&B at %s has no run %s in %s/%s: the artifact was not logged.",
			s.client.host(), s.spec.Run.ID, s.spec.Run.Entity, s.spec.Run.Project)
	}
	return err
}

// input is what CreateArtifact is asked. What is empty is left out: a server refuses
// a field that it does not know, even if it is null.
func (s *saver) input(attempt int) map[string]any {
	spec := s.spec
	aliases := make([]map[string]string, len(spec.Aliases))
	for i, a := range spec.Aliases {
		aliases[i] = map[string]string{"artifactCollectionName": spec.Name, "alias": a}
	}
	in := map[string]any{
		"entityName": spec.Run.Entity, "projectName": spec.Run.Project, "runName": spec.Run.ID,
		"artifactTypeName": spec.Type, "artifactCollectionName": spec.Name,
		"digest": s.digest, "digestAlgorithm": "MANIFEST_MD5", "enableDigestDeduplication": true,
		"aliases":          aliases,
		"clientID":         s.clientID(attempt),
		"sequenceClientID": s.sequenceID,
	}
	if spec.Description != "" {
		in["description"] = spec.Description
	}
	if m := s.metadata(); m != "" {
		in["metadata"] = m
	}
	if len(spec.Tags) > 0 {
		in["tags"] = tagInputs(spec.Tags)
	}
	return in
}

func (s *saver) metadata() string {
	if s.slim {
		return string(s.spec.SlimMetadata)
	}
	return string(s.spec.Metadata)
}

// clientID is the attempt's id for the version.
func (s *saver) clientID(attempt int) string {
	if s.random {
		return NewClientID()
	}
	spec := s.spec
	return derivedClientID(s.client.settings.BaseURL, spec.Run.Entity, spec.Run.Project, spec.Name, "version", strconv.Itoa(attempt), s.digest)
}

// manifest is the list of the files of a pending artifact.
func (s *saver) manifest(a *created) manifest {
	m := manifest{client: s.client, spec: s.spec, artifactID: a.ID}
	if a.Sequence != nil && a.Sequence.Latest != nil {
		m.baseID = a.Sequence.Latest.ID
	}
	return m
}

// stub creates the manifest without its content, for the id that files belong to.
func (m *manifest) stub(ctx context.Context) (*manifestNode, error) {
	stub, err := m.create(ctx, "")
	if status := statusOf(err); status == http.StatusNotFound || status == http.StatusConflict {
		return nil, errStartOver{cause: err}
	}
	return stub, err
}

// fill uploads the files and the manifest of a pending artifact, and commits it.
func (s *saver) fill(ctx context.Context, a *created, progress func(UploadProgress)) (LoggedArtifact, error) {
	c, all := s.client, s.spec.Files
	m := s.manifest(a)
	stub, err := m.stub(ctx)
	if err != nil {
		return LoggedArtifact{}, err
	}
	files, bytes := sizes(all)
	s.meter = newUploadMeter(progress, int64(files), bytes)
	defer s.meter.stop()
	up := newUpload(c, a.ID, stub.ID, all, files, s.meter)
	if err := up.all(ctx, all); err != nil {
		return LoggedArtifact{}, startOverIfConflict(err)
	}
	v, err := s.publish(ctx, m, up.birthsInOrder)
	if err != nil {
		return LoggedArtifact{}, startOverIfConflict(err)
	}
	if err := s.adopt(ctx, v); err != nil {
		return LoggedArtifact{}, err
	}
	return s.logged(v, true)
}

// startOverIfConflict asks for another attempt where another version was committed meanwhile: then the
// server names that one as the birth of the files that both have.
func startOverIfConflict(err error) error {
	if statusOf(err) == http.StatusConflict {
		return errStartOver{cause: err}
	}
	return err
}
