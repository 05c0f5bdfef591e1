package poster

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/poster/postertest"
)

// TestProgramVersion: what does not tell its version has none, and only a cancel is an error.
func TestProgramVersion(t *testing.T) {
	says := func(text string) string {
		path := filepath.Join(t.TempDir(), "ffmpeg")
		require.NoError(t, os.WriteFile(path, []byte("#!/bin/sh\n"+text+"\n"), 0o700))
		return path
	}
	for name, c := range map[string]struct{ program, want string }{
		"none":           {"", ""},
		"missing":        {"/nowhere/ffmpeg", ""},
		"7.0.2":          {says("echo ffmpeg version 7.0.2-static Copyright"), "7.0.2-static"},
		"another":        {says("echo hello world here"), ""},
		"silent":         {says(":"), ""},
		"fails":          {says("echo ffmpeg version 7 x; exit 1"), ""},
		"of its builder": {says("echo ffmpeg version n7-g1234 x"), "n7-g1234"},
	} {
		got, err := ProgramVersion(t.Context(), c.program)
		require.NoError(t, err, name)
		assert.Equal(t, c.want, got, name)
	}
	real, err := ProgramVersion(t.Context(), postertest.FFmpeg(t))
	require.NoError(t, err)
	assert.NotEmpty(t, real)

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = ProgramVersion(ctx, says("echo ffmpeg version 7 x"))
	assert.ErrorIs(t, err, context.Canceled)
}
