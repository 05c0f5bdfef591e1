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

// TestServer runs the contract on the server of CHECK_WANDB_URL with the key of
// CHECK_WANDB_API_KEY, in the entity of CHECK_WANDB_ENTITY (or the key's default).
func TestServer(t *testing.T) {
	url, key := os.Getenv("CHECK_WANDB_URL"), os.Getenv("CHECK_WANDB_API_KEY")
	require.NotEmpty(t, url, "set CHECK_WANDB_URL to the server's API address, such as https://api.wandb.ai")
	require.NotEmpty(t, key, "set CHECK_WANDB_API_KEY")
	env := map[string]string{}
	for _, pair := range os.Environ() {
		name, value, _ := strings.Cut(pair, "=")
		env[name] = value
	}
	delete(env, "WANDB_MODE")
	wandbtest.RunContract(t, wandbtest.Target{
		BaseURL: strings.TrimRight(url, "/"), APIKey: secret.String(key), Entity: os.Getenv("CHECK_WANDB_ENTITY"),
		Project: "fiftyone-wandb-check", Env: env,
	})
}
