package standin

import (
	"encoding/json"
	"maps"
	"slices"
)

// State is all that a stand-in holds, for tests to look at.
type State struct {
	Projects    []string          `json:"projects"` // entity/project
	Runs        []RunState        `json:"runs"`
	Collections []CollectionState `json:"collections"`
	Artifacts   []ArtifactState   `json:"artifacts"` // pending and deleted ones too
	Reports     []ReportState     `json:"reports"`
}

// RunState is a run.
type RunState struct {
	ID          string              `json:"id"`
	Entity      string              `json:"entity"`
	Project     string              `json:"project"`
	Name        string              `json:"name"`
	DisplayName string              `json:"display_name"`
	State       string              `json:"state"`
	States      []string            `json:"states"` // every state it was in
	Deleted     bool                `json:"deleted"`
	Tags        []string            `json:"tags"`
	Config      json.RawMessage     `json:"config"`
	Summary     json.RawMessage     `json:"summary"`
	ExitCode    *int64              `json:"exit_code"`
	Streams     map[string][]string `json:"streams"`
	Files       []string            `json:"files"`
	Outputs     []string            `json:"outputs"` // artifact IDs
	Inputs      []string            `json:"inputs"`
	Group       string              `json:"group"`
	JobType     string              `json:"job_type"`
	Notes       string              `json:"notes"`
	Host        string              `json:"host"`
	Program     string              `json:"program"`
	Upserts     int                 `json:"upserts"`      // how often upsertBucket wrote to it
	StreamPosts int                 `json:"stream_posts"` // how often file_stream was posted to
	// PostsAfterEnd counts posts that woke a run which had ended.
	PostsAfterEnd int `json:"posts_after_end"`
}

// CollectionState is an artifact collection.
type CollectionState struct {
	Entity  string            `json:"entity"`
	Project string            `json:"project"`
	Name    string            `json:"name"`
	Type    string            `json:"type"`
	Tags    []string          `json:"tags"`
	Aliases map[string]string `json:"aliases"` // alias -> artifact ID
}

// ArtifactState is an artifact.
type ArtifactState struct {
	ID          string               `json:"id"`
	Entity      string               `json:"entity"`
	Project     string               `json:"project"`
	Collection  string               `json:"collection"`
	Type        string               `json:"type"`
	State       string               `json:"state"`
	Version     int                  `json:"version"` // -1 if it was never committed
	Digest      string               `json:"digest"`
	Description string               `json:"description"`
	Metadata    json.RawMessage      `json:"metadata"`
	Aliases     []string             `json:"aliases"`
	Tags        []string             `json:"tags"`
	Run         string               `json:"run"` // entity/project/run that made it
	Size        int64                `json:"size"`
	Files       map[string]FileState `json:"files"`
}

// FileState is a file of an artifact.
type FileState struct {
	Digest string `json:"digest"`
	Size   int64  `json:"size"`
	Birth  string `json:"birth"`
	Ref    string `json:"ref,omitempty"`
}

// ReportState is a report.
type ReportState struct {
	ID          string `json:"id"`
	Entity      string `json:"entity"`
	Project     string `json:"project"`
	DisplayName string `json:"display_name"`
	Description string `json:"description"`
}

// State is a copy of all that the server holds now.
func (s *Server) State() State {
	out := State{Projects: []string{}, Runs: []RunState{}, Collections: []CollectionState{}, Artifacts: []ArtifactState{}, Reports: []ReportState{}}
	s.read(func(d *data) {
		for _, p := range sorted(d.Projects, all, func(p *project) int64 { return p.N }) {
			out.Projects = append(out.Projects, p.key())
		}
		for _, r := range sorted(d.Runs, all, func(r *run) int64 { return r.N }) {
			out.Runs = append(out.Runs, s.runState(r))
		}
		for _, c := range sorted(d.Collections, all, func(c *collection) int64 { return c.N }) {
			out.Collections = append(out.Collections, CollectionState{
				Entity: c.Entity, Project: c.Project, Name: c.Name, Type: c.Type, Tags: slices.Clone(c.Tags), Aliases: maps.Clone(c.Aliases),
			})
		}
		for _, a := range sorted(d.Artifacts, all, func(a *artifact) int64 { return a.N }) {
			if c := d.Collections[a.Collection]; c != nil {
				out.Artifacts = append(out.Artifacts, d.artifactState(a, c))
			}
		}
		for _, v := range sorted(d.Views, all, func(v *view) int64 { return v.N }) {
			out.Reports = append(out.Reports, ReportState{v.ID, v.Entity, v.Project, v.DisplayName, v.Description})
		}
	})
	return out
}

// rawJSON is a text that is JSON; null if it is empty.
func rawJSON(text string) json.RawMessage {
	if text == "" {
		return json.RawMessage("null")
	}
	return json.RawMessage(text)
}

func all[T any](T) bool { return true }

func (s *Server) runState(r *run) RunState {
	streams := map[string][]string{}
	for name, lines := range r.Streams {
		streams[name] = slices.Clone(lines)
	}
	return RunState{
		ID: r.ID, Entity: r.Entity, Project: r.Project, Name: r.Name, DisplayName: r.DisplayName, State: s.stateOf(r),
		States: slices.Clone(r.States), Deleted: r.Deleted, Tags: slices.Clone(r.Tags), Config: rawJSON(r.Config),
		Summary: rawJSON(r.Summary),
		Group:   r.Group, JobType: r.JobType, Notes: r.Notes, Host: r.Host, Program: r.Program,
		ExitCode: r.ExitCode, Streams: streams, Files: slices.Sorted(maps.Keys(r.Files)), Outputs: slices.Clone(r.Outputs),
		Inputs: slices.Clone(r.Inputs), Upserts: r.Upserts, StreamPosts: r.StreamPosts, PostsAfterEnd: r.PostsAfterEnd,
	}
}

func (d *data) artifactState(a *artifact, c *collection) ArtifactState {
	files := make(map[string]FileState, len(a.contents))
	for name, e := range a.contents {
		files[name] = FileState{e.Digest, e.size(), e.Birth, e.Ref}
	}
	out := ArtifactState{
		ID: a.ID, Entity: c.Entity, Project: c.Project, Collection: c.Name, Type: c.Type, State: a.State, Version: a.Version,
		Digest: a.Digest, Description: a.Description, Metadata: rawJSON(a.Metadata), Aliases: c.aliasesOf(a.ID), Tags: slices.Clone(a.Tags),
		Size: a.Size, Files: files,
	}
	if r := d.runsByID[a.RunID]; r != nil {
		out.Run = r.key()
	}
	return out
}
