package wandb_test

import (
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/fault"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/wandb/config"
)

func TestWhatATextMayName(t *testing.T) {
	type ref = config.ArtifactRef
	s := config.Settings{BaseURL: "https://wandb.test", AppURL: "https://wandb.test"}
	for text, want := range map[string][]ref{
		"train":            {{Name: "train"}},
		"train:v3":         {{Name: "train", Alias: "v3"}, {Name: "train_v3"}},
		"My-Data":          {{Name: "My-Data"}, {Name: "my_data"}},
		" my-data:latest ": {{Name: "my-data", Alias: "latest"}, {Name: "my_data", Alias: "latest"}, {Name: "my_data_latest"}},
		"p/my-data:v1": {
			{Project: "p", Name: "my-data", Alias: "v1"}, {Project: "p", Name: "my_data", Alias: "v1"},
			{Name: "p_my_data", Alias: "v1"}, {Name: "p_my_data_v1"},
		},
		"My Org/wandb-registry-model/My-Net:prod": {
			{Entity: "My Org", Project: "wandb-registry-model", Name: "My-Net", Alias: "prod"},
			{Entity: "My Org", Project: "wandb-registry-model", Name: "my_net", Alias: "prod"},
			{Name: "my_org_wandb_registry_model_my_net", Alias: "prod"}, {Name: "my_org_wandb_registry_model_my_net_prod"},
		},
		"a/b/c/d":          {{Name: "a_b_c_d"}},
		"QXJ0aWZhY3Q6MTIz": {{ID: "QXJ0aWZhY3Q6MTIz"}},
		"https://wandb.test/e/p/artifacts/dataset/My-Data/v1": {{Entity: "e", Project: "p", Name: "My-Data", Alias: "v1"}},
	} {
		got, err := s.ArtifactRefs(text)
		require.NoError(t, err, text)
		assert.Equal(t, want, got, text)
	}
	for _, text := range []string{"", "日本", "https://elsewhere.test/e/p/artifacts/dataset/x/v1"} {
		_, one := s.ParseArtifactRef(text)
		_, err := s.ArtifactRefs(text)
		if text == "日本" { // a name that others may have given
			assert.NoError(t, err)
			continue
		}
		assert.Equal(t, one, err, text)
	}
}

// TestNamesComeOutAsTheyWentIn: what a logging job was given, and what it generates, finds the artifact,
// alone and with a version.
func TestNamesComeOutAsTheyWentIn(t *testing.T) {
	const letters = "abcXYZ019-_.:/ äİ日\t?#%"
	runes := []rune(letters)
	random := rand.New(rand.NewPCG(1, 2)) //nolint:gosec // the same names each time
	var s config.Settings
	for range 20_000 {
		var b strings.Builder
		for range 1 + random.IntN(14) {
			b.WriteRune(runes[random.IntN(len(runes))])
		}
		given := b.String()
		generated := config.GeneratedName(strings.Repeat(given, 1+random.IntN(40)), "_x")
		require.NoError(t, config.CheckArtifactName(generated))
		refs, err := s.ArtifactRefs(generated + ":v3")
		require.NoError(t, err)
		require.Equal(t, config.ArtifactRef{Name: generated, Alias: "v3"}, refs[0], "a name that W&B has goes first, as it is")

		stored := config.SanitizeName(given)
		if stored == "" {
			continue
		}
		refs, err = s.ArtifactRefs(given)
		require.NoError(t, err, given)
		require.Contains(t, refs, config.ArtifactRef{Name: stored}, given)
		refs, err = s.ArtifactRefs(given + ":v3")
		require.NoError(t, err, given)
		require.Contains(t, refs, config.ArtifactRef{Name: stored, Alias: "v3"}, given)
	}
}

func TestFindNamedArtifact(t *testing.T) {
	l := newLibrary(t)
	run := l.Run("maker", "", nil)
	for i, name := range []string{"My-Data", "my_data", "my_data", "our_data", "our_data", "train", "train_v3", "other_v3", "strangers_x_net", "nobody_x_net"} {
		l.Artifact(run, "dataset", name, "{}", map[string]string{"f": strconv.Itoa(i)})
	}
	page := l.server.URL() + "/" + l.Entity + "/p/artifacts/dataset/our_data"
	newest, err := l.client.FindArtifact(t.Context(), config.ArtifactRef{Name: "our_data"}, nil)
	require.NoError(t, err)
	for _, c := range []struct{ text, version, want string }{
		{"My-Data", "", "My-Data:v0"},
		{"My-Data:v0", "", "My-Data:v0"},
		{"my-data:v1", "", "my_data:v1"},
		{"Our Data", "", "our_data:v1"},
		{"Our Data:v0", "", "our_data:v0"},
		{"p/Our Data:latest", "", "our_data:v1"},
		{l.Entity + "/p/Our-Data:v0", "", "our_data:v0"},
		{page + "/v0", "", "our_data:v0"},
		{newest.ID, "", "our_data:v1"},
		{"train:latest", "", "train:v0"},
		{"Other:v3", "", "other_v3:v0"},
		{"Other:v3:v0", "", "other_v3:v0"},
		{"strangers/x/net", "", "strangers_x_net:v0"},
		{"nobody/x/net:v0", "", "nobody_x_net:v0"},
		{"Our Data", "v0", "our_data:v0"},
		{"Our Data:v1", "v0", "our_data:v0"},
		{page + "/v1", "v0", "our_data:v0"},
		{"Other:v3", "v0", "other_v3:v0"},
		// What is there without such a version is not taken for something else.
		{"My-Data:v1", "", "not_found"},
		{"train:v3", "", "not_found"},
		{"Our Data", "v7", "not_found"},
		{"Nothing:v3", "", "not_found"},
		{"strangers/x/none", "", "no_permission"},
		{newest.ID, "v0", "bad_reference"},
		{"Our Data", "a/b", "bad_reference"},
	} {
		v, err := l.client.FindNamedArtifact(t.Context(), c.text, config.ArtifactRef{Alias: c.version}, nil)
		if err != nil {
			assert.Equal(t, c.want, fault.Code(err), "%s %s: %v", c.text, c.version, err)
			continue
		}
		assert.Equal(t, c.want, v.Name+":"+v.Version, "%s %s", c.text, c.version)
	}
	_, err = l.client.FindNamedArtifact(t.Context(), "Nothing:v3", config.ArtifactRef{}, nil)
	assert.ErrorContains(t, err, `"Nothing:v3"`, "the name is said as it was given")
	l.server.ResetStats()
	_, err = l.client.FindNamedArtifact(t.Context(), "our_data:v0", config.ArtifactRef{}, nil)
	require.NoError(t, err)
	assert.Equal(t, 1, l.graphqlCalls(), "a stored name costs one question")
}

func TestListNamedVersions(t *testing.T) {
	l := newLibrary(t)
	run := l.Run("maker", "", nil)
	for i, name := range []string{"My-Data", "my_data", "my_data", "ckpts_best"} {
		l.Artifact(run, "dataset", name, "{}", map[string]string{"f": strconv.Itoa(i)})
	}
	for text, want := range map[string]int{"My-Data": 1, "my-data": 2, "my_data:v0": 2, "p/MY data": 2, "ckpts/best": 1} {
		page, err := l.client.ListNamedVersions(t.Context(), list(8), text)
		require.NoError(t, err, text)
		assert.Len(t, page.Items, want, text)
	}
	_, err := l.client.ListNamedVersions(t.Context(), list(8), "No-Such")
	assert.ErrorContains(t, err, `"No-Such"`)
}
