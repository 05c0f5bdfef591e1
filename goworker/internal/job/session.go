package job

import (
	"context"
	"crypto/rand"
	"encoding/hex"

	"golang.org/x/sync/errgroup"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/view"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/wandb"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/wandb/config"
)

// session is W&B as one job sees it: the client, where the artifact goes, and
// the run as it was found.
type session struct {
	client *wandb.Client
	ref    config.RunRef
	run    *wandb.Run             // nil: the job has to create it
	here   bool                   // the run is active in the caller's own Python
	input  *wandb.ArtifactVersion // to be recorded as used by the run, or nil
	// offline is where the run is written in place of reaching W&B; then there is no client. Nil otherwise.
	offline *offlineRun
}

// openSession resolves the settings and asks W&B, before any data is read,
// whether the key is good and what is known of the project and the run.
func openSession(ctx context.Context, in config.Inputs, runID string) (*session, error) {
	if err := config.CheckRunID(runID); err != nil {
		return nil, err
	}
	in, here := in.ForRun(runID)
	settings, err := config.Resolve(in)
	if err != nil {
		return nil, err
	}
	client, err := wandb.NewClient(settings)
	if err != nil {
		return nil, err
	}
	access, err := client.CheckAccess(ctx, settings.Entity, settings.Project, runID)
	if err != nil {
		client.Close()
		return nil, err
	}
	if access.Run == nil {
		if err := settings.CheckNewRun(); err != nil {
			client.Close()
			return nil, err
		}
	}
	ref := config.RunRef{Entity: access.Entity, Project: settings.Project, ID: runID}
	return &session{client: client, ref: ref, run: access.Run, here: here}, nil
}

// findInput finds the artifact that is to be recorded as the run's input.
func (s *session) findInput(ctx context.Context, reference string) error {
	if reference == "" {
		return nil
	}
	var err error
	s.input, err = s.client.FindNamedArtifact(ctx, reference, config.ArtifactRef{Entity: s.ref.Entity, Project: s.ref.Project}, []string{})
	return err
}

// relation is how the run relates to the caller; see design, decision 9.
func (s *session) relation() Relation {
	switch {
	case s.run == nil || s.run.Created:
		return RunOurs
	case s.here:
		return RunActiveHere
	case s.run.Alive():
		return RunAliveElsewhere
	}
	return RunEnded
}

// connect connects to W&B and to MongoDB at once, and checks that both will do what the job needs.
func (p *publisher) connect(ctx context.Context) error {
	p.tracker.begin(StageConnecting)
	g, gctx := errgroup.WithContext(ctx)
	g.Go(func() (err error) {
		if p.session, err = openSession(gctx, p.target.Settings, p.target.RunID); err != nil {
			return err
		}
		if err := p.session.findInput(gctx, p.target.InputArtifact); err != nil {
			return err
		}
		return p.session.client.CheckArtifactFree(gctx, p.session.ref.Entity, p.session.ref.Project, p.kind, p.name)
	})
	g.Go(func() error { return p.connectSource(gctx) })
	return g.Wait()
}

// connectSource connects to MongoDB and checks that the view can be read.
func (p *publisher) connectSource(ctx context.Context) (err error) {
	query := p.view.Query
	if p.source, err = view.Connect(ctx, query.URI); err != nil {
		return err
	}
	return p.source.Check(ctx, query)
}

// close ends the connections.
func (p *publisher) close() {
	p.stopSigns()
	if p.session != nil && p.session.client != nil {
		p.session.client.Close()
	}
	if p.source != nil {
		p.source.Close()
	}
}

// newRunID is the id of a run that the caller did not name.
func newRunID(prefix string) string {
	var b [4]byte
	_, _ = rand.Read(b[:]) // never fails
	return prefix + hex.EncodeToString(b[:])
}
