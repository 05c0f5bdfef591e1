package wandbtest_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/standin"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/wandb/wandbtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// TestStandIn runs the contract on our own stand-in: that the two agree is what makes
// the stand-in worth testing against.
func TestStandIn(t *testing.T) {
	server, err := standin.New(standin.Options{Dir: t.TempDir()})
	require.NoError(t, err)
	require.NoError(t, server.Start())
	t.Cleanup(func() { require.NoError(t, server.Close()) })
	wandbtest.RunContract(t, wandbtest.Target{BaseURL: server.URL(), APIKey: server.Key(), Project: "contract"})
}
