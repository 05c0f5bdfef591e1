package standin_test

import (
	"net/http"
	"testing"

	"go.uber.org/goleak"
)

// TestMain checks that closed servers leave no goroutine behind.
func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.Cleanup(func(int) { http.DefaultClient.CloseIdleConnections() }))
}
