package poster

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// program writes a shell script that stands for ffmpeg.
func program(t *testing.T, body string) Maker {
	t.Helper()
	path := filepath.Join(t.TempDir(), "ffmpeg")
	require.NoError(t, os.WriteFile(path, []byte("#!/bin/sh\n"+body+"\n"), 0o700))
	return Maker{Program: path, MaxSide: 640}
}

func TestArguments(t *testing.T) {
	m := Maker{MaxSide: 640}
	for _, c := range []struct {
		at         Moment
		seek, want string
	}{
		{Moment{}, "", "scale="},
		{Moment{Frame: 1, Rate: 25}, "", "scale="},
		{Moment{Frame: 26, Rate: 25}, "0.980000", "scale="},
		{Moment{Frame: 26}, "", `select='gte(n\,25)',scale=`},
	} {
		args := strings.Join(m.arguments("/a/-i b", c.at), " ")
		assert.Contains(t, args, "-i file:/a/-i b -map")
		assert.Contains(t, args, " -vf "+c.want)
		assert.Equal(t, c.seek != "", strings.Contains(args, "-ss "+c.seek+" -i"), args)
	}
}

func TestPicture(t *testing.T) {
	got, err := program(t, "printf BM; printf complaint >&2").Picture(t.Context(), "video", Moment{})
	require.NoError(t, err)
	assert.Equal(t, "BM", string(got))
}

func TestFailures(t *testing.T) {
	for body, text := range map[string]string{
		"echo it is broken >&2; exit 3": "it is broken",
		"echo nothing here >&2":         "nothing here",
		"head -c 200000000 /dev/zero":   "", // too much
	} {
		_, err := program(t, body).Picture(t.Context(), "video", Moment{})
		require.ErrorIs(t, err, ErrNoPicture, body)
		assert.ErrorContains(t, err, text)
	}
	_, err := Maker{Program: "/nowhere/ffmpeg"}.Picture(t.Context(), "video", Moment{})
	assert.ErrorIs(t, err, ErrNoPicture)
}

func TestCancelEndsTheProgram(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(50*time.Millisecond, cancel)
	_, err := program(t, "exec sleep 600").Picture(ctx, "video", Moment{})
	assert.ErrorIs(t, err, context.Canceled)
}

// TestPixelsAreLimited asks the real program, where there is one, for a picture with too many pixels, and for one
// that has just as many as it may have.
func TestPixelsAreLimited(t *testing.T) {
	ffmpeg, err := exec.LookPath("ffmpeg")
	if err != nil {
		t.Skip("ffmpeg is not installed")
	}
	video := filepath.Join(t.TempDir(), "v.avi")
	made := exec.Command(ffmpeg, "-loglevel", "error", "-f", "lavfi", "-i", "color=red:size=640x640:duration=0.04:rate=25", "-c:v", "mjpeg", video)
	require.NoError(t, made.Run())
	for pixels, ok := range map[int]bool{640 * 640: true, 640*640 - 1: false} {
		_, err := Maker{Program: ffmpeg, MaxSide: 64, pixels: pixels}.Picture(t.Context(), video, Moment{})
		assert.Equal(t, ok, err == nil, "%d: %v", pixels, err)
	}
}

// TestListsOfFilesAreNotFollowed asks the real program, where there is one: a file of a dataset
// must not make it read another one.
func TestListsOfFilesAreNotFollowed(t *testing.T) {
	ffmpeg, err := exec.LookPath("ffmpeg")
	if err != nil {
		t.Skip("ffmpeg is not installed")
	}
	dir := t.TempDir()
	video := filepath.Join(dir, "v.avi")
	made := exec.Command(ffmpeg, "-loglevel", "error", "-f", "lavfi", "-i", "color=red:size=64x48:duration=1", video)
	require.NoError(t, made.Run())
	m := Maker{Program: ffmpeg, MaxSide: 64}
	got, err := m.Picture(t.Context(), video, Moment{})
	require.NoError(t, err)
	assert.Equal(t, "BM", string(got[:2]))
	for name, text := range map[string]string{
		"list.m3u8":     "#EXTM3U\n#EXTINF:1,\n" + video + "\n#EXT-X-ENDLIST\n",
		"list.mp4":      "#EXTM3U\n#EXTINF:1,\n" + video + "\n#EXT-X-ENDLIST\n",
		"list.ffconcat": "ffconcat version 1.0\nfile '" + video + "'\n",
	} {
		path := filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
		_, err := m.Picture(t.Context(), path, Moment{})
		assert.ErrorIs(t, err, ErrNoPicture, name)
	}
}
