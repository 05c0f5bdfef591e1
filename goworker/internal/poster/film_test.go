package poster

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/image/bmp"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/poster/postertest"
)

// numberOf reads which frame a picture of postertest.Video is, from 1.
func numberOf(t *testing.T, file []byte, at func(image.Image, int) color.Color) int64 {
	t.Helper()
	img, err := bmp.Decode(bytes.NewReader(file))
	require.NoError(t, err)
	number := int64(1)
	for bit := range 12 {
		if grey := color.GrayModel.Convert(at(img, bit)).(color.Gray); grey.Y > 128 {
			number += 1 << bit
		}
	}
	return number
}

// across are the fields from left to right.
func across(img image.Image, bit int) color.Color {
	size := img.Bounds().Size()
	return img.At((2*bit+1)*size.X/24, size.Y/2)
}

// framesOf gives which frames come for those that are asked for, 0 for none.
func framesOf(t *testing.T, f *Film, wanted []int64) []int64 {
	t.Helper()
	f.Plan(wanted)
	got := []int64{}
	for _, n := range wanted {
		picture, err := f.Frame(t.Context(), n)
		if err != nil {
			require.ErrorIs(t, err, ErrNoPicture)
			t.Log(n, err)
			got = append(got, 0)
			continue
		}
		got = append(got, numberOf(t, picture, across))
	}
	return got
}

// kinds are files of many kinds.
var kinds = map[string]struct {
	name    string
	options []string
}{
	"H.264":              {"a.mp4", []string{"-c:v", "libx264", "-preset", "veryfast", "-bf", "3", "-g", "50"}},
	"H.264 Matroska":     {"a.mkv", []string{"-c:v", "libx264", "-preset", "veryfast", "-bf", "3", "-g", "50"}},
	"H.264 transport":    {"a.ts", []string{"-c:v", "libx264", "-preset", "veryfast", "-bf", "3", "-g", "50"}},
	"H.264 alone":        {"a.h264", []string{"-c:v", "libx264", "-preset", "veryfast", "-bf", "3", "-g", "50"}},
	"H.264 AVI":          {"a.avi", []string{"-c:v", "libx264", "-preset", "veryfast", "-bf", "0", "-g", "50"}},
	"HEVC":               {"a.mp4", []string{"-c:v", "libx265", "-preset", "ultrafast", "-x265-params", "log-level=0:keyint=50"}},
	"HEVC 10 bit, HDR":   {"a.mp4", []string{"-pix_fmt", "yuv420p10le", "-color_primaries", "bt2020", "-color_trc", "smpte2084", "-colorspace", "bt2020nc", "-c:v", "libx265", "-preset", "ultrafast", "-x265-params", "log-level=0:keyint=50"}},
	"AV1":                {"a.mp4", []string{"-c:v", "libsvtav1", "-preset", "12", "-crf", "15", "-g", "50"}},
	"AV1 WebM":           {"a.webm", []string{"-c:v", "libsvtav1", "-preset", "12", "-crf", "15", "-g", "50"}},
	"VP9":                {"a.webm", []string{"-c:v", "libvpx-vp9", "-deadline", "realtime", "-cpu-used", "8", "-g", "50"}},
	"VP9 in two passes":  {"a.webm", []string{"-c:v", "libvpx-vp9", "-deadline", "good", "-cpu-used", "5", "-auto-alt-ref", "1", "-lag-in-frames", "25", "-g", "50"}},
	"VP8":                {"a.webm", []string{"-c:v", "libvpx", "-deadline", "good", "-cpu-used", "5", "-auto-alt-ref", "1", "-lag-in-frames", "25", "-g", "50", "-b:v", "1M"}},
	"MPEG-4 AVI":         {"a.avi", []string{"-c:v", "mpeg4", "-q:v", "3", "-bf", "2", "-g", "50"}},
	"MPEG-4":             {"a.mp4", []string{"-c:v", "mpeg4", "-q:v", "3", "-bf", "2", "-g", "50"}},
	"ProRes":             {"a.mov", []string{"-c:v", "prores_ks"}},
	"MJPEG":              {"a.avi", []string{"-c:v", "mjpeg", "-pix_fmt", "yuvj420p"}},
	"MPEG-2":             {"a.mpg", []string{"-c:v", "mpeg2video", "-q:v", "3", "-bf", "2", "-g", "50"}},
	"Theora":             {"a.ogv", []string{"-c:v", "libtheora", "-q:v", "8", "-g", "50"}},
	"WMV":                {"a.wmv", []string{"-c:v", "wmv2", "-q:v", "3", "-g", "50"}},
	"FLV":                {"a.flv", []string{"-c:v", "flv", "-q:v", "3", "-g", "50"}},
	"GIF":                {"a.gif", nil},
	"variable rate":      {"a.mp4", []string{"-vf", "settb=1/1000,setpts='100*N+20*mod(N*7\\,5)*gte(N\\,100)+3000*gte(N\\,150)'", "-fps_mode", "passthrough", "-enc_time_base", "1/1000", "-c:v", "libx264", "-preset", "veryfast", "-bf", "3", "-g", "50"}},
	"variable rate WebM": {"a.webm", []string{"-vf", "settb=1/1000,setpts='100*N+20*mod(N*7\\,5)*gte(N\\,100)+3000*gte(N\\,150)'", "-fps_mode", "passthrough", "-enc_time_base", "1/1000", "-c:v", "libvpx-vp9", "-deadline", "realtime", "-cpu-used", "8", "-g", "50"}},
	"late start":         {"a.mp4", []string{"-c:v", "libx264", "-preset", "veryfast", "-bf", "3", "-g", "50", "-output_ts_offset", "7.3"}},
}

// upTo are the numbers up to the given one.
func upTo(n int) []int64 {
	list := make([]int64, n)
	for i := range list {
		list[i] = int64(i + 1)
	}
	return list
}

// TestEveryFrameIsTheRightOne reads frames of all kinds of files in all orders: one after the other, a few, with jumps that start
// ffmpeg again behind, and back.
func TestEveryFrameIsTheRightOne(t *testing.T) {
	every := upTo(60)
	for name, kind := range kinds {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), kind.name)
			postertest.Video(t, path, "260", kind.options...)
			maker := Maker{Program: postertest.FFmpeg(t), MaxSide: 192, Threads: 2, through: 20}
			for _, wanted := range [][]int64{every, {7}, {3, 9, 30, 33}, {60, 61, 170, 259, 260}, {10, 233}} {
				f := maker.Open(path)
				assert.Equal(t, wanted, framesOf(t, f, wanted))
				f.Close()
			}
			f := maker.Open(path)
			defer f.Close()
			for _, n := range []int64{259, 2, 132} {
				assert.Equal(t, []int64{n}, framesOf(t, f, []int64{n}))
			}
			assert.Equal(t, []int64{260, 0, 0}, framesOf(t, f, []int64{260, 261, 4000}), "it ends")
			assert.Equal(t, []int64{1}, framesOf(t, f, []int64{1}), "from the beginning again")
		})
	}
}

// TestFramesAreUpright has videos that are turned when they are shown, by what their files say.
func TestFramesAreUpright(t *testing.T) {
	dir := t.TempDir()
	plain := filepath.Join(dir, "plain.mp4")
	postertest.Video(t, plain, "60", "-c:v", "libx264", "-preset", "veryfast", "-g", "10")
	for turn, at := range map[string]func(image.Image, int) color.Color{
		"0": across,
		"90": func(img image.Image, bit int) color.Color { // counter-clockwise
			size := img.Bounds().Size()
			return img.At(size.X/2, size.Y-1-(2*bit+1)*size.Y/24)
		},
		"180": func(img image.Image, bit int) color.Color {
			size := img.Bounds().Size()
			return img.At(size.X-1-(2*bit+1)*size.X/24, size.Y/2)
		},
		"270": func(img image.Image, bit int) color.Color {
			size := img.Bounds().Size()
			return img.At(size.X/2, (2*bit+1)*size.Y/24)
		},
	} {
		path := filepath.Join(dir, turn+".mp4")
		postertest.Make(t, "-y", "-v", "error", "-display_rotation", turn, "-i", plain, "-c", "copy", path)
		f := Maker{Program: postertest.FFmpeg(t), MaxSide: 96, through: 10}.Open(path)
		for _, n := range []int64{1, 2, 50} {
			picture, err := f.Frame(t.Context(), n)
			require.NoError(t, err)
			assert.Equal(t, n, numberOf(t, picture, at), turn)
			size, err := bmp.DecodeConfig(bytes.NewReader(picture))
			require.NoError(t, err)
			assert.Equal(t, turn == "90" || turn == "270", size.Width < size.Height)
			assert.Equal(t, 96, max(size.Width, size.Height))
		}
		f.Close()
	}
}

// TestPixelsThatAreNotSquare has a video of 192 x 48 pixels that is to be shown as wide as 96 of them.
func TestPixelsThatAreNotSquare(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.mp4")
	postertest.Video(t, path, "3", "-vf", "setsar=1/2", "-c:v", "libx264")
	f := Maker{Program: postertest.FFmpeg(t), MaxSide: 640}.Open(path)
	defer f.Close()
	picture, err := f.Frame(t.Context(), 2)
	require.NoError(t, err)
	size, err := bmp.DecodeConfig(bytes.NewReader(picture))
	require.NoError(t, err)
	assert.Equal(t, []int{96, 48}, []int{size.Width, size.Height})
	assert.EqualValues(t, 2, numberOf(t, picture, across))
}

// TestPicturesThatChangeTheirSize has what a camera sends that changes its resolution.
func TestPicturesThatChangeTheirSize(t *testing.T) {
	dir := t.TempDir()
	var all []byte
	for i, size := range []string{"192:48", "384:96", "96:24"} {
		path := filepath.Join(dir, size[:2]+".h264")
		postertest.Video(t, path, "90", "-vf", fmt.Sprintf("select='between(n\\,%d\\,%d)',scale=%s", 30*i, 30*i+29, size), "-c:v", "libx264", "-bf", "0")
		part, err := os.ReadFile(path)
		require.NoError(t, err)
		all = append(all, part...)
	}
	path := filepath.Join(dir, "all.h264")
	require.NoError(t, os.WriteFile(path, all, 0o600))
	f := Maker{Program: postertest.FFmpeg(t), MaxSide: 192}.Open(path)
	defer f.Close()
	assert.Equal(t, upTo(90), framesOf(t, f, upTo(90)))
	assert.Equal(t, []int64{5, 35, 65}, framesOf(t, f, []int64{5, 35, 65}))
}

// TestDamagedFiles has what is there of files that end early or are broken in between, and nothing where there is no video.
func TestDamagedFiles(t *testing.T) {
	dir := t.TempDir()
	good := filepath.Join(dir, "good.mkv")
	postertest.Video(t, good, "100", "-c:v", "libx264", "-preset", "veryfast", "-g", "10")
	content, err := os.ReadFile(good)
	require.NoError(t, err)
	write := func(name string, content []byte) string {
		path := filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(path, content, 0o600))
		return path
	}
	open := func(path string) *Film {
		f := Maker{Program: postertest.FFmpeg(t), MaxSide: 192, through: 20}.Open(path)
		t.Cleanup(f.Close)
		return f
	}
	wanted := []int64{1, 2, 20, 90}
	assert.Equal(t, []int64{1, 2, 20, 0}, framesOf(t, open(write("cut.mkv", content[:len(content)/2])), wanted))

	zeros := bytes.Clone(content)
	clear(zeros[len(zeros)*4/10 : len(zeros)*6/10])
	assert.Equal(t, []int64{1, 2, 20}, framesOf(t, open(write("zeros.mkv", zeros)), wanted)[:3])

	whole := filepath.Join(dir, "whole.mp4") // its index stands at the end
	postertest.Make(t, "-v", "error", "-i", good, "-c", "copy", whole)
	content, err = os.ReadFile(whole)
	require.NoError(t, err)
	picture := filepath.Join(dir, "still.png")
	postertest.Make(t, "-v", "error", "-i", good, "-frames:v", "1", picture)
	sound, covered, film := filepath.Join(dir, "sound.mp4"), filepath.Join(dir, "cover.m4a"), filepath.Join(dir, "film.mp4")
	tone := []string{"-v", "error", "-f", "lavfi", "-i", "sine=duration=1"}
	postertest.Make(t, append(tone, sound)...)
	postertest.Make(t, append(tone, "-i", picture, "-map", "0", "-map", "1", "-c:v", "copy", "-disposition:v", "attached_pic", covered)...)
	postertest.Make(t, "-v", "error", "-i", picture, "-i", good, "-map", "0", "-map", "1", "-c:v", "copy", "-disposition:v:0", "attached_pic", film)
	still := filepath.Join(dir, "still.mp4")
	postertest.Make(t, "-v", "error", "-framerate", "1/10", "-i", picture, "-frames:v", "1", "-vf", "scale=out_range=tv", "-pix_fmt", "yuv420p", "-c:v", "libx264", still)
	for path, want := range map[string][]int64{
		write("cut.mp4", content[:len(content)/2]): {0, 0, 0, 0},
		write("empty.mp4", nil):                    {0, 0, 0, 0},
		write("noise.mp4", []byte("no video")):     {0, 0, 0, 0},
		filepath.Join(dir, "gone.mp4"):             {0, 0, 0, 0},
		sound:                                      {0, 0, 0, 0},
		covered:                                    {0, 0, 0, 0},
		film:                                       wanted,
		still:                                      {1, 0, 0, 0},
	} {
		assert.Equal(t, want, framesOf(t, open(path), wanted), path)
	}
}
