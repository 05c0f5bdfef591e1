// Package postertest finds ffmpeg for tests, and has it make videos.
package postertest

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// otherVariable names another ffmpeg to be tested, such as an old one. Videos are made by the usual one all the same.
const otherVariable = "FIFTYONE_WANDB_TEST_FFMPEG"

// FFmpeg is the path of the ffmpeg to be tested.
func FFmpeg(t testing.TB) string {
	t.Helper()
	if path := os.Getenv(otherVariable); path != "" {
		return path
	}
	return usual(t)
}

// usual is the path of ffmpeg: that of the package imageio-ffmpeg in the project's Python environment, which
// requirements-dev.txt names, else the one on PATH.
func usual(t testing.TB) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for ; dir != filepath.Dir(dir); dir = filepath.Dir(dir) {
		for _, packages := range []string{"lib/python3*/site-packages", "Lib/site-packages"} {
			found, _ := filepath.Glob(filepath.Join(dir, ".venv", packages, "imageio_ffmpeg", "binaries", "ffmpeg-*"))
			if len(found) > 0 {
				return found[0]
			}
		}
	}
	path, err := exec.LookPath("ffmpeg")
	if err != nil {
		t.Fatal("ffmpeg was not found: run `make env`, which installs it for the tests")
	}
	return path
}

// Video has ffmpeg make a video of numbered frames: the bits of a frame's number, from 0, are white and black fields
// of 16 x 48 pixels from the left to the right, 12 of them. Ten are shown in a second.
func Video(t testing.TB, path string, frames string, options ...string) {
	t.Helper()
	source := "color=black:size=192x48:rate=10,format=yuv420p,geq=lum='16+219*mod(floor(N/pow(2\\,floor(X/16)))\\,2)':cb=128:cr=128,trim=end_frame=" + frames
	args := append([]string{"-y", "-v", "error", "-f", "lavfi", "-i", source}, options...)
	Make(t, append(args, path)...)
}

// Make runs ffmpeg.
func Make(t testing.TB, args ...string) {
	t.Helper()
	if out, err := exec.CommandContext(t.Context(), usual(t), args...).CombinedOutput(); err != nil { //nolint:gosec // our own
		t.Fatalf("ffmpeg %v: %v: %s", args, err, out)
	}
}
