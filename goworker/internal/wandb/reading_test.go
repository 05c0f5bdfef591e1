package wandb_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/fault"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/standin"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/wandb"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/wandb/config"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/wandb/wandbtest"
)

// library is a stand-in with something to read, and a client that reads it.
type library struct {
	*wandbtest.Seed
	t      *testing.T
	server *standin.Server
	client *wandb.Client
}

func newLibrary(t *testing.T) *library {
	server, err := standin.New(standin.Options{Dir: t.TempDir(), Teams: []string{"team"}, Forbidden: []string{"strangers"}, Middleware: recorded})
	require.NoError(t, err)
	require.NoError(t, server.Start())
	t.Cleanup(func() { _ = server.Close() })
	l := &library{t: t, server: server, Seed: wandbtest.NewSeed(t, wandbtest.Target{BaseURL: server.URL(), APIKey: server.Key(), Project: "p"})}
	l.client = l.open()
	_, err = l.client.Viewer(t.Context()) // From then on the default entity is known.
	require.NoError(t, err)
	return l
}

// open makes a client whose settings may differ from what is right.
func (l *library) open(change ...func(*config.Inputs)) *wandb.Client {
	in := config.Inputs{APIKey: l.server.Key(), BaseURL: l.server.URL(), Project: "p", UserAgent: "fiftyone-wandb-test/1"}
	for _, c := range change {
		c(&in)
	}
	return clientFor(l.t, in, wandb.WithTimings(quick()))
}

// list is the project with its default entity.
func list(limit int) wandb.ListOptions { return wandb.ListOptions{Project: "p", Limit: limit} }

// graphqlCalls is how many GraphQL requests there were since the last reset.
func (l *library) graphqlCalls() (n int) {
	for name, count := range l.server.Stats().Requests {
		if !strings.Contains(name, " ") && name != "file_stream" {
			n += count
		}
	}
	return n
}

func names(runs []wandb.RunInfo) (out []string) {
	for _, r := range runs {
		out = append(out, r.ID)
	}
	return out
}

func artifactNames(list []wandb.ArtifactInfo) (out []string) {
	for _, a := range list {
		out = append(out, a.Name)
	}
	return out
}

func TestListRunsByThePage(t *testing.T) {
	l := newLibrary(t)
	for i := range 1000 {
		l.Run(fmt.Sprintf("run-%04d", i), fmt.Sprintf("swift-fox-%d", i), nil)
	}
	for name, pageMax := range map[string]int{"as asked for": 1000, "smaller than asked for": 70} {
		t.Run(name, func(t *testing.T) {
			l.server.SetLimits(standin.Limits{PageMax: pageMax})
			l.server.ResetStats()
			page, err := l.client.ListRuns(t.Context(), wandb.RunOptions{ListOptions: list(500)})
			require.NoError(t, err)
			assert.Equal(t, (500+min(pageMax, 500)-1)/min(pageMax, 500), l.graphqlCalls(), "no request more than needed")
			require.Len(t, page.Items, 500)
			assert.Equal(t, "run-0999", page.Items[0].ID, "newest first")
			assert.EqualValues(t, 1000, page.Total)
			assert.Equal(t, l.Entity, page.Entity, "the default entity")
			assert.Equal(t, l.Entity, page.Viewer.Username)

			o := wandb.RunOptions{ListOptions: list(0)}
			o.After = page.Next
			rest, err := l.client.ListRuns(t.Context(), o)
			require.NoError(t, err)
			require.Len(t, rest.Items, 500)
			assert.Equal(t, "run-0499", rest.Items[0].ID)
			assert.Equal(t, "run-0000", rest.Items[499].ID)
			assert.Empty(t, rest.Next)
		})
	}
}

func TestSearchRuns(t *testing.T) {
	l := newLibrary(t)
	for id, name := range map[string]string{"a1": "Swift-Fox", "a2": "ÄPFEL (v1.0)", "FOX3": "other", "a4": "vv140", "a5": "[x]"} {
		l.Run(id, name, nil)
	}
	for search, want := range map[string][]string{
		"fOx": {"FOX3", "a1"}, "äpfel": {"a2"}, "(V1.0)": {"a2"}, "1.0": {"a2"}, "]": {"a5"}, " ": {"FOX3", "a1", "a2", "a4", "a5"}, "nothing": nil,
		strings.Repeat("x", 1000): nil,
	} {
		page, err := l.client.ListRuns(t.Context(), wandb.RunOptions{ListOptions: list(10), Search: search})
		require.NoError(t, err)
		assert.ElementsMatch(t, want, names(page.Items), search)
		assert.EqualValues(t, len(want), page.Total)
	}
	// A server that knows no filter by id still finds names.
	require.NoError(t, l.server.AddFault(standin.Fault{Kind: standin.KindGraphQL, Match: "ListRuns", Mode: standin.ModeStatus, Status: 400}))
	page, err := l.client.ListRuns(t.Context(), wandb.RunOptions{ListOptions: list(10), Search: "fox"})
	require.NoError(t, err)
	assert.Equal(t, []string{"a1"}, names(page.Items))
}

func TestSummariesOnlyWhereAskedFor(t *testing.T) {
	l := newLibrary(t)
	for i := range 5 {
		run := l.Run(fmt.Sprintf("r%d", i), "", nil)
		l.Stream(run, map[string]any{"files": map[string]any{"wandb-summary.json": map[string]any{"offset": 0, "content": []string{fmt.Sprintf(`{"loss":0.%d}`, i)}}}})
	}
	summaries := func(o wandb.RunOptions) (out []string) {
		l.server.ResetStats()
		page, err := l.client.ListRuns(t.Context(), o)
		require.NoError(t, err)
		for _, r := range page.Items {
			out = append(out, string(r.Summary))
		}
		assert.Equal(t, 1, l.graphqlCalls())
		return out
	}
	assert.Equal(t, []string{"", "", "", "", ""}, summaries(wandb.RunOptions{ListOptions: list(10)}))
	assert.Equal(t, []string{`{"loss":0.4}`, `{"loss":0.3}`, "", "", ""}, summaries(wandb.RunOptions{ListOptions: list(10), SomeSummaries: 2}))
	assert.Equal(t, []string{`{"loss":0.4}`, `{"loss":0.3}`}, summaries(wandb.RunOptions{ListOptions: list(2), Summaries: true}))
}

// shelve logs n artifacts, some at a time, and gives their names, the newest first in
// the order of the server.
func (l *library) shelve(n int, kind func(i int) string) {
	run := l.Run("maker", "", nil)
	var g errgroup.Group
	g.SetLimit(8)
	for i := range n {
		g.Go(func() error {
			l.Artifact(run, kind(i), fmt.Sprintf("a%04d", i), fmt.Sprintf(`{"num_samples":%d}`, i), map[string]string{"f": fmt.Sprint(i)})
			return nil
		})
	}
	_ = g.Wait()
}

// TestPagesSayHowManyThereAre: the total stays the same when a page has none of a type any more.
func TestPagesSayHowManyThereAre(t *testing.T) {
	l := newLibrary(t)
	l.shelve(6, func(i int) string { return []string{"dataset", "predictions"}[i/3] })
	o := list(4)
	for _, want := range []int{4, 2} {
		page, err := l.client.ListArtifacts(t.Context(), o, []string{"dataset", "predictions"})
		require.NoError(t, err)
		assert.Len(t, page.Items, want)
		assert.EqualValues(t, 6, page.Total)
		o.After = page.Next
	}
	assert.Empty(t, o.After)
}

func TestListArtifactsOfSeveralTypes(t *testing.T) {
	l := newLibrary(t)
	types := []string{"dataset", "predictions", "model"}
	l.shelve(600, func(i int) string { return types[min(i%6, 2)] })
	for name, pageMax := range map[string]int{"as asked for": 1000, "smaller than asked for": 120} {
		t.Run(name, func(t *testing.T) {
			l.server.SetLimits(standin.Limits{PageMax: pageMax})
			l.server.ResetStats()
			seen := map[string]bool{}
			o := list(70)
			for pages := 1; ; pages++ {
				page, err := l.client.ListArtifacts(t.Context(), o, types[:2])
				require.NoError(t, err)
				for _, a := range page.Items {
					require.False(t, seen[a.Name], "twice: %s", a.Name)
					seen[a.Name] = true
					require.Contains(t, types[:2], a.Type)
					require.Equal(t, "v0", a.Version)
					require.Equal(t, []string{"latest"}, a.Aliases)
					require.Equal(t, "of "+a.Name, a.Description)
					require.Equal(t, l.Entity+"/p", a.Entity+"/"+a.Project)
				}
				require.EqualValues(t, 200, page.Total)
				if page.Next == "" {
					require.Equal(t, 3, pages)
					break
				}
				require.Len(t, page.Items, 70)
				o.After = page.Next
			}
			assert.Len(t, seen, 200)
			assert.Equal(t, 3, l.graphqlCalls(), "one request for a page")
		})
	}
	page, err := l.client.ListArtifacts(t.Context(), list(0), types)
	require.NoError(t, err)
	assert.Len(t, page.Items, 500)
	for i := 1; i < len(page.Items); i++ {
		require.GreaterOrEqual(t, page.Items[i-1].CreatedAt, page.Items[i].CreatedAt)
	}
}

func TestListArtifactsOfAllTypes(t *testing.T) {
	l := newLibrary(t)
	l.shelve(4, func(i int) string { return []string{"dataset", "model", "run_table", "predictions"}[i] })
	page, err := l.client.ListArtifacts(t.Context(), list(0), nil)
	require.NoError(t, err)
	assert.ElementsMatch(t, []string{"a0000", "a0001", "a0003"}, artifactNames(page.Items), "not what W&B itself makes")

	page, err = l.client.ListArtifacts(t.Context(), list(0), []string{"no-such-type"})
	require.NoError(t, err)
	assert.Empty(t, page.Items)
	assert.Equal(t, l.Entity, page.Entity)

	_, err = l.client.ListArtifacts(t.Context(), wandb.ListOptions{Project: "p", After: "%%"}, nil)
	assert.Equal(t, "bad_cursor", fault.Code(err))
}

func TestListArtifactsOfAnOlderServer(t *testing.T) {
	l := newLibrary(t)
	l.shelve(3, func(int) string { return "dataset" })
	require.NoError(t, l.server.AddFault(standin.Fault{Kind: standin.KindGraphQL, Match: "ListArtifacts", Mode: standin.ModeStatus, Status: 400, Message: `Cannot query field "artifactMembership"`}))
	page, err := l.client.ListArtifacts(t.Context(), list(0), []string{"dataset"})
	require.NoError(t, err)
	assert.Len(t, page.Items, 3)
}

func TestListVersions(t *testing.T) {
	l := newLibrary(t)
	run := l.Run("maker", "", nil)
	for i := range 12 {
		l.Artifact(run, "dataset", "view", "{}", map[string]string{"f": fmt.Sprint(i)}, fmt.Sprintf("n%d", i))
	}
	l.server.SetLimits(standin.Limits{PageMax: 5})
	page, err := l.client.ListVersions(t.Context(), list(8), "view")
	require.NoError(t, err)
	require.Len(t, page.Items, 8)
	assert.Equal(t, "v11", page.Items[0].Version)
	assert.Equal(t, []string{"latest", "n11"}, page.Items[0].Aliases)
	assert.Equal(t, "dataset", page.Items[0].Type)
	assert.EqualValues(t, 12, page.Total)
	o := list(8)
	o.After = page.Next
	page, err = l.client.ListVersions(t.Context(), o, "view")
	require.NoError(t, err)
	assert.Len(t, page.Items, 4)
	assert.Empty(t, page.Next)

	_, err = l.client.ListVersions(t.Context(), list(1), "other")
	assert.Equal(t, "not_found", fault.Code(err))
}

func TestListProjectsAndReports(t *testing.T) {
	l := newLibrary(t)
	for i := range 130 {
		l.GraphQL(`mutation($n:String){upsertModel(input:{name:$n}){inserted}}`, map[string]any{"n": fmt.Sprintf("p%03d", i)})
	}
	l.server.SetLimits(standin.Limits{PageMax: 60})
	page, err := l.client.ListProjects(t.Context(), wandb.ListOptions{})
	require.NoError(t, err)
	assert.Len(t, page.Items, 130)
	assert.Equal(t, l.Entity, page.Entity)
	assert.Equal(t, "p129", page.Items[0].Name)

	page, err = l.client.ListProjects(t.Context(), wandb.ListOptions{Entity: "team"})
	require.NoError(t, err)
	assert.Empty(t, page.Items, "an entity without projects")
	_, err = l.client.ListProjects(t.Context(), wandb.ListOptions{Entity: "nobody"})
	assert.Equal(t, "unknown_entity", fault.Code(err))
	_, err = l.client.ListProjects(t.Context(), wandb.ListOptions{Entity: "strangers"})
	assert.Equal(t, "no_permission", fault.Code(err))

	for i := range 70 {
		l.GraphQL(`mutation($d:String){upsertView(input:{projectName:"p001",type:"runs",displayName:$d,spec:"{}"}){inserted}}`, map[string]any{"d": fmt.Sprintf("Report %d", i)})
	}
	reports, err := l.client.ListReports(t.Context(), wandb.ListOptions{Project: "p001", Limit: 65})
	require.NoError(t, err)
	require.Len(t, reports.Items, 65)
	assert.NotEmpty(t, reports.Next)
	assert.NotEmpty(t, reports.Items[0].ID)
	assert.Contains(t, reports.Items[0].Title, "Report ")
}

// TestFaultsOfLists are what the panel tells apart: each has its own view.
func TestFaultsOfLists(t *testing.T) {
	l := newLibrary(t)
	l.Run("r", "", nil)
	wrongKey := func(in *config.Inputs) { in.APIKey = standin.NewKey() }
	nowhere := func(in *config.Inputs) { in.BaseURL = "http://127.0.0.1:9" }
	status := func(n int) *standin.Fault {
		return &standin.Fault{Kind: standin.KindGraphQL, Mode: standin.ModeStatus, Status: n, Count: -1}
	}
	for name, c := range map[string]struct {
		code    string
		options wandb.ListOptions
		change  func(*config.Inputs)
		fault   *standin.Fault
	}{
		"wrong key":      {"bad_key", list(1), wrongKey, nil},
		"no server":      {"unreachable", list(1), nowhere, nil},
		"no project":     {"unknown_project", wandb.ListOptions{Project: "none"}, nil, nil},
		"no entity":      {"unknown_entity", wandb.ListOptions{Entity: "nobody", Project: "p"}, nil, nil},
		"not of a team":  {"unknown_project", wandb.ListOptions{Entity: "team", Project: "p"}, nil, nil},
		"not permitted":  {"no_permission", wandb.ListOptions{Entity: "strangers", Project: "p"}, nil, nil},
		"403":            {"no_permission", list(1), nil, status(403)},
		"404":            {"not_found", list(1), nil, &standin.Fault{Kind: standin.KindGraphQL, Match: "^List", Mode: standin.ModeStatus, Status: 404, Count: -1}},
		"404 everywhere": {"bad_settings", list(1), nil, status(404)},
		"5xx":            {"server_error", list(1), nil, status(503)},
		"refused":        {"refused", list(1), nil, status(400)},
		"broken answers": {"unreachable", list(1), nil, &standin.Fault{Kind: standin.KindGraphQL, Mode: standin.ModeCut, Count: -1}},
	} {
		t.Run(name, func(t *testing.T) {
			client := l.open()
			if c.change != nil {
				client = l.open(c.change)
			}
			if c.fault != nil {
				require.NoError(t, l.server.AddFault(*c.fault))
				defer l.server.ClearFaults()
			}
			_, runErr := client.ListRuns(t.Context(), wandb.RunOptions{ListOptions: c.options})
			_, reportErr := client.ListReports(t.Context(), c.options)
			_, artifactErr := client.ListArtifacts(t.Context(), c.options, []string{"dataset"})
			_, versionErr := client.ListVersions(t.Context(), c.options, "x")
			for what, err := range map[string]error{"runs": runErr, "reports": reportErr, "artifacts": artifactErr, "versions": versionErr} {
				assert.Equal(t, c.code, fault.Code(err), "%s: %v", what, err)
			}
		})
	}
}

func TestOneRequestTellsWhoWeAreToo(t *testing.T) {
	l := newLibrary(t)
	l.Run("r", "", nil)
	for _, entity := range []string{"", l.Entity} {
		o := list(1)
		o.Entity = entity
		l.server.ResetStats()
		page, err := l.client.ListRuns(t.Context(), wandb.RunOptions{ListOptions: o})
		require.NoError(t, err)
		assert.Equal(t, 1, l.graphqlCalls())
		assert.Equal(t, []string{l.Entity, "team"}, page.Viewer.Teams)
	}
}
