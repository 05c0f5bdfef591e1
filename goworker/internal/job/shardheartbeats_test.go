package job_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/shard"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/wandb"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/wandb/config"
)

// silence makes the run look as W&B shows it after it was silent for long, or after its end.
func (w *world) silence(exitCode int) {
	w.t.Helper()
	run := w.server.State().Runs[0]
	settings, err := config.Resolve(w.target().Settings)
	require.NoError(w.t, err)
	client, err := wandb.NewClient(settings)
	require.NoError(w.t, err)
	defer client.Close()
	require.NoError(w.t, client.FinishRun(w.t.Context(), config.RunRef{Entity: run.Entity, Project: run.Project, ID: run.Name}, exitCode))
}

func (w *world) runState() string { return w.server.State().Runs[0].State }

// TestTheRunLivesAsLongAsAnySlotUploads has the slot die that has made the run.
func TestTheRunLivesAsLongAsAnySlotUploads(t *testing.T) {
	w := newWorld(t)
	s := w.slots(w.variedView(30), 2, 10)
	require.NoError(t, s.read(t.Context()))
	a, err := s.announce(t.Context(), 0)
	require.NoError(t, err)
	s.work(s.announced).Close()
	other := s.work(s.announced + 1)
	w.silence(1)
	require.Equal(t, "failed", w.runState())

	for n := range s.shards {
		s.ups[n], err = other.Upload(t.Context(), s.plan, a, s.shards[n], s.reads[n])
		require.NoError(t, err)
	}
	require.Eventually(t, func() bool { return w.runState() == "running" }, time.Minute, 10*time.Millisecond, "no other slot shows that the run lives")

	out, err := other.Commit(t.Context(), s.plan, a, done{s}, func(context.Context) error { return nil })
	require.NoError(t, err)
	_, err = other.Finish(t.Context(), s.plan, out)
	require.NoError(t, err)
	assert.Equal(t, "finished", w.runState())
}

// TestASlotThatHasLostItsLeaseDoesNotWakeTheRun has a slot upload that was stopped while another one ended the job.
func TestASlotThatHasLostItsLeaseDoesNotWakeTheRun(t *testing.T) {
	w := newWorld(t)
	s := w.slots(w.variedView(30), 2, 10)
	require.NoError(t, s.read(t.Context()))
	a, err := s.announce(t.Context(), 0)
	require.NoError(t, err)
	w.silence(0)
	lost, cancel := context.WithCancelCause(t.Context())
	cancel(shard.ErrLost)
	other := s.work(s.announced + 1)
	_, err = other.Upload(lost, s.plan, a, s.shards[0], s.reads[0])
	require.Error(t, err)
	other.Close()
	assert.Equal(t, "finished", w.runState())
}
