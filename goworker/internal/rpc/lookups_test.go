package rpc_test

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	pb "github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/gen/wandbworker/v1"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/rpc"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/standin"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/wandb/wandbtest"
)

// reading is a worker beside a stand-in with something to read.
type reading struct {
	t      *testing.T
	server *standin.Server
	seed   *wandbtest.Seed
	worker pb.WorkerServiceClient
}

func newReading(t *testing.T) *reading {
	server, err := standin.New(standin.Options{Dir: t.TempDir(), Teams: []string{"team"}})
	require.NoError(t, err)
	require.NoError(t, server.Start())
	t.Cleanup(func() { _ = server.Close() })
	seed := wandbtest.NewSeed(t, wandbtest.Target{BaseURL: server.URL(), APIKey: server.Key(), Project: "p"})
	worker, _, _ := serve(t, new(rpc.Jobs).Run)
	return &reading{t: t, server: server, seed: seed, worker: worker}
}

// run sends a job and gives the id chunks, joined, and the last event.
func (r *reading) run(req *pb.RunRequest) (map[pb.IdList][]byte, *pb.RunResponse) {
	req.Wandb = &pb.WandbSettings{ApiKey: r.server.Key().Reveal(), BaseUrl: r.server.URL(), Project: "p"}
	stream, err := r.worker.Run(r.t.Context(), req)
	require.NoError(r.t, err)
	ids := map[pb.IdList][]byte{}
	var last *pb.RunResponse
	for {
		event, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return ids, last
		}
		require.NoError(r.t, err)
		if chunk := event.GetIdChunk(); chunk != nil {
			ids[chunk.GetList()] = append(ids[chunk.GetList()], chunk.GetIds()...)
			continue
		}
		last = event
	}
}

func (r *reading) lookup(m *pb.Lookup) *pb.LookupResult {
	_, last := r.run(&pb.RunRequest{Job: &pb.RunRequest_Lookup{Lookup: m}})
	require.Empty(r.t, last.GetFailure().GetMessage())
	return last.GetLookupResult()
}

const twoIDs = "0123456789abcdef01234567\n89abcdef0123456789abcdef\n"

func TestReadingJobs(t *testing.T) {
	r := newReading(t)
	run := r.seed.Run("run1", "swift-fox", map[string]any{"lr": 0.1})
	logged := r.seed.Artifact(run, "dataset", "view", `{"num_samples":2,"fiftyone_dataset_name":"quickstart","sample_ids":["x"]}`,
		map[string]string{"fiftyone/sample_ids.txt": twoIDs, "fiftyone/view.json": `[{"_cls":"a"}]`}, "best")
	r.seed.GraphQL(`mutation($e:String,$p:String){upsertView(input:{entityName:$e,projectName:$p,type:"runs",displayName:"My report",spec:"{}"}){inserted}}`,
		map[string]any{"e": r.seed.Entity, "p": "p"})

	projects := r.lookup(&pb.Lookup{Kind: pb.LookupKind_LOOKUP_KIND_PROJECTS})
	assert.Equal(t, "p", projects.GetProjects()[0].GetName())
	assert.Equal(t, r.server.URL()+"/local-user/p", projects.GetProjects()[0].GetUrl())
	assert.Equal(t, []string{"local-user", "team"}, projects.GetEntities())
	assert.Equal(t, "local-user", projects.GetUsername())

	runs := r.lookup(&pb.Lookup{Kind: pb.LookupKind_LOOKUP_KIND_RUNS})
	require.Len(t, runs.GetRuns(), 1)
	assert.Equal(t, "swift-fox", runs.GetRuns()[0].GetDisplayName())
	assert.Equal(t, "running", runs.GetRuns()[0].GetState())
	assert.EqualValues(t, 1, runs.GetTotal())

	for kind, m := range map[string]*pb.Lookup{
		"types":    {Kind: pb.LookupKind_LOOKUP_KIND_ARTIFACTS, ArtifactTypes: []string{"dataset", "predictions"}, Details: 20},
		"all":      {Kind: pb.LookupKind_LOOKUP_KIND_ARTIFACTS, Details: 20},
		"ids":      {Kind: pb.LookupKind_LOOKUP_KIND_ARTIFACTS, ArtifactIds: []string{logged.ID}},
		"versions": {Kind: pb.LookupKind_LOOKUP_KIND_VERSIONS, ArtifactName: "view", Details: 1},
	} {
		t.Run(kind, func(t *testing.T) {
			found := r.lookup(m)
			require.Len(t, found.GetArtifacts(), 1)
			a := found.GetArtifacts()[0]
			assert.Equal(t, []string{"view", "dataset", "v0", logged.ID}, []string{a.GetName(), a.GetType(), a.GetVersion(), a.GetId()})
			assert.Equal(t, []string{"best", "latest"}, a.GetAliases())
			assert.EqualValues(t, 2, a.GetSamples())
			assert.Equal(t, "quickstart", a.GetDatasetName())
			assert.Equal(t, r.server.URL()+"/local-user/p/artifacts/dataset/view/v0", a.GetUrl())
		})
	}
	reports := r.lookup(&pb.Lookup{Kind: pb.LookupKind_LOOKUP_KIND_REPORTS})
	require.Len(t, reports.GetReports(), 1)
	assert.Equal(t, "My report", reports.GetReports()[0].GetTitle())

	t.Run("artifact", func(t *testing.T) { testReadArtifact(t, r) })
	t.Run("run", func(t *testing.T) { testReadRun(t, r) })
}

func testReadArtifact(t *testing.T, r *reading) {
	ids, last := r.run(&pb.RunRequest{Job: &pb.RunRequest_ReadArtifact{ReadArtifact: &pb.ReadArtifact{
		Reference: "view:best", Lists: []pb.IdList{pb.IdList_ID_LIST_SAMPLES, pb.IdList_ID_LIST_LABELS}}}})
	require.Empty(t, last.GetFailure().GetMessage())
	content := last.GetArtifactContent()
	want, err := hex.DecodeString(strings.ReplaceAll(twoIDs, "\n", ""))
	require.NoError(t, err)
	assert.True(t, bytes.Equal(want, ids[pb.IdList_ID_LIST_SAMPLES]))
	assert.Equal(t, []pb.IdList{pb.IdList_ID_LIST_SAMPLES}, content.GetFound())
	assert.Equal(t, `[{"_cls":"a"}]`, content.GetSerializationJson())
	assert.JSONEq(t, `{"num_samples":2,"fiftyone_dataset_name":"quickstart"}`, content.GetMetadataJson())
	assert.Equal(t, "run1", content.GetCreatedBy().GetId())
	assert.EqualValues(t, 2, content.GetArtifact().GetSamples())
}

func testReadRun(t *testing.T, r *reading) {
	_, last := r.run(&pb.RunRequest{Job: &pb.RunRequest_ReadRun{ReadRun: &pb.ReadRun{
		Reference: "swift-fox", AddTags: []string{"fiftyone"}, WithArtifacts: true}}})
	require.Empty(t, last.GetFailure().GetMessage())
	run := last.GetRunDetails()
	assert.Equal(t, "run1", run.GetRun().GetId())
	assert.Equal(t, []string{"fiftyone"}, run.GetAddedTags())
	assert.Equal(t, []string{"fiftyone"}, run.GetRun().GetTags())
	assert.JSONEq(t, `{"lr":0.1}`, run.GetConfigJson())
	assert.True(t, json.Valid([]byte(run.GetSummaryJson())))
	require.Len(t, run.GetOutputs(), 1)
	assert.Equal(t, "view", run.GetOutputs()[0].GetName())
	assert.Equal(t, r.server.URL()+"/local-user/p", run.GetProjectUrl())
}

// TestReadingJobsThatFail: each ends with one event that says why, without the key.
func TestReadingJobsThatFail(t *testing.T) {
	r := newReading(t)
	r.seed.Artifact(r.seed.Run("run1", "", nil), "dataset", "bad", "{}", map[string]string{"fiftyone/sample_ids.txt": strings.Repeat(twoIDs, 50_000) + "x"})
	for name, c := range map[string]struct {
		req    *pb.RunRequest
		code   string
		source pb.Source
	}{
		"no kind":      {&pb.RunRequest{Job: &pb.RunRequest_Lookup{Lookup: &pb.Lookup{}}}, "unknown_job", pb.Source_SOURCE_PLUGIN},
		"no artifact":  {&pb.RunRequest{Job: &pb.RunRequest_ReadArtifact{ReadArtifact: &pb.ReadArtifact{Reference: "none"}}}, "not_found", pb.Source_SOURCE_SETTINGS},
		"no reference": {&pb.RunRequest{Job: &pb.RunRequest_ReadRun{ReadRun: &pb.ReadRun{}}}, "bad_reference", pb.Source_SOURCE_SETTINGS},
		"damaged": {&pb.RunRequest{Job: &pb.RunRequest_ReadArtifact{ReadArtifact: &pb.ReadArtifact{
			Reference: "bad", Lists: []pb.IdList{pb.IdList_ID_LIST_SAMPLES}}}}, "bad_artifact", pb.Source_SOURCE_WANDB},
	} {
		t.Run(name, func(t *testing.T) {
			_, last := r.run(c.req)
			assert.Equal(t, c.code, last.GetFailure().GetCode(), last.GetFailure().GetMessage())
			assert.Equal(t, c.source, last.GetFailure().GetSource())
			assert.NotContains(t, last.GetFailure().GetMessage(), r.server.Key().Reveal())
		})
	}
}
