package config_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/fault"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/standin"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/wandb/config"
)

func settingsFor(t testing.TB, base string) config.Settings {
	s, err := config.Resolve(config.Inputs{APIKey: standin.NewKey(), BaseURL: base})
	require.NoError(t, err)
	return s
}

func TestParseArtifactRef(t *testing.T) {
	const cloud, forge, own, path = "https://api.wandb.ai", "https://api.forge.coreweave.com", "https://api.wandb.example.com", "https://example.com/w"
	whole := config.ArtifactRef{Entity: "e", Project: "p", Name: "n", Alias: "v3"}
	for _, c := range []struct {
		base, text string
		want       config.ArtifactRef
	}{
		{cloud, "n", config.ArtifactRef{Name: "n"}},
		{cloud, " n:v3 ", config.ArtifactRef{Name: "n", Alias: "v3"}},
		{cloud, "p/n:best one", config.ArtifactRef{Project: "p", Name: "n", Alias: "best one"}},
		{cloud, "e/p/n:v3", whole},
		{cloud, "QXJ0aWZhY3Q6MTIz", config.ArtifactRef{ID: "QXJ0aWZhY3Q6MTIz"}},
		{cloud, "https://wandb.ai/e/p/artifacts/dataset/n/v3", whole},
		{cloud, "https://wandb.ai/e/p/artifacts/dataset/n/v3/overview?nw=1", whole},
		{cloud, "https://wandb.ai/e/my%20p/artifacts/data%20set/n", config.ArtifactRef{Entity: "e", Project: "my p", Name: "n"}},
		{cloud, "https://forge.coreweave.com/wandb/e/p/artifacts/dataset/n/v3", whole},
		{forge, "https://wandb.ai/e/p/artifacts/dataset/n/v3", whole},
		{forge, "https://forge.coreweave.com/wandb/e/p/artifacts/dataset/n/v3/", whole},
		{own, "https://app.wandb.example.com/e/p/artifacts/dataset/n/v3", whole},
		{own, "https://API.wandb.example.com/e/p/artifacts/dataset/n/v3", whole},
		{path, "https://example.com/w/e/p/artifacts/dataset/n/v3", whole},
		{cloud, "wandb-registry-model/n:v3", config.ArtifactRef{Project: "wandb-registry-model", Name: "n", Alias: "v3"}},
		{cloud, "Our Company/wandb-registry-model/n", config.ArtifactRef{Entity: "Our Company", Project: "wandb-registry-model", Name: "n"}},
		{
			cloud, "https://wandb.ai/orgs/our-company/registry/model?selectionPath=our-company_0%2Fwandb-registry-model%2Fn&view=membership&version=v3",
			config.ArtifactRef{Entity: "our-company_0", Project: "wandb-registry-model", Name: "n", Alias: "v3"},
		},
		{cloud, "two words:v3", config.ArtifactRef{Name: "two words", Alias: "v3"}},
	} {
		got, err := settingsFor(t, c.base).ParseArtifactRef(c.text)
		if assert.NoError(t, err, c.text) {
			assert.Equal(t, c.want, got, c.text)
		}
	}
	for _, c := range []struct{ base, text, code string }{
		{cloud, "", "bad_name"},
		{cloud, "a/b/c/d", "bad_reference"},
		{cloud, "a/wandb-registry-model/b:c/d", "bad_reference"},
		{cloud, "https://wandb.ai/orgs/o/registry/model?selectionPath=o%2Fp", "bad_reference"},
		{cloud, "https://elsewhere.test/orgs/o/registry/model?selectionPath=o%2Fwandb-registry-model%2Fn", "other_server"},
		{cloud, "a:b:c", "bad_reference"},
		{cloud, "a:b\x00", "bad_reference"},
		{cloud, "e?x/p/n", "bad_name"},
		{cloud, "https://wandb.ai/e/p/runs/n", "bad_reference"},
		{cloud, "https://wandb.ai/e/p/artifacts/dataset/..%2Fn/v3", "bad_name"},
		{cloud, "https://wandb.example.com/e/p/artifacts/dataset/n/v3", "other_server"},
		{cloud, "https://wandb.ai.example.com/e/p/artifacts/dataset/n/v3", "other_server"},
		{own, "https://wandb.ai/e/p/artifacts/dataset/n/v3", "other_server"},
		{path, "https://example.com/e/p/artifacts/dataset/n/v3", "other_server"},
		{path, "https://example.com/who/e/p/artifacts/dataset/n/v3", "other_server"},
		{cloud, "https://%zz", "bad_reference"},
	} {
		_, err := settingsFor(t, c.base).ParseArtifactRef(c.text)
		assert.Equal(t, c.code, fault.Code(err), "%s: %v", c.text, err)
	}
}

// FuzzReferences: any text is read or refused with a sentence, and what is read has
// names that the server could have given.
func FuzzReferences(f *testing.F) {
	for _, seed := range []string{
		"n", "e/p/n:v3", "https://wandb.ai/e/p/artifacts/t/n/v3", "https://wandb.ai/e/p/runs/r", "http://[::1", "https://wandb.ai", "QXJ0aWZhY3Q6MTIz", "::", "//",
	} {
		f.Add(seed)
	}
	s := settingsFor(f, "https://api.wandb.ai")
	f.Fuzz(func(t *testing.T, text string) {
		ref, err := s.ParseArtifactRef(text)
		switch {
		case err != nil:
			require.NotEmpty(t, fault.Code(err))
		case ref.ID == "":
			require.NoError(t, config.CheckArtifactName(ref.Name))
		}
		if run, ok, err := s.ParseRunURL(text); ok && err == nil {
			require.NoError(t, config.CheckRunID(run.ID))
		} else if err != nil {
			require.NotEmpty(t, fault.Code(err))
		}
	})
}
