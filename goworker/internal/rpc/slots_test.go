package rpc_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/bson"
	"google.golang.org/protobuf/proto"

	pb "github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/gen/wandbworker/v1"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/mongotest"
)

// share puts the document of a job into the database, as the host makes it: without secrets, addresses and what is a machine's own.
func (w *world) share(req *pb.RunRequest, more ...bson.E) (id string) {
	w.t.Helper()
	req = proto.Clone(req).(*pb.RunRequest)
	if req.Wandb == nil {
		req.Wandb = &pb.WandbSettings{Project: "p", BaseUrl: w.server.URL()}
	}
	switch one := req.GetJob().(type) {
	case *pb.RunRequest_LogView:
		one.LogView.View.Uri = ""
	case *pb.RunRequest_LogPredictions:
		one.LogPredictions.View.Uri = ""
	case *pb.RunRequest_LogEvaluation:
		one.LogEvaluation.View.Uri = ""
		for _, s := range one.LogEvaluation.GetSubsets() {
			s.View.Uri = ""
		}
	}
	raw, err := proto.Marshal(req)
	require.NoError(w.t, err)
	return w.shareRaw(raw, more...)
}

// shareRaw is share for any bytes.
func (w *world) shareRaw(request []byte, more ...bson.E) (id string) {
	id = bson.NewObjectID().Hex()
	doc := append(bson.D{{Key: "_id", Value: id}, {Key: "state", Value: "planning"}, {Key: "request", Value: bson.Binary{Data: request}}}, more...)
	require.NoError(w.t, mongo.Append(w.t.Context(), mongotest.Database, "wandb.jobs", []any{doc}))
	return id
}

// slot works on a shared job.
func (w *world) slot(id string, change ...func(*pb.RunRequest)) *pb.RunRequest {
	m := &pb.RunSlot{JobId: id, Uri: mongo.URI.Reveal(), Database: mongotest.Database, Machine: &pb.Pictures{}}
	req := &pb.RunRequest{Wandb: w.settings(), Job: &pb.RunRequest_RunSlot{RunSlot: m}}
	req.Wandb.Project = "" // the job's document says where it goes
	for _, c := range change {
		c(req)
	}
	return req
}

// TestASlotLogsWhatOneWorkerLogs holds that of a job of each kind, which one slot does alone.
func TestASlotLogsWhatOneWorkerLogs(t *testing.T) {
	d := newEvaluated(t, "ev")
	d.samples(7)
	view, report := d.everything(), d.log("ev")
	view.ArtifactName, view.Parts = "view", &pb.TableParts{Whole: 4, Part: 2}
	report.Parts = &pb.TableParts{Whole: 14, Part: 7}
	report.Subsets = []*pb.EvaluationSubset{{Name: "good", View: d.where(`{"$match": {"quality": {"$gt": 0.5}}}`)}}
	predictions := &pb.LogPredictions{View: d.view(), Dataset: d.dataset(), Predictions: predictionsField, ModelName: "m", ArtifactName: "predictions",
		LowConfidenceThreshold: 0.5, Parts: &pb.TableParts{Whole: 4, Part: 2}}
	for name, req := range map[string]*pb.RunRequest{
		"view": logView(view), "report": logEvaluation(report),
		"predictions": {Job: &pb.RunRequest_LogPredictions{LogPredictions: predictions}},
	} {
		t.Run(name, func(t *testing.T) {
			d.t = t
			want := d.logged(proto.Clone(req).(*pb.RunRequest))
			state := d.server.State()
			first := state.Artifacts[len(state.Artifacts)-1]
			id := d.share(req)
			got := d.logged(d.slot(id))
			assert.Equal(t, []any{want.GetSamples(), want.GetTotalPredictions(), want.GetNumLowConfidence(), want.GetArtifactName(), want.GetArtifactVersion()},
				[]any{got.GetSamples(), got.GetTotalPredictions(), got.GetNumLowConfidence(), got.GetArtifactName(), got.GetArtifactVersion()})
			assert.False(t, got.GetNewVersion(), "the bytes are the same: %s", first.Digest)
			assert.Equal(t, numbers(want.GetRunMetrics()), numbers(got.GetRunMetrics()))
			state = d.server.State()
			assert.Equal(t, "finished", state.Runs[len(state.Runs)-1].State)

			late := d.logged(d.slot(id, func(r *pb.RunRequest) { r.GetRunSlot().Slot = 1 }))
			assert.Equal(t, got.GetRunId(), late.GetRunId(), "a slot that comes late has the same result")
			assert.Len(t, d.server.State().Runs, len(state.Runs))
		})
	}
}

// TestWhatIsSeenOfASlot holds a slot at a point, as tests do, until it has told how far it is.
func TestWhatIsSeenOfASlot(t *testing.T) {
	w := newWorld(t)
	w.samples(5)
	m := w.everything()
	m.Parts = &pb.TableParts{Whole: 2, Part: 2}
	point := filepath.Join(t.TempDir(), "point")
	stream, err := w.worker.Run(t.Context(), w.slot(w.share(logView(m)), func(r *pb.RunRequest) {
		r.GetRunSlot().Point, r.GetRunSlot().PointFile = "wait read:1:begin", point
	}))
	require.NoError(t, err)
	fraction := 0.0
	var event *pb.RunResponse
	for event, err = stream.Recv(); event.GetProgress() != nil; event, err = stream.Recv() {
		p := event.GetProgress()
		assert.Contains(t, p.GetLabel(), "(1 worker)")
		assert.GreaterOrEqual(t, p.GetFraction(), fraction)
		if fraction = p.GetFraction(); p.GetRowsDone() == 2 {
			assert.Equal(t, "Reading samples: 2 of 5 (1 worker)", p.GetLabel())
			assert.FileExists(t, point)
			require.NoError(t, os.WriteFile(point+".go", nil, 0o600))
		}
	}
	require.NoError(t, err)
	require.NotNil(t, event.GetArtifactLogged(), "no host of a slot hears of the run, which it would end for all: %v", event)
	assert.Positive(t, fraction)
}

// TestSlotsThatFail: each ends with what is wrong, and W&B gets nothing.
func TestSlotsThatFail(t *testing.T) {
	w := newWorld(t)
	w.samples(3)
	asked := func(change func(m *pb.LogView)) *pb.RunRequest {
		m := w.everything()
		change(m)
		return logView(m)
	}
	nothing := func(*pb.LogView) {}
	settings := func(change func(*pb.WandbSettings)) func(*pb.RunRequest) {
		return func(r *pb.RunRequest) { change(r.Wandb) }
	}
	for name, c := range map[string]struct {
		code string
		req  *pb.RunRequest
	}{
		"no document": {"no_job", w.slot("none")},
		"another server": {"other_server", w.slot(w.share(asked(nothing)), settings(func(s *pb.WandbSettings) {
			s.BaseUrl = "https://wandb.example"
		}))},
		"another server by W&B's variable": {"other_server", w.slot(w.share(asked(nothing)), settings(func(s *pb.WandbSettings) {
			s.BaseUrl, s.Environment = "", map[string]string{"WANDB_BASE_URL": "https://wandb.example"}
		}))},
		"no request":        {"unknown_job", w.slot(w.shareRaw([]byte("no protobuf")))},
		"another job":       {"unknown_job", w.slot(w.share(&pb.RunRequest{Job: &pb.RunRequest_Lookup{Lookup: &pb.Lookup{}}}))},
		"a broken pipeline": {"bad_pipeline", w.slot(w.share(asked(func(m *pb.LogView) { m.View.Pipeline = []byte("no BSON") })))},
		"a dry run":         {"bad_settings", w.slot(w.share(asked(func(m *pb.LogView) { m.DryRun = true })))},
		"offline": {"bad_settings", w.slot(w.share(asked(nothing)), settings(func(s *pb.WandbSettings) {
			s.Environment = map[string]string{"WANDB_MODE": "offline"}
		}))},
		"an unknown dataset": {"dataset_deleted", w.slot(w.share(asked(func(m *pb.LogView) { m.View.Collection = "samples.gone" })))},
		"no rows":            {"empty_view", w.slot(w.share(asked(func(m *pb.LogView) { m.View = w.view(`{"$match": {"score": -1}}`) })))},
		"cancelled":          {"cancelled", w.slot(w.share(asked(nothing), bson.E{Key: "cancel", Value: true}))},
	} {
		t.Run(name, func(t *testing.T) {
			got := w.failure(c.req)
			assert.Equal(t, c.code, got.GetCode(), got.GetMessage())
			assert.Empty(t, w.server.State().Artifacts)
		})
	}
}

// TestASlotUsesWhatItsMachineHas: what pictures are made with comes with the call, not from the job's document.
func TestASlotUsesWhatItsMachineHas(t *testing.T) {
	w := newWorld(t)
	w.samples(3)
	m := w.everything()
	m.Dataset.MediaType = "video"
	m.Pictures.Ffmpeg = "/nowhere/ffmpeg"
	got := w.logged(w.slot(w.share(logView(m)), func(r *pb.RunRequest) {
		r.GetRunSlot().Machine.CacheDirectory, r.GetRunSlot().Machine.CacheBytes = filepath.Join(w.dir, "cache"), 1<<20
	}))
	assert.EqualValues(t, 3, got.GetSamples())
	assert.DirExists(t, filepath.Join(w.dir, "cache"))
}
