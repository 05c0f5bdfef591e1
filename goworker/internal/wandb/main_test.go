package wandb_test

import (
	"os"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	if url := os.Getenv(childVariable); url != "" {
		beKilled(url)
	}
	goleak.VerifyTestMain(m)
}
