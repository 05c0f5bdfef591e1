package wandbtest

import (
	"io"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/fault"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/wandb"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/wandb/config"
)

// reading tries every question of the client that lists or reads.
func (s *suite) reading(t *testing.T) {
	run := s.newRun(t, "reading", map[string]any{"lr": 0.5})
	name := s.collection("reading")
	first, err := s.client.LogArtifact(t.Context(), s.spec(t, run, name, map[string]string{"dir/a.txt": "one"}), nil)
	require.NoError(t, err)
	second, err := s.client.LogArtifact(t.Context(), s.spec(t, run, name, map[string]string{"dir/a.txt": "two!"}), nil)
	require.NoError(t, err)
	require.NoError(t, s.client.FinishRun(t.Context(), run.RunRef, 0))

	s.listing(t, run, name, first, second)
	settings := s.client.Settings()
	for _, reference := range []string{
		name, name + ":" + second.Version, s.entity + "/" + s.target.Project + "/" + name, second.ID,
		settings.ArtifactURL(s.entity, s.target.Project, "dataset", name, second.Version),
	} {
		ref, err := settings.ParseArtifactRef(reference)
		require.NoError(t, err, reference)
		v, err := s.client.FindArtifact(t.Context(), ref, []string{"dir/a.txt", "none"})
		require.NoError(t, err, reference)
		assert.Equal(t, second.ID, v.ID, reference)
		require.NotNil(t, v.CreatedBy, reference)
		assert.Equal(t, run.RunRef, v.CreatedBy.RunRef)
		require.Len(t, v.Files, 1)
		r, err := s.client.OpenFile(t.Context(), v.Files["dir/a.txt"])
		require.NoError(t, err)
		raw, err := io.ReadAll(r)
		require.NoError(t, err)
		require.NoError(t, r.Close())
		assert.Equal(t, "two!", string(raw))
	}
	_, err = s.client.FindArtifact(t.Context(), config.ArtifactRef{Name: name, Alias: "none"}, nil)
	assert.Equal(t, "not_found", fault.Code(err), "%v", err)

	added, err := s.client.AddRunTags(t.Context(), run.RunRef, []string{"contract", "two words"})
	require.NoError(t, err)
	assert.Equal(t, []string{"contract", "two words"}, added)
	for _, reference := range []string{run.ID, "contract reading", settings.RunURL(run.Entity, run.Project, run.ID)} {
		d, err := s.client.ReadRun(t.Context(), wandb.RunQuery{Entity: s.entity, Project: s.target.Project, Reference: reference, HistoryKeys: []string{"loss"}, HistoryPoints: 10, Artifacts: true})
		if fault.Code(err) == "ambiguous" {
			continue // An earlier run of the suite may have left its run of this name.
		}
		require.NoError(t, err, reference)
		assert.Equal(t, run.ID, d.ID)
		assert.Equal(t, "0.5", string(d.Config["lr"]))
		assert.Equal(t, "finished", d.State, "a tag does not change the state")
		assert.Subset(t, d.Tags, added)
		assert.Len(t, d.Outputs, 2)
	}
}

// listing tries the lists: the newest entries of each are what was just made.
func (s *suite) listing(t *testing.T, run *wandb.Run, name string, first, second wandb.LoggedArtifact) {
	ctx, list := t.Context(), wandb.ListOptions{Entity: s.target.Entity, Project: s.target.Project, Limit: 50}
	projects, err := s.client.ListProjects(ctx, list)
	require.NoError(t, err)
	assert.Equal(t, s.entity, projects.Entity)

	runs, err := s.client.ListRuns(ctx, wandb.RunOptions{ListOptions: list, Search: run.ID[3:], SomeSummaries: 3})
	require.NoError(t, err)
	require.Len(t, runs.Items, 1)
	assert.Equal(t, run.RunRef, runs.Items[0].RunRef)

	for _, types := range [][]string{{"dataset", "predictions"}, nil} {
		artifacts, err := s.client.ListArtifacts(ctx, list, types)
		require.NoError(t, err)
		i := slices.IndexFunc(artifacts.Items, func(a wandb.ArtifactInfo) bool { return a.Name == name })
		require.GreaterOrEqual(t, i, 0, "the newest artifacts come first")
		assert.Equal(t, second.ID, artifacts.Items[i].ID)
		assert.Equal(t, second.Version, artifacts.Items[i].Version)
		assert.Contains(t, artifacts.Items[i].Aliases, "latest")
	}
	versions, err := s.client.ListVersions(ctx, list, name)
	require.NoError(t, err)
	require.Len(t, versions.Items, 2)
	assert.Equal(t, []string{second.ID, first.ID}, []string{versions.Items[0].ID, versions.Items[1].ID})

	details, err := s.client.ArtifactDetails(ctx, []wandb.DetailQuery{{ID: first.ID, Metadata: true}, {ID: second.ID}}, []string{"dir/a.txt"})
	require.NoError(t, err)
	require.Len(t, details, 2)
	assert.NotEmpty(t, details[first.ID].Metadata)
	assert.Empty(t, details[second.ID].Metadata)
	assert.EqualValues(t, 4, details[second.ID].Files["dir/a.txt"].Size)

	_, err = s.client.ListReports(ctx, list)
	require.NoError(t, err)
}
