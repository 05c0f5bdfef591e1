package main

import (
	"context"
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// serve runs the program until the test ends it, and gives what its ready file says.
func serve(t *testing.T, args ...string) (ready map[string]any, stop func() error) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "ready.json")
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- run(ctx, append(args, "--ready-file", path)) }()
	require.Eventually(t, func() bool {
		text, err := os.ReadFile(path)
		return err == nil && json.Unmarshal(text, &ready) == nil
	}, 30*time.Second, time.Millisecond)
	info, err := os.Stat(path)
	require.NoError(t, err)
	assert.Equal(t, os.FileMode(0o600), info.Mode().Perm())
	stop = func() error {
		cancel()
		err := <-ended
		assert.NoFileExists(t, path)
		return err
	}
	return ready, stop
}

func login(t *testing.T, ready map[string]any) int {
	t.Helper()
	req, err := http.NewRequest(http.MethodPost, ready["url"].(string)+"/graphql", strings.NewReader(`{"query":"{ viewer { id } }"}`))
	require.NoError(t, err)
	req.Header.Set("Content-Type", "application/json")
	req.SetBasicAuth("api", ready["key"].(string))
	res, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	require.NoError(t, res.Body.Close())
	return res.StatusCode
}

func TestServe(t *testing.T) {
	dir := t.TempDir()
	ready, stop := serve(t, "--dir", dir, "--entity", "me", "--teams", "a, b")
	assert.Equal(t, "me", ready["entity"])
	assert.Equal(t, 200, login(t, ready))
	require.NoError(t, stop())
	assert.FileExists(t, filepath.Join(dir, "state.json"))
}

func TestKeyFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "keys")
	first, stop := serve(t, "--dir", t.TempDir(), "--key-file", file)
	require.NoError(t, stop())
	info, err := os.Stat(file)
	require.NoError(t, err)
	assert.Equal(t, os.FileMode(0o600), info.Mode().Perm())
	second, stop := serve(t, "--dir", t.TempDir(), "--key-file", file)
	assert.Equal(t, first["key"], second["key"], "the key is made once")
	assert.Equal(t, 200, login(t, second))
	require.NoError(t, stop())
}

func TestBadFlags(t *testing.T) {
	empty := filepath.Join(t.TempDir(), "empty")
	require.NoError(t, os.WriteFile(empty, nil, 0o600))
	for want, args := range map[string][]string{
		"--dir":    {},
		"flags":    {"--dir", t.TempDir(), "more"},
		"loopback": {"--dir", t.TempDir(), "--addr", "0.0.0.0:0"},
		"no key":   {"--dir", t.TempDir(), "--key-file", empty},
	} {
		assert.ErrorContains(t, run(context.Background(), args), want)
	}
}
