package poster

import (
	"context"
	"encoding/binary"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/poster/postertest"
)

// program writes a shell script that stands for ffmpeg.
func program(t *testing.T, body string) *Film {
	t.Helper()
	path := filepath.Join(t.TempDir(), "ffmpeg")
	require.NoError(t, os.WriteFile(path, []byte("#!/bin/sh\n"+body+"\n"), 0o700))
	f := Maker{Program: path, MaxSide: 640, patience: 5 * time.Second}.Open("video")
	t.Cleanup(f.Close)
	return f
}

// fakePicture is a shell command that writes what begins like a BMP file of 8 bytes.
const fakePicture = `printf 'BM\010\000\000\000xy'`

func TestArguments(t *testing.T) {
	f := Maker{MaxSide: 640}.Open("/a/-i b")
	args := strings.Join(f.count(26).args, " ")
	assert.Contains(t, args, "-protocol_whitelist file -format_whitelist mov,")
	assert.Contains(t, args, " -i file:/a/-i b -map 0:V:0 ")
	assert.Contains(t, args, ` -vf select='gte(n\,25)',scale=`)
	f.Plan([]int64{3, 9, 30})
	assert.Contains(t, strings.Join(f.count(3).args, " "), `select='gte(n\,2)',select='not(mod(n\,3))',scale=`)
	f.Plan([]int64{3})
	assert.Contains(t, strings.Join(f.count(3).args, " "), "-frames:v 1 -f image2pipe pipe:1")
}

func TestPicturesOfAProgram(t *testing.T) {
	f := program(t, fakePicture+"; "+fakePicture+"; printf complaint >&2")
	for n := range int64(2) {
		got, err := f.Frame(t.Context(), n+1)
		require.NoError(t, err)
		assert.Equal(t, "BM\x08\x00\x00\x00xy", string(got))
	}
	_, err := f.Frame(t.Context(), 3)
	require.ErrorIs(t, err, ErrNoPicture)
}

func TestFailures(t *testing.T) {
	tooLarge := string(binary.LittleEndian.AppendUint32([]byte("BM"), maxSize+1))
	for body, text := range map[string]string{
		"echo it is broken >&2; exit 3": "it is broken",
		"exit 3":                        "exit status 3",
		"echo nothing here":             "something else than pictures",
		"printf '" + strings.ReplaceAll(tooLarge, "\x00", `\000`) + "'": "of 100663297 bytes",
		"printf 'BM\\377\\000\\000\\000ab'":                             "EOF",
	} {
		_, err := program(t, body).Frame(t.Context(), 1)
		require.ErrorIs(t, err, ErrNoPicture, body)
		assert.ErrorContains(t, err, text)
	}
	_, err := Maker{Program: "/nowhere/ffmpeg"}.Open("video").Frame(t.Context(), 1)
	assert.ErrorIs(t, err, ErrNoPicture)
}

// TestAProgramThatStops is given up once, not for each frame, and only while a frame is waited for.
func TestAProgramThatStops(t *testing.T) {
	f := program(t, fakePicture+"; exec sleep 600")
	f.maker.patience = 200 * time.Millisecond
	_, err := f.Frame(t.Context(), 1)
	require.NoError(t, err)
	for range 100 {
		_, err = f.Frame(t.Context(), 2)
		require.ErrorIs(t, err, ErrNoPicture)
		require.ErrorContains(t, err, "nothing came for 300ms")
	}
}

func TestCancelEndsTheProgram(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(50*time.Millisecond, cancel)
	f := program(t, "exec sleep 600")
	f.maker.patience = 0
	_, err := f.Frame(ctx, 1)
	assert.ErrorIs(t, err, context.Canceled)
}

func TestCloseEndsTheProgram(t *testing.T) {
	f := program(t, "echo $$ > "+filepath.Join(t.TempDir(), "pid")+"; "+fakePicture+"; exec sleep 600")
	_, err := f.Frame(t.Context(), 1)
	require.NoError(t, err)
	f.Close() // returns when it has ended
	assert.Nil(t, f.run)
}

// TestOneRunGivesAllFrames counts how often ffmpeg is started.
func TestOneRunGivesAllFrames(t *testing.T) {
	dir := t.TempDir()
	video := filepath.Join(dir, "v.mp4")
	postertest.Video(t, video, "700", "-c:v", "libx264", "-preset", "ultrafast", "-g", "100")
	starts := filepath.Join(dir, "starts")
	path := filepath.Join(dir, "ffmpeg")
	require.NoError(t, os.WriteFile(path, []byte("#!/bin/sh\necho >> "+starts+"\nexec "+postertest.FFmpeg(t)+` "$@"`+"\n"), 0o700))
	started := func() int {
		list, _ := os.ReadFile(starts)
		_ = os.Remove(starts)
		return len(list)
	}
	f := Maker{Program: path, MaxSide: 192}.Open(video)
	defer f.Close()
	for first := range 2 { // in parts, as they come from a database
		list := make([]int64, 300)
		for i := range list {
			list[i] = int64(300*first + i + 1)
		}
		assert.Equal(t, list, framesOf(t, f, list))
	}
	assert.Equal(t, 1, started())
	assert.Equal(t, []int64{1, 691}, framesOf(t, f, []int64{1, 691}))
	assert.Equal(t, 3, started(), "the first one, the times of all, and the keyframe before the other one")
}

// TestPixelsAreLimited asks for a picture with too many pixels, and for one that has just as many as it may have.
func TestPixelsAreLimited(t *testing.T) {
	video := filepath.Join(t.TempDir(), "v.avi")
	postertest.Make(t, "-loglevel", "error", "-f", "lavfi", "-i", "color=red:size=640x640:duration=0.04:rate=25", "-c:v", "mjpeg", video)
	for pixels, ok := range map[int]bool{640 * 640: true, 640*640 - 1: false} {
		f := Maker{Program: postertest.FFmpeg(t), MaxSide: 64, pixels: pixels}.Open(video)
		_, err := f.Frame(t.Context(), 1)
		assert.Equal(t, ok, err == nil, "%d: %v", pixels, err)
		f.Close()
	}
}

// TestListsOfFilesAreNotFollowed: a file of a dataset must not make ffmpeg read another one.
func TestListsOfFilesAreNotFollowed(t *testing.T) {
	dir := t.TempDir()
	video := filepath.Join(dir, "v.avi")
	postertest.Make(t, "-loglevel", "error", "-f", "lavfi", "-i", "color=red:size=64x48:duration=1", video)
	frame := func(path string) ([]byte, error) {
		f := Maker{Program: postertest.FFmpeg(t), MaxSide: 64, through: 5}.Open(path)
		defer f.Close()
		if _, err := f.Frame(t.Context(), 20); err == nil { // by seeking
			return nil, err
		}
		return f.Frame(t.Context(), 1)
	}
	_, err := frame(video)
	require.NoError(t, err)
	playlist := "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n" + video + "\n#EXT-X-ENDLIST\n"
	for name, text := range map[string]string{
		"list.m3u8": playlist, "list.mp4": playlist, "list.ffconcat": "ffconcat version 1.0\nfile '" + video + "'\n",
	} {
		path := filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
		_, err := frame(path)
		assert.ErrorIs(t, err, ErrNoPicture, name)
	}
}
