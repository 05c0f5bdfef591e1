package config_test

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/fault"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/wandb/config"
)

// TestSharedNames has the cases that the plugin's Python is tested with, too: its forms say early what W&B would refuse.
func TestSharedNames(t *testing.T) {
	raw, err := os.ReadFile("testdata/names.json")
	require.NoError(t, err)
	type names struct{ Good, Bad []string }
	var shared struct {
		ArtifactNames [][2]string `json:"artifact_names"`
		Projects      names
		RunIDs        names `json:"run_ids"`
	}
	require.NoError(t, json.Unmarshal(raw, &shared))
	require.NotEmpty(t, shared.ArtifactNames)
	for _, c := range shared.ArtifactNames {
		assert.Equal(t, c[1], config.SanitizeName(c[0]), c[0])
	}
	for what, c := range map[string]struct {
		names
		check func(string) error
	}{"project": {shared.Projects, config.CheckProject}, "run": {shared.RunIDs, config.CheckRunID}} {
		require.NotEmpty(t, c.Good)
		for _, name := range c.Bad {
			assert.Equal(t, "bad_name", fault.Code(c.check(name)), "%s %q", what, name)
		}
		for _, name := range c.Good {
			assert.NoError(t, c.check(name), "%s %q", what, name)
		}
	}
}

func FuzzSanitizedNamesAreAcceptedOrEmpty(f *testing.F) {
	for _, seed := range []string{"a", "A b", "-.-", "日本", "a\x00b", "x" + strings.Repeat("-", 300)} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		name := config.SanitizeName(text)
		if name != "" && len(name) <= 128 {
			assert.NoError(t, config.CheckArtifactName(name))
		}
		assert.Equal(t, name, config.SanitizeName(name), "what is clean stays as it is")
	})
}

func TestGeneratedNamesChangeOnlyWhatWandBRefuses(t *testing.T) {
	for head, want := range map[string]string{"run-b": "run-b", "A--b__.": "A--b__.", "a b/c": "a_b_c", "äß": "__"} {
		assert.Equal(t, want+"_end", config.GeneratedName(head, "_end"), head)
	}
	long := strings.Repeat("x", 200)
	one, other := config.GeneratedName(long+"1", "_end"), config.GeneratedName(long+"2", "_end")
	assert.NotEqual(t, one, other, "a hash tells long names apart")
	assert.Equal(t, one, config.GeneratedName(long+"1", "_end"))
	for _, name := range []string{one, other} {
		assert.Len(t, name, 128)
		assert.True(t, strings.HasPrefix(name, long[:100]) && strings.HasSuffix(name, "_end"), name)
	}
}

func FuzzGeneratedNamesAreAccepted(f *testing.F) {
	for _, seed := range []string{"a", "A b", "-.-", "日本", "a\x00b", strings.Repeat("é/", 300)} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		assert.NoError(t, config.CheckArtifactName(config.GeneratedName(text, "_x")))
	})
}

func TestNamesThatWandBRefuses(t *testing.T) {
	long := strings.Repeat("x", 129)
	for what, c := range map[string]struct {
		check   func(string) error
		bad, ok []string
	}{
		"artifact": {config.CheckArtifactName, []string{"", " ", long, "a:b", "a/b", "a\nb"}, []string{"a", "A-b_c.1", long[:128], "two words", strings.Repeat("ä", 128)}},
		"project":  {config.CheckProject, []string{"", " "}, nil},
		"run":      {config.CheckRunID, []string{""}, nil},
		"alias":    {config.CheckAlias, []string{"", " ", long, "a/b", "a:b", "v1", "v123"}, []string{"best", "v1.0", "version 2", "vx"}},
		"tag":      {config.CheckTag, []string{"", " ", long, "a/b", "a ", " a", "a.b"}, []string{"a", "two words", "a-b_c"}},
	} {
		for _, name := range c.bad {
			assert.Equal(t, "bad_name", fault.Code(c.check(name)), "%s %q", what, name)
		}
		for _, name := range c.ok {
			assert.NoError(t, c.check(name), "%s %q", what, name)
		}
	}
	assert.NoError(t, config.CheckArtifactLabels([]string{"a", "b"}, make20("t")))
	assert.Equal(t, "bad_name", fault.Code(config.CheckArtifactLabels(nil, append(make20("t"), "one more"))))
	assert.Equal(t, "bad_name", fault.Code(config.CheckArtifactLabels([]string{"v3"}, nil)))
	assert.Equal(t, "bad_name", fault.Code(config.CheckArtifactLabels(nil, []string{"a/b"})))
}

func make20(prefix string) []string {
	var out []string
	for i := range 20 {
		out = append(out, fmt.Sprint(prefix, i))
	}
	return out
}
