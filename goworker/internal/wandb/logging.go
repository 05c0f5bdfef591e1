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

// logging is one call of LogArtifact.
type logging struct {
	client *Client
	spec   ArtifactSpec
	digest string
	slim   bool
	track  *tracker
	// sequenceID is the client id for the collection, random has the versions' ids be so too.
	sequenceID string
	random     bool
	// sure, if not nil, is called before the commit, which its error keeps from being made.
	sure func(context.Context) error
}

// errAnew asks for another attempt; cause is what to report if it was the last. byChance asks
// for a client id that cannot have been used before.
type errAnew struct {
	cause    error
	byChance bool
}

// Error implements error.
func (e errAnew) Error() string { return e.cause.Error() }

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
func (l *logging) run(ctx context.Context, progress func(UploadProgress)) (LoggedArtifact, error) {
	for attempt := 0; ; attempt++ {
		done, err := l.attempt(ctx, attempt, progress)
		var anew errAnew
		if !errors.As(err, &anew) {
			return done, err
		}
		if attempt == maxAttempts-1 {
			return LoggedArtifact{}, anew.cause
		}
		l.random = l.random || anew.byChance
		l.client.notice("The artifact " + l.spec.Name + " has to be created again: " + l.client.clean(anew.Error()))
	}
}

// attempt creates the artifact under the attempt's client id, and finishes it.
func (l *logging) attempt(ctx context.Context, attempt int, progress func(UploadProgress)) (LoggedArtifact, error) {
	a, done, err := l.open(ctx, attempt, attempt == maxAttempts-1)
	if a == nil || err != nil {
		return done, err
	}
	return l.fill(ctx, a, progress)
}

// open creates the artifact under the attempt's client id. Where the server has its content, it gives that version and no
// artifact to fill. The last attempt goes on with an artifact that was deleted.
func (l *logging) open(ctx context.Context, attempt int, last bool) (*created, LoggedArtifact, error) {
	a, err := l.create(ctx, attempt)
	if err != nil {
		return nil, LoggedArtifact{}, err
	}
	switch a.State {
	case stateCommitted:
		done, err := l.existing(ctx, a.ID)
		return nil, done, err
	case stateDeleted:
		// Somebody deleted what an earlier call logged. Only old servers go on with it.
		if !last {
			return nil, LoggedArtifact{}, errAnew{cause: errors.New("it was deleted")}
		}
	case statePending:
	default:
		return nil, LoggedArtifact{}, fault.New(fault.WandB, fault.ServerError, "W&B at %s says that the artifact %s is %q, which this plugin does not know.", l.client.host(), l.spec.Name, a.State)
	}
	return a, LoggedArtifact{}, nil
}

// create sends CreateArtifact, once more with the slim metadata if it is too large.
func (l *logging) create(ctx context.Context, attempt int) (*created, error) {
	var out struct {
		CreateArtifact struct {
			Artifact *created `json:"artifact"`
		} `json:"createArtifact"`
	}
	err := l.client.graphql(ctx, opCreateArtifact, map[string]any{"input": l.input(attempt)}, &out)
	if statusOf(err) == http.StatusRequestEntityTooLarge && !l.slim && len(l.spec.SlimMetadata) > 0 {
		l.slim = true
		return l.create(ctx, attempt)
	}
	if e := refusal(err); e != nil && e.says("client id") {
		return nil, errAnew{cause: err, byChance: true} // It was used for other content.
	}
	switch statusOf(err) {
	case http.StatusBadRequest, http.StatusConflict, http.StatusUnprocessableEntity, http.StatusOK:
		if taken := l.client.CheckArtifactFree(ctx, l.spec.Run.Entity, l.spec.Run.Project, l.spec.Type, l.spec.Name); taken != nil {
			return nil, taken
		}
		if statusOf(err) == http.StatusConflict {
			return nil, errAnew{cause: err}
		}
	case http.StatusNotFound:
		return nil, l.notFound(ctx, err)
	}
	if err != nil {
		return nil, err
	}
	if out.CreateArtifact.Artifact == nil || out.CreateArtifact.Artifact.ID == "" {
		return nil, &serverError{op: opCreateArtifact, status: http.StatusOK, messages: []string{"it gave no artifact back"}}
	}
	return out.CreateArtifact.Artifact, nil
}

// notFound tells the run that is missing from the project or the entity.
func (l *logging) notFound(ctx context.Context, err error) error {
	run, findErr := l.client.FindRun(ctx, l.spec.Run)
	if findErr != nil {
		return findErr
	}
	if run == nil {
		return fault.Wrap(err, fault.WandB, fault.NotFound, "W&B at %s has no run %s in %s/%s: the artifact was not logged.",
			l.client.host(), l.spec.Run.ID, l.spec.Run.Entity, l.spec.Run.Project)
	}
	return err
}

// input is what CreateArtifact is asked. What is empty is left out: a server refuses
// a field that it does not know, even if it is null.
func (l *logging) input(attempt int) map[string]any {
	s := l.spec
	aliases := make([]map[string]string, len(s.Aliases))
	for i, a := range s.Aliases {
		aliases[i] = map[string]string{"artifactCollectionName": s.Name, "alias": a}
	}
	in := map[string]any{
		"entityName": s.Run.Entity, "projectName": s.Run.Project, "runName": s.Run.ID,
		"artifactTypeName": s.Type, "artifactCollectionName": s.Name,
		"digest": l.digest, "digestAlgorithm": "MANIFEST_MD5", "enableDigestDeduplication": true,
		"aliases":          aliases,
		"clientID":         l.clientID(attempt),
		"sequenceClientID": l.sequenceID,
	}
	if s.Description != "" {
		in["description"] = s.Description
	}
	if m := l.metadata(); m != "" {
		in["metadata"] = m
	}
	if len(s.Tags) > 0 {
		in["tags"] = tagInputs(s.Tags)
	}
	return in
}

func (l *logging) metadata() string {
	if l.slim {
		return string(l.spec.SlimMetadata)
	}
	return string(l.spec.Metadata)
}

// clientID is the attempt's id for the version.
func (l *logging) clientID(attempt int) string {
	if l.random {
		return NewClientID()
	}
	s := l.spec
	return derivedClientID(l.client.settings.BaseURL, s.Run.Entity, s.Run.Project, s.Name, "version", strconv.Itoa(attempt), l.digest)
}

// manifest is the list of the files of a pending artifact.
func (l *logging) manifest(a *created) manifest {
	m := manifest{client: l.client, spec: l.spec, artifactID: a.ID}
	if a.Sequence != nil && a.Sequence.Latest != nil {
		m.baseID = a.Sequence.Latest.ID
	}
	return m
}

// stub creates the manifest without its content, for the id that files belong to.
func (m *manifest) stub(ctx context.Context) (*manifestNode, error) {
	stub, err := m.create(ctx, "")
	if s := statusOf(err); s == http.StatusNotFound || s == http.StatusConflict {
		return nil, errAnew{cause: err}
	}
	return stub, err
}

// fill brings manifest and files of a pending artifact, and commits it.
func (l *logging) fill(ctx context.Context, a *created, progress func(UploadProgress)) (LoggedArtifact, error) {
	c, all := l.client, l.spec.Files
	m := l.manifest(a)
	stub, err := m.stub(ctx)
	if err != nil {
		return LoggedArtifact{}, err
	}
	files, bytes := sizes(all)
	l.track = newTracker(progress, int64(files), bytes)
	defer l.track.stop()
	up := newUpload(c, a.ID, stub.ID, all, files, l.track)
	if err := up.all(ctx, all); err != nil {
		return LoggedArtifact{}, anewIfConflict(err)
	}
	v, err := l.publish(ctx, m, up.birthsInOrder)
	if err != nil {
		return LoggedArtifact{}, anewIfConflict(err)
	}
	if err := l.settle(ctx, v); err != nil {
		return LoggedArtifact{}, err
	}
	return l.logged(v, true)
}

// anewIfConflict asks for another attempt where another version got in between: the
// server then names it as the birth of the files that both have.
func anewIfConflict(err error) error {
	if statusOf(err) == http.StatusConflict {
		return errAnew{cause: err}
	}
	return err
}
