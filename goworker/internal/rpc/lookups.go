package rpc

import (
	"context"

	pb "github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/gen/wandbworker/v1"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/lookup"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/wandb/config"
)

// lookup does a Lookup and sends what it found.
func list(ctx context.Context, m *pb.Lookup, in config.Inputs, send func(*pb.RunResponse) error) error {
	res, err := lookup.List{
		Settings: in, Kind: lookup.Kind(m.GetKind()), ArtifactTypes: m.GetArtifactTypes(), ArtifactName: m.GetArtifactName(),
		Limit: int(m.GetLimit()), After: m.GetAfter(), Search: m.GetSearch(), Metrics: m.GetMetrics(),
		Details: int(m.GetDetails()), ArtifactIDs: m.GetArtifactIds(),
	}.Run(ctx)
	if err != nil {
		return err
	}
	out := &pb.LookupResult{
		Entity: res.Entity, Project: res.Project, BaseUrl: res.BaseURL, Username: res.Viewer.Username,
		Next: res.Next, Total: res.Total, Entities: res.Entities, Runs: each(res.Runs, runEntryOf), Artifacts: each(res.Artifacts, artifactEntryOf),
		Projects: each(res.Projects, func(p lookup.ProjectEntry) *pb.ProjectEntry {
			return &pb.ProjectEntry{Name: p.Name, CreatedAt: p.CreatedAt, Url: p.URL}
		}),
		Reports: each(res.Reports, func(r lookup.ReportEntry) *pb.ReportEntry {
			return &pb.ReportEntry{Id: r.ID, Title: r.Title, Description: r.Description, UpdatedAt: r.UpdatedAt, Username: r.Username, Url: r.URL}
		}),
	}
	return send(&pb.RunResponse{Event: &pb.RunResponse_LookupResult{LookupResult: out}})
}

// readArtifact does a ReadArtifact: the lists of ids go ahead of the result.
func readArtifact(ctx context.Context, m *pb.ReadArtifact, in config.Inputs, send func(*pb.RunResponse) error) error {
	j := lookup.ReadArtifact{Settings: in, Reference: m.GetReference(), Version: m.GetVersion(), UsedByRun: m.GetUsedByRun(),
		Directory: m.GetDirectory()}
	for _, list := range m.GetLists() {
		j.Lists = append(j.Lists, lookup.IDList(list))
	}
	res, err := j.Run(ctx, func(list lookup.IDList, packed []byte) error {
		chunk := &pb.IdChunk{List: pb.IdList(list), Ids: packed} //nolint:gosec // same order
		return send(&pb.RunResponse{Event: &pb.RunResponse_IdChunk{IdChunk: chunk}})
	})
	if err != nil {
		return err
	}
	out := &pb.ArtifactContent{
		Artifact: artifactEntryOf(res.Artifact), MetadataJson: res.MetadataJSON, SerializationJson: res.SerializationJSON,
		UsedBy:        each(res.UsedBy, runEntryOf),
		Found:         each(res.Found, func(l lookup.IDList) pb.IdList { return pb.IdList(l) }), //nolint:gosec // same order
		SettingsFiles: res.SettingsFiles,
	}
	if res.CreatedBy != nil {
		out.CreatedBy = runEntryOf(*res.CreatedBy)
	}
	return send(&pb.RunResponse{Event: &pb.RunResponse_ArtifactContent{ArtifactContent: out}})
}

// readRun does a ReadRun and sends what it found.
func readRun(ctx context.Context, m *pb.ReadRun, in config.Inputs, send func(*pb.RunResponse) error) error {
	res, err := lookup.ReadRun{
		Settings: in, Reference: m.GetReference(), AddTags: m.GetAddTags(), HistoryKeys: m.GetHistoryKeys(),
		HistoryPoints: int(m.GetHistoryPoints()), WithArtifacts: m.GetWithArtifacts(),
	}.Run(ctx)
	if err != nil {
		return err
	}
	out := &pb.RunDetails{
		Run: runEntryOf(res.Run), ConfigJson: res.ConfigJSON, SummaryJson: res.SummaryJSON, Notes: res.Notes,
		AddedTags: res.AddedTags, HistoryKeys: res.HistoryKeys, HistoryJson: res.HistoryJSON,
		Inputs: each(res.Inputs, artifactEntryOf), Outputs: each(res.Outputs, artifactEntryOf),
		HeartbeatAt: res.HeartbeatAt, ProjectUrl: res.ProjectURL, ActiveHere: res.ActiveHere,
		SettingsFiles: res.SettingsFiles,
	}
	return send(&pb.RunResponse{Event: &pb.RunResponse_RunDetails{RunDetails: out}})
}

func runEntryOf(r lookup.RunEntry) *pb.RunEntry {
	return &pb.RunEntry{
		Id: r.ID, DisplayName: r.DisplayName, State: r.State, CreatedAt: r.CreatedAt, Tags: r.Tags, MetricsJson: r.MetricsJSON,
		Username: r.Username, Url: r.URL, Entity: r.Entity, Project: r.Project,
	}
}

func artifactEntryOf(a lookup.ArtifactEntry) *pb.ArtifactEntry {
	return &pb.ArtifactEntry{
		Id: a.ID, Name: a.Name, Type: a.Type, Version: a.Version, Aliases: a.Aliases, CreatedAt: a.CreatedAt,
		Size: a.Size, FileCount: a.FileCount, Samples: a.Samples, DatasetName: a.DatasetName, DatasetId: a.DatasetID, ModelName: a.ModelName,
		PredictionsField: a.PredictionsField, Url: a.URL, Entity: a.Entity, Project: a.Project, Description: a.Description,
	}
}

// each converts a list.
func each[A, B any](list []A, convert func(A) B) []B {
	var out []B
	for _, one := range list {
		out = append(out, convert(one))
	}
	return out
}
