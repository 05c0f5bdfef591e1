package rpc

import (
	"context"
	"sync/atomic"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/chart"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/collect"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/fault"
	pb "github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/gen/wandbworker/v1"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/job"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/overlay"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/picture"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/pillow"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/publish"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/secret"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/stretch"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/view"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/wandb/config"
)

// Jobs runs the jobs of package job: it is the worker's Runner.
type Jobs struct {
	// Source names the sources that the worker was built from.
	Source   string
	leftOpen atomic.Bool
}

// LeftOpen reports whether a W&B run that a job made may not have ended, or may be woken by
// what is still on its way: then the host has to end it.
func (w *Jobs) LeftOpen() bool { return w.leftOpen.Load() }

// Run does one job.
func (w *Jobs) Run(ctx context.Context, req *pb.RunRequest, send func(*pb.RunResponse) error) error {
	events := publish.Events{
		Progress: func(p collect.Progress) { _ = send(progressOf(p)) },
		RunCreated: func(entity, project, runID string) {
			_ = send(&pb.RunResponse{Event: &pb.RunResponse_RunCreated{
				RunCreated: &pb.RunCreated{Entity: entity, Project: project, RunId: runID}}})
		},
		RunLeftOpen: func() { w.leftOpen.Store(true) },
	}
	inputs := inputsOf(req)
	switch one := req.GetJob().(type) {
	case *pb.RunRequest_LogView:
		j, err := logViewOf(one.LogView, inputs)
		if err != nil {
			return err
		}
		return sendLogged(send)(j.Run(ctx, events))
	case *pb.RunRequest_LogPredictions:
		j, err := logPredictionsOf(one.LogPredictions, inputs)
		if err != nil {
			return err
		}
		return sendLogged(send)(j.Run(ctx, events))
	case *pb.RunRequest_LogEvaluation:
		j, err := logEvaluationOf(one.LogEvaluation, inputs)
		if err != nil {
			return err
		}
		return sendLogged(send)(j.Run(ctx, events))
	case *pb.RunRequest_ReadEvaluation:
		return readEvaluation(ctx, one.ReadEvaluation, events, send)
	case *pb.RunRequest_FinishRun:
		j := publish.FinishRun{Settings: inputs, Entity: one.FinishRun.GetEntity(), Project: one.FinishRun.GetProject(),
			RunID: one.FinishRun.GetRunId(), ExitCode: int(one.FinishRun.GetExitCode())}
		if err := j.Run(ctx); err != nil {
			return err
		}
		return send(&pb.RunResponse{Event: &pb.RunResponse_RunFinished{RunFinished: &pb.RunFinished{}}})
	case *pb.RunRequest_Lookup:
		return list(ctx, one.Lookup, inputs, send)
	case *pb.RunRequest_ReadArtifact:
		return readArtifact(ctx, one.ReadArtifact, inputs, send)
	case *pb.RunRequest_ReadTable:
		return readTable(ctx, one.ReadTable, inputs, send)
	case *pb.RunRequest_ReadRun:
		return readRun(ctx, one.ReadRun, inputs, send)
	case *pb.RunRequest_RunSlot:
		return sendLogged(send)(w.runSlot(ctx, one.RunSlot, inputs, events))
	case *pb.RunRequest_SyncOffline:
		j := publish.SyncOffline{Settings: inputs, Directory: one.SyncOffline.GetDirectory(),
			Entity: one.SyncOffline.GetEntity(), Project: one.SyncOffline.GetProject()}
		return sendLogged(send)(j.Run(ctx, events))
	}
	return fault.New(fault.Plugin, fault.UnknownJob,
		"The worker does not know this job: plugin and worker are from different releases. Build the worker again with `make build`.")
}

func inputsOf(req *pb.RunRequest) config.Inputs {
	s := req.GetWandb()
	in := config.Inputs{
		APIKey: secret.String(s.GetApiKey()), BaseURL: s.GetBaseUrl(), Entity: s.GetEntity(), Project: s.GetProject(),
		Env: s.GetEnvironment(), Dir: s.GetDirectory(), Home: s.GetHome(), Host: s.GetHost(), Program: s.GetProgram(),
		Offline: s.GetOffline(), OfflineDir: s.GetOfflineDirectory(),
		UserAgent: "fiftyone-wandb-plugin/" + req.GetClientVersion(),
	}
	if a := s.GetActiveRun(); a != nil {
		in.ActiveRun = &config.ActiveRun{Entity: a.GetEntity(), Project: a.GetProject(), RunID: a.GetRunId(), BaseURL: a.GetBaseUrl(),
			OfflineDir: a.GetOfflineDirectory()}
	}
	return in
}

func logViewOf(m *pb.LogView, in config.Inputs) (job.LogView, error) {
	v, d, err := rowsOf(m.GetView(), m.GetDataset())
	return job.LogView{
		Target: publish.Target{Settings: in, RunID: m.GetRunId(), ArtifactName: m.GetArtifactName(), Description: m.GetDescription(),
			Aliases: m.GetAliases(), Tags: m.GetTags(), DryRun: m.GetDryRun()},
		View: v, Dataset: d, IncludeLabels: m.GetIncludeLabels(), Pictures: picturesOf(m.GetIncludeImages(), m.GetPictures(), in.Home),
		Labels: fieldsOf(m.GetLabels()), Fields: fieldsOf(m.GetFields()), Embeddings: fieldsOf(m.GetEmbeddings()),
		Parts: partsOf(m.GetParts()),
	}, err
}

func logPredictionsOf(m *pb.LogPredictions, in config.Inputs) (job.LogPredictions, error) {
	v, d, err := rowsOf(m.GetView(), m.GetDataset())
	j := job.LogPredictions{
		Target: publish.Target{Settings: in, RunID: m.GetRunId(), ArtifactName: m.GetArtifactName(), Description: m.GetDescription(),
			Aliases: m.GetAliases(), Tags: m.GetTags(), InputArtifact: m.GetInputArtifact(), DryRun: m.GetDryRun()},
		View: v, Dataset: d, Predictions: fieldOf(m.GetPredictions()),
		ModelName: m.GetModelName(), ModelVersion: m.GetModelVersion(), ModelConfigJSON: m.GetModelConfigJson(),
		LowConfidence: m.GetLowConfidenceThreshold(), Pictures: picturesOf(m.GetIncludeImages(), m.GetPictures(), in.Home),
		Timestamp: m.GetInferenceTimestamp(), NameTimestamp: m.GetNameTimestamp(), Fields: fieldsOf(m.GetFields()),
		Parts: partsOf(m.GetParts()),
	}
	if m.GetPrompt() != nil {
		prompt := fieldOf(m.GetPrompt())
		j.Prompt = &prompt
	}
	return j, err
}

func partsOf(m *pb.TableParts) collect.Parts {
	return collect.Parts{Whole: m.GetWhole(), Part: m.GetPart()}
}

// picturesOf are a table's pictures, nil for none.
func picturesOf(wanted bool, m *pb.Pictures, home string) *picture.Config {
	if !wanted {
		return nil
	}
	return &picture.Config{Mode: picture.Mode(m.GetMode()), Size: int(m.GetThumbnailSize()), //nolint:gosec // same order
		CacheDir: m.GetCacheDirectory(), CacheBytes: m.GetCacheBytes(), FFmpeg: m.GetFfmpeg(),
		Crop: fieldsOf(m.GetCropFields()), SmallerCopy: m.GetSmallField(), Projection: m.GetProjectionField(), Facts: m.GetFactColumns(),
		FramesOfVideos: m.GetFrameSource() != "", Range: stretch.Range{Low: m.GetImageRange().GetLow(), High: m.GetImageRange().GetHigh()},
		Slices:      picture.Slices{Names: m.GetSlices(), Field: m.GetGroupField(), Collection: m.GetGroupCollection()},
		Pillow:      pillow.Program{Python: m.GetPillow().GetPython(), Script: m.GetPillow().GetScript(), Packages: m.GetPillow().GetPackages()},
		PicturesMax: m.GetPicturesMax(), Seed: m.GetSeed(), Overlays: overlaysOf(m.GetOverlays(), home)}
}

// overlaysOf is what is drawn over a table's pictures, nil for nothing.
func overlaysOf(m *pb.Overlays, home string) *picture.Overlays {
	if len(m.GetFields()) == 0 {
		return nil
	}
	return &picture.Overlays{Fields: fieldsOf(m.GetFields()), Masks: overlay.MaskMode(m.GetMasks()), Home: home} //nolint:gosec // same order
}

func rowsOf(v *pb.View, d *pb.Dataset) (collect.View, collect.Dataset, error) {
	query, err := queryOf(v)
	if err != nil {
		return collect.View{}, collect.Dataset{}, err
	}
	whole, err := view.ParsePipeline(d.GetPipeline())
	if err != nil {
		return collect.View{}, collect.Dataset{}, badPipeline(err)
	}
	return collect.View{
			Query: query,
			Rows:  rowKinds[v.GetRowKind()], IsSubset: v.GetIsSubset(), SerializationJSON: v.GetSerializationJson(),
			GroupSlice: v.GetGroupSlice(), Selection: selectionOf(v.GetSelection()),
		}, collect.Dataset{
			Name: d.GetName(), ID: d.GetId(), MediaType: d.GetMediaType(), FiftyOneVersion: d.GetFiftyoneVersion(),
			CreatedAt: d.GetCreatedAt(), LastModifiedAt: d.GetLastModifiedAt(), InfoJSON: d.GetInfoJson(),
			DefaultClassesJSON: d.GetDefaultClassesJson(), MaskTargetsJSON: d.GetMaskTargetsJson(),
			FrameFields: d.GetFrameFields(), HasFrameFields: d.GetHasFrameFields(), Collection: d.GetCollection(), Pipeline: whole,
		}, nil
}

// selectionOf is which rows to log, nil for all.
func selectionOf(m *pb.Selection) *collect.Selection {
	if m == nil {
		return nil
	}
	return &collect.Selection{Max: m.GetMaxSamples(), Seed: m.GetSeed(), ByConfidence: m.GetLowestConfidence(), ByErrors: m.GetWorst()}
}

func badPipeline(err error) error {
	return fault.Wrap(err, fault.Plugin, fault.BadPipeline, "The view's pipeline reached the worker incomplete: please report this.")
}

var rowKinds = map[pb.RowKind]view.RowKind{
	pb.RowKind_ROW_KIND_SAMPLE: view.RowSample, pb.RowKind_ROW_KIND_PATCH: view.RowPatch,
	pb.RowKind_ROW_KIND_CLIP: view.RowClip, pb.RowKind_ROW_KIND_FRAME: view.RowFrame,
}

func fieldOf(f *pb.Field) view.Field {
	return view.Field{Path: f.GetPath(), DBPath: f.GetDbPath(), LabelType: f.GetLabelType(), FieldType: f.GetFieldType(), ItemType: f.GetItemType()}
}

func fieldsOf(list []*pb.Field) []view.Field {
	out := make([]view.Field, len(list))
	for i, f := range list {
		out[i] = fieldOf(f)
	}
	return out
}

func progressOf(p collect.Progress) *pb.RunResponse {
	return &pb.RunResponse{Event: &pb.RunResponse_Progress{Progress: &pb.Progress{
		Stage: pb.Stage(p.Stage), RowsDone: p.RowsDone, RowsTotal: p.RowsTotal, FilesDone: p.FilesDone, FilesTotal: p.FilesTotal, //nolint:gosec // same order
		BytesDone: p.BytesDone, BytesTotal: p.BytesTotal, Fraction: p.Fraction, Label: p.Label}}}
}

// sendLogged sends the result of a logging job, or returns its error.
func sendLogged(send func(*pb.RunResponse) error) func(*publish.Result, error) error {
	return func(r *publish.Result, err error) error {
		if err != nil {
			return err
		}
		m := &pb.ArtifactLogged{
			Entity: r.Entity, Project: r.Project, RunId: r.RunID, RunRelation: pb.RunRelation(r.Relation), //nolint:gosec // same order
			ArtifactName: r.ArtifactName, GivenName: r.GivenName, ArtifactVersion: r.ArtifactVersion, NewVersion: r.NewVersion,
			WandbUrl: r.RunURL, ArtifactUrl: r.ArtifactURL, BaseUrl: r.BaseURL, Samples: r.Samples,
			TotalPredictions: r.Predictions, NumClasses: r.Classes, NumLowConfidence: r.LowConfidence,
			BytesUploaded: r.BytesUploaded, FilesUploaded: r.FilesUploaded, FilesUnchanged: r.FilesUnchanged,
			RunConfigJson: r.RunConfigJSON, InputArtifactUrl: r.InputArtifactURL,
			ThumbnailsMade: r.ThumbnailsMade, ViewSamples: r.ViewSamples,
			DryRun: r.DryRun, FilesTotal: r.FilesTotal, BytesTotal: r.BytesTotal,
			Entries: r.Entries, ManifestBytes: r.ManifestBytes, ClientMemoryBytes: r.ClientMemoryBytes, SettingsFiles: r.SettingsFiles,
			OfflineDirectory: r.OfflineDir, Disabled: r.Disabled,
		}
		if r.Evaluation != nil {
			var charts []chart.Chart // of another run, the worker has told it
			if r.Relation == publish.RunActiveHere {
				charts = r.Charts
			}
			m.Evaluation, m.RunMetrics = evaluationOf(r.Evaluation.Report, charts), metricsOf(r.Metrics)
		}
		for _, w := range r.Warnings {
			m.Warnings = append(m.Warnings, &pb.Warning{Code: w.Code, Message: w.Message, Count: w.Count, SampleIds: w.SampleIDs})
		}
		return send(&pb.RunResponse{Event: &pb.RunResponse_ArtifactLogged{ArtifactLogged: m}})
	}
}
