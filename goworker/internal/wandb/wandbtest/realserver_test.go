//go:build checkserver

package wandbtest_test

import (
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/secret"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/wandb/wandbtest"
)

// TestRealServer runs the contract on the server of WANDB_BASE_URL with the key of
// WANDB_API_KEY, in the entity of WANDB_ENTITY or the key's default one. It is behind
// a build tag, so that nobody's key is used by a plain go test.
func TestRealServer(t *testing.T) {
	url, key := os.Getenv("WANDB_BASE_URL"), os.Getenv("WANDB_API_KEY")
	require.NotEmpty(t, url, "set WANDB_BASE_URL to the server's API address, such as https://api.wandb.ai")
	require.NotEmpty(t, key, "set WANDB_API_KEY")
	env := map[string]string{}
	for _, pair := range os.Environ() {
		name, value, _ := strings.Cut(pair, "=")
		env[name] = value
	}
	delete(env, "WANDB_MODE")
	target := wandbtest.Target{
		BaseURL: strings.TrimRight(url, "/"), APIKey: secret.String(key), Entity: os.Getenv("WANDB_ENTITY"),
		Project: "fiftyone-wandb-check", Env: env,
	}
	wandbtest.RunContract(t, target)
	t.Run("open questions", func(t *testing.T) {
		found := wandbtest.Questions(t, target, os.Getenv("WANDB_CHECK_LARGE") != "")
		text, err := wandbtest.WriteReport("../../../../build", target.BaseURL, found)
		require.NoError(t, err)
		t.Log("The report is in build/check-server.md and build/check-server.json:\n" + text)
	})
}
