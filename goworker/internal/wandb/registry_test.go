package wandb_test

import (
	"fmt"
	"math"
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/fault"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/standin"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/wandb"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/wandb/config"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/wandb/wandbtest"
)

// registryServer answers as a server with organizations does: each name of an entity has its
// organizations, each with the name of its entity. It notes where a registry was looked for.
func registryServer(srv *server, teams, users map[string][]string) (askedOf func() string) {
	node := func(name string) obj { return obj{"name": name, "orgEntity": obj{"name": name + "-entity"}} }
	viewer := obj{"id": "u", "entity": "me", "username": "me"}
	entity := func(op string) string {
		asked := srv.seen(op)
		if len(asked) == 0 {
			return ""
		}
		return str(asked[len(asked)-1].variables["entity"])
	}
	srv.on("Organizations", math.MaxInt, func(w http.ResponseWriter, _ *http.Request) {
		var answer obj
		if orgs := teams[entity("Organizations")]; len(orgs) > 0 {
			answer = obj{"organization": node(orgs[0]), "user": nil}
		} else if orgs, ok := users[entity("Organizations")]; ok {
			nodes := []obj{{"name": "an old one", "orgEntity": nil}}
			for _, o := range orgs {
				nodes = append(nodes, node(o))
			}
			answer = obj{"organization": nil, "user": obj{"organizations": nodes}}
		}
		reply(w, http.StatusOK, obj{"data": obj{"entity": answer}})
	})
	srv.on("Viewer", math.MaxInt, func(w http.ResponseWriter, _ *http.Request) {
		reply(w, http.StatusOK, obj{"data": obj{"viewer": viewer}})
	})
	srv.on("ArtifactByName", math.MaxInt, func(w http.ResponseWriter, _ *http.Request) {
		asked := entity("ArtifactByName")
		project := obj{"name": "wandb-registry-model", "entity": obj{"name": asked}}
		reply(w, http.StatusOK, obj{"data": obj{
			"viewer": viewer,
			"project": obj{"name": "wandb-registry-model", "entityName": asked, "artifactCollectionMembership": obj{
				"versionIndex": 7, "aliases": []obj{{"alias": "prod"}, {"alias": "v7"}}, "files": obj{"edges": []obj{}},
				"artifactCollection": obj{"name": "best", "project": project},
				"artifact": obj{
					"id": "QQ==", "state": "COMMITTED", "versionIndex": 3, "artifactType": obj{"name": "model"}, "aliases": []obj{{"alias": "latest", "artifactCollection": obj{"name": "train"}}},
					"artifactSequence": obj{"name": "train", "project": obj{"name": "p", "entity": obj{"name": "team"}}},
				},
			}},
		}})
	})
	return func() string { return entity("ArtifactByName") }
}

func TestRegistryOfAnOrganization(t *testing.T) {
	for name, c := range map[string]struct {
		settings, reference string
		teams, users        map[string][]string
		want, code          string
	}{
		"a team's, not named":           {settings: "team", reference: "wandb-registry-model/best:v7", teams: map[string][]string{"team": {"Our Org"}}, want: "Our Org-entity"},
		"one's own, not named":          {reference: "wandb-registry-model/best:v7", users: map[string][]string{"me": {"Our Org"}}, want: "Our Org-entity"},
		"by the name that people see":   {reference: "Second/wandb-registry-model/best:v7", users: map[string][]string{"me": {"First", "Second"}}, want: "Second-entity"},
		"by its entity":                 {reference: "Second-entity/wandb-registry-model/best", users: map[string][]string{"me": {"First", "Second"}}, want: "Second-entity"},
		"by a team":                     {reference: "team/wandb-registry-model/best", teams: map[string][]string{"team": {"Our Org"}}, users: map[string][]string{"me": {"First", "Second"}}, want: "Our Org-entity"},
		"as entity= of the operator":    {settings: "Second", reference: "wandb-registry-model/best", users: map[string][]string{"me": {"First", "Second"}}, want: "Second-entity"},
		"of others":                     {settings: "team", reference: "strange/wandb-registry-model/best", teams: map[string][]string{"team": {"Our Org"}}, want: "strange"},
		"several, and none named":       {reference: "wandb-registry-model/best", users: map[string][]string{"me": {"First", "Second"}}, code: "no_organization"},
		"no organization at all":        {reference: "wandb-registry-model/best", users: map[string][]string{"me": nil}, code: "no_organization"},
		"not a registry":                {reference: "team/wandb-registr/best", want: "team"},
		"the project is the settings'":  {settings: "team", reference: "best:v7", teams: map[string][]string{"team": {"Our Org"}}, want: "Our Org-entity"},
		"a user of several, by user":    {reference: "me/wandb-registry-model/best", users: map[string][]string{"me": {"First", "Second"}}, code: "no_organization"},
		"the only one, wrongly written": {reference: "Our Orgg/wandb-registry-model/best", users: map[string][]string{"me": {"Our Org"}}, want: "Our Orgg"},
	} {
		t.Run(name, func(t *testing.T) {
			srv := newServer(t)
			askedOf := registryServer(srv, c.teams, c.users)
			in := srv.inputs()
			in.Entity, in.Project = c.settings, "wandb-registry-model"
			client := clientFor(t, in, wandb.WithTimings(quick()))
			ref, err := client.Settings().ParseArtifactRef(c.reference)
			require.NoError(t, err)
			v, err := client.FindArtifact(t.Context(), ref, []string{"f"})
			require.Equal(t, c.code, fault.Code(err), "%v", err)
			assert.Equal(t, c.want, askedOf())
			if err != nil {
				return
			}
			assert.Equal(t, []string{"best", "v7", "wandb-registry-model", c.want, "model"}, []string{v.Name, v.Version, v.Project, v.Entity, v.Type}, "as a member of the registry")
			assert.Equal(t, []string{"prod"}, v.Aliases)
			assert.True(t, v.Linked)
			if v.Organization != "" {
				assert.Contains(t, v.ArtifactInfo.URL(client.Settings()), "/registry/model?")
			}
		})
	}
}

// TestServersThatDoNotKnowRegistries: they refuse the question for the field that they lack.
func TestServersThatDoNotKnowRegistries(t *testing.T) {
	l := newLibrary(t)
	refused := standin.Fault{Kind: standin.KindGraphQL, Match: "^Organizations$", Mode: standin.ModeGraphQLError, Message: `Cannot query field "orgEntity" on type "Organization".`, Count: -1}
	require.NoError(t, l.server.AddFault(refused))
	_, err := l.client.FindArtifact(t.Context(), config.ArtifactRef{Project: "wandb-registry-model", Name: "n"}, nil)
	assert.Equal(t, "no_organization", fault.Code(err), "%v", err)
	_, err = l.client.FindArtifact(t.Context(), config.ArtifactRef{Entity: l.Entity, Project: "wandb-registry-model", Name: "n"}, nil)
	assert.Equal(t, "unknown_project", fault.Code(err), "%v", err)
}

// TestFilesAreAskedForInTheNewerWayFirst: and of older servers in theirs.
func TestFilesAreAskedForInTheNewerWayFirst(t *testing.T) {
	l := newLibrary(t)
	logged := l.Artifact(l.Run("maker", "", nil), "dataset", "view", "{}", map[string]string{"f": "text"})
	for _, c := range []struct {
		refused string
		ref     config.ArtifactRef
		asked   []string
	}{
		{"^$", config.ArtifactRef{Name: "view"}, []string{"ArtifactByName"}},
		{"^ArtifactByName$", config.ArtifactRef{Name: "view"}, []string{"ArtifactByName", "ArtifactByMembership"}},
		{"^ArtifactBy(Name|Membership)$", config.ArtifactRef{Name: "view"}, []string{"ArtifactByName", "ArtifactByMembership", "ArtifactByNameOld"}},
		{"^$", config.ArtifactRef{ID: logged.ID}, []string{"ArtifactByID", "MembershipFiles"}},
		{"^MembershipFiles$", config.ArtifactRef{ID: logged.ID}, []string{"ArtifactByID", "MembershipFiles", "ArtifactFiles"}},
	} {
		require.NoError(t, l.server.AddFault(standin.Fault{Kind: standin.KindGraphQL, Match: c.refused, Mode: standin.ModeStatus, Status: 400, Message: "Cannot query field", Count: -1}))
		l.server.ResetStats()
		v, err := l.client.FindArtifact(t.Context(), c.ref, []string{"f", "none"})
		require.NoError(t, err)
		var asked []string
		for op := range l.server.Stats().Requests {
			asked = append(asked, op)
		}
		assert.ElementsMatch(t, c.asked, asked, c.refused)
		require.Len(t, v.Files, 1)
		text, err := l.read(v.Files["f"])
		require.NoError(t, err)
		assert.Equal(t, "text", text)
		l.server.ClearFaults()
	}
}

func TestPagesOfVersions(t *testing.T) {
	s, err := config.Resolve(config.Inputs{APIKey: standin.NewKey(), BaseURL: "https://api.wandb.ai"})
	require.NoError(t, err)
	a := wandb.ArtifactInfo{Entity: "org-1", Project: "wandb-registry-model", Type: "model", Name: "best one", Version: "v7", Organization: "Our Org"}
	page := a.URL(s)
	assert.Equal(t, "https://wandb.ai/orgs/Our%20Org/registry/model?selectionPath=org-1%2Fwandb-registry-model%2Fbest+one&version=v7&view=membership", page)
	ref, err := s.ParseArtifactRef(page)
	require.NoError(t, err)
	assert.Equal(t, config.ArtifactRef{Entity: a.Entity, Project: a.Project, Name: a.Name, Alias: a.Version}, ref)
	a.Organization = ""
	assert.Equal(t, "https://wandb.ai/org-1/wandb-registry-model/artifacts/model/best%20one/v7", a.URL(s))
}

// TestRegistryOfTheStandIn reads a registry, and lists it, as a member numbers its versions.
func TestRegistryOfTheStandIn(t *testing.T) {
	server, err := standin.New(standin.Options{Dir: t.TempDir(), Teams: []string{"team"}, Organizations: []string{"acme"}})
	require.NoError(t, err)
	require.NoError(t, server.Start())
	t.Cleanup(func() { _ = server.Close() })
	l := &library{t: t, server: server, Seed: wandbtest.NewSeed(t, wandbtest.Target{BaseURL: server.URL(), APIKey: server.Key(), Project: "p"})}
	l.client = l.open()
	run := l.Run("maker", "", nil)
	for i, text := range []string{"zero", "one", "two"} {
		logged := l.Artifact(run, "dataset", "train", fmt.Sprintf(`{"n":%d}`, i), map[string]string{"f": text})
		if i > 0 {
			l.GraphQL(`mutation Link($id: ID!) { linkArtifact(input: {artifactID: $id, entityName: "acme", projectName: "wandb-registry-data", artifactPortfolioName: "views",
				aliases: [{artifactCollectionName: "views", alias: "prod"}]}) { versionIndex } }`, map[string]any{"id": logged.ID})
		}
	}
	ref := config.ArtifactRef{Project: "wandb-registry-data", Name: "views", Alias: "prod"}
	v, err := l.client.FindArtifact(t.Context(), ref, []string{"f"})
	require.NoError(t, err)
	assert.Equal(t, []string{"acme", "wandb-registry-data", "views", "v1"}, []string{v.Entity, v.Project, v.Name, v.Version})
	assert.Equal(t, []string{"latest", "prod"}, v.Aliases)
	text, err := l.read(v.Files["f"])
	require.NoError(t, err)
	assert.Equal(t, "two", text)

	user := l.Run("user", "", nil)
	require.NoError(t, l.client.UseVersion(t.Context(), user, v))
	assert.Equal(t, 1, server.Stats().Requests["UseArtifactFrom"])
	again, err := l.client.FindArtifact(t.Context(), config.ArtifactRef{ID: v.ID}, nil)
	require.NoError(t, err)
	require.Len(t, again.UsedBy, 1)
	assert.Equal(t, user, again.UsedBy[0].RunRef)
	assert.False(t, again.Linked)
	assert.Equal(t, "v2", again.Version, "by its id, a version is where it was logged to")

	list := wandb.ListOptions{Project: "wandb-registry-data", Limit: 10}
	versions, err := l.client.ListVersions(t.Context(), list, "views")
	require.NoError(t, err)
	require.Len(t, versions.Items, 2)
	assert.Equal(t, []string{"views:v1", "views:v0"}, []string{versions.Items[0].Name + ":" + versions.Items[0].Version, versions.Items[1].Name + ":" + versions.Items[1].Version})
	assert.Equal(t, []string{"latest", "prod"}, versions.Items[0].Aliases)
	artifacts, err := l.client.ListArtifacts(t.Context(), list, nil)
	require.NoError(t, err)
	require.Len(t, artifacts.Items, 1)
	assert.Equal(t, versions.Items[0], artifacts.Items[0])
}
