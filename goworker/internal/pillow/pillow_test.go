package pillow

import (
	"context"
	"fmt"
	"image"
	"image/color"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/pillow/pillowtest"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/stretch"
)

// limits are ample ones.
var limits = Limits{Pixels: 1 << 24, Bytes: 1 << 26}

// program is the real one.
func program(t *testing.T) Program {
	return Program{Python: pillowtest.Python(t), Script: pillowtest.Script(t), Packages: pillowtest.Packages(t)}
}

func TestKindsOfPictures(t *testing.T) {
	d := New(program(t))
	defer d.Close()
	made := pillowtest.Files(t, `
show("gray", base, "PNG")
show("bits", base.convert("1"), "TIFF", compression="group4")
show("rgb", color, "JPEG2000")
show("rgba", color.convert("RGBA"), "PNG")
show("opacity", base.convert("LA"), "TIFF")
show("gray16", Image.new("I;16", (40, 30), 40000), "TIFF")
show("palette", color.quantize(16), "TIFF", compression="zstd")
show("float", Image.new("F", (40, 30), -2.5), "TIFF")
show("int", Image.new("I", (40, 30), -70000), "TIFF")
show("cmyk", color.convert("CMYK"), "TIFF")
show("ycbcr", color.convert("YCbCr"), "TIFF", compression="jpeg")
show("pnm", color, "PPM")
show("cut", color, "PNG", cut=-40)
show("animation", color, "WEBP", save_all=True, append_images=[color.rotate(180)])
exif = Image.Exif(); exif[0x0112] = 6
show("turned", color, "WEBP", exif=exif)
`)
	kinds := map[string]image.Image{
		"gray": &image.Gray{}, "bits": &image.Gray{}, "rgb": &image.RGBA{}, "rgba": &image.NRGBA{}, "opacity": &image.NRGBA{},
		"gray16": &image.Gray16{}, "palette": &image.Paletted{}, "float": &stretch.Floats{}, "int": &stretch.Floats{}, "cmyk": &image.RGBA{},
		"ycbcr": &image.RGBA{}, "pnm": &image.RGBA{}, "cut": &image.RGBA{}, "animation": &image.RGBA{}, "turned": &image.RGBA{},
	}
	for name, kind := range kinds {
		info, err := d.Describe(t.Context(), made[name], limits)
		require.NoError(t, err, name)
		p, err := d.Decode(t.Context(), made[name], limits)
		require.NoError(t, err, name)
		assert.IsType(t, kind, p.Image, name)
		assert.Equal(t, image.Rect(0, 0, 40, 30), p.Bounds(), name)
		assert.Equal(t, [2]int{40, 30}, [2]int{info.Width, info.Height}, name)
		wanted := 1
		if name == "turned" {
			wanted = 6
		}
		assert.Equal(t, wanted, p.Turn, name)
		assert.Equal(t, wanted, info.Turn, name)
		if _, paletted := p.Image.(*image.Paletted); !paletted {
			assert.Equal(t, p.ColorModel(), info.ColorModel, name)
		}
	}
	for name, want := range map[string]float32{"float": -2.5, "int": -70000} {
		p, err := d.Decode(t.Context(), made[name], limits)
		require.NoError(t, err)
		assert.Equal(t, want, p.Image.(*stretch.Floats).Pix[7], name)
	}
	p, err := d.Decode(t.Context(), made["gray16"], limits)
	require.NoError(t, err)
	assert.Equal(t, color.Gray16{40000}, p.At(3, 3))
	assert.Equal(t, 1, d.startedTimes())
	assert.Empty(t, d.Why())
}

// startedTimes is how many processes there have been.
func (d *Decoder) startedTimes() int {
	s := <-d.turn
	defer func() { d.turn <- s }()
	return s.started
}

func TestWhatPillowDoesNotRead(t *testing.T) {
	d := New(program(t))
	defer d.Close()
	made := pillowtest.Files(t, `
show("large", base, "PNG")
show("eps", color, "EPS")
show("pdf", color, "PDF")
`)
	for name, c := range map[string]struct {
		file   []byte
		limits Limits
		want   error
	}{
		"pixels":                   {made["large"], Limits{Pixels: 1199, Bytes: 1 << 20}, ErrTooLarge},
		"bytes":                    {made["large"], Limits{Pixels: 1 << 20, Bytes: 1199}, ErrTooLarge},
		"within":                   {made["large"], Limits{Pixels: 1200, Bytes: 1200}, nil},
		"a text":                   {[]byte("not a picture"), limits, ErrUnsupported},
		"nothing":                  {nil, limits, ErrUnsupported},
		"what runs other programs": {made["eps"], limits, ErrUnsupported},
		"documents":                {made["pdf"], limits, ErrUnsupported},
		"a head alone":             {made["large"][:20], limits, ErrCorrupt},
	} {
		for _, ask := range []func() error{
			func() error { _, err := d.Describe(t.Context(), c.file, c.limits); return err },
			func() error { _, err := d.Decode(t.Context(), c.file, c.limits); return err },
		} {
			if err := ask(); c.want == nil {
				assert.NoError(t, err, name)
			} else {
				assert.ErrorIs(t, err, c.want, name)
			}
		}
	}
	assert.Equal(t, 1, d.startedTimes())
}

// TestCheck has Pillow open files as it does by default. What it was asked before does not matter.
func TestCheck(t *testing.T) {
	d := New(program(t))
	defer d.Close()
	made := pillowtest.Files(t, `
exif = Image.Exif(); exif[0x0112] = 6
show("whole", color, "JPEG", exif=exif)
show("cut", color, "JPEG", cut=-40)
`)
	for range 2 {
		info, err := d.Check(t.Context(), made["whole"], limits)
		require.NoError(t, err)
		assert.Equal(t, [3]int{40, 30, 6}, [3]int{info.Width, info.Height, info.Turn})
		_, err = d.Check(t.Context(), made["cut"], limits)
		assert.ErrorIs(t, err, ErrCorrupt)
		_, err = d.Decode(t.Context(), made["cut"], limits)
		assert.NoError(t, err)
	}
	_, err := d.Check(t.Context(), []byte("not a picture"), limits)
	assert.ErrorIs(t, err, ErrUnsupported)
	_, err = d.Check(t.Context(), made["whole"], Limits{Pixels: 1199, Bytes: 1 << 20})
	assert.ErrorIs(t, err, ErrTooLarge)
	assert.Equal(t, 1, d.startedTimes())
}

// TestTheProcessMayDoNothing has a picture's decoder try what it must not be able to do.
func TestTheProcessMayDoNothing(t *testing.T) {
	p := program(t)
	dir := t.TempDir()
	secret := filepath.Join(dir, "secret")
	require.NoError(t, os.WriteFile(secret, []byte("secret"), 0o600))
	t.Setenv("WANDB_API_KEY", "a-key-that-must-not-get-there")
	script := filepath.Join(dir, "script.py")
	real, err := os.ReadFile(p.Script)
	require.NoError(t, err)
	tries := fmt.Sprintf(`
def read(file, decode, pixels, size):
    import os, socket
    did = [name for name in os.environ if "KEY" in name or "WANDB" in name or "MONGO" in name]
    for name, act in {
        "read": lambda: open(%q).read(), "write": lambda: open(%q, "w"), "socket": lambda: socket.socket(),
        "run": lambda: os.posix_spawn("/bin/sh", ["sh"], {}, file_actions=[(os.POSIX_SPAWN_OPEN, 1, %q, os.O_CREAT | os.O_WRONLY, 0o600)]),
    }.items():
        try:
            act()
            did.append(name)
        except OSError:
            pass
    raise Unsupported("it could: " + " ".join(did))
`, secret, filepath.Join(dir, "written"), filepath.Join(dir, "spawned"))
	text := strings.Replace(string(real), `if __name__ == "__main__":`, tries+"\nimport socket\nif __name__ == \"__main__\":", 1)
	require.NoError(t, os.WriteFile(script, []byte(text), 0o600))
	p.Script = script
	d := New(p)
	defer d.Close()
	_, err = d.Decode(t.Context(), []byte("x"), limits)
	require.ErrorIs(t, err, ErrUnsupported)
	assert.True(t, strings.HasSuffix(strings.TrimSpace(err.Error()), "it could:"), err)
	assert.NoFileExists(t, filepath.Join(dir, "written"))
	assert.NoFileExists(t, filepath.Join(dir, "spawned"))
}

// acting makes a program that says hello and then acts, in Python.
func acting(t *testing.T, code string) Program {
	script := filepath.Join(t.TempDir(), "script.py")
	text := "import os, struct, sys, time\nout = sys.stdout.buffer\nhello = " + fmt.Sprintf("bytes.fromhex('%x')\n", hello) + code
	require.NoError(t, os.WriteFile(script, []byte(text), 0o600))
	return Program{Python: pillowtest.Python(t), Script: script}
}

// TestAProcessThatGoesWrong costs one picture, whatever it does; the next one has a new process.
func TestAProcessThatGoesWrong(t *testing.T) {
	for name, act := range map[string]string{
		"ends":         "sys.exit(3)",
		"crashes":      "os.abort()",
		"hangs":        "time.sleep(600)",
		"half":         "out.write(b'FDP1' + bytes(10)); out.flush(); sys.exit()",
		"noise":        "out.write(os.urandom(1 << 16)); out.flush(); time.sleep(600)",
		"never reads":  "time.sleep(600)",
		"too large":    "out.write(struct.pack('<IBBBxIIQIId', 0x31504446, 0, 2, 1, 30000, 30000, 3600000000, 0, 0, 0)); out.flush(); time.sleep(600)",
		"wrong length": "out.write(struct.pack('<IBBBxIIQIId', 0x31504446, 0, 1, 1, 10, 10, 99, 0, 0, 0)); out.flush(); time.sleep(600)",
		"too few":      "out.write(struct.pack('<IBBBxIIQIId', 0x31504446, 0, 1, 1, 10, 10, 100, 0, 0, 0) + bytes(99)); out.flush(); sys.exit()",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			read := "sys.stdin.buffer.read(37)\n"
			if name == "never reads" {
				read = ""
			}
			d := New(acting(t, "out.write(hello); out.flush()\n"+read+act))
			defer d.Close()
			d.maxTime = 500 * time.Millisecond
			for i := range 2 {
				_, err := d.Decode(t.Context(), make([]byte, 1<<20), limits)
				assert.ErrorIs(t, err, ErrCorrupt)
				assert.Equal(t, i+1, d.startedTimes())
			}
			assert.Empty(t, d.Why(), "it can be used")
		})
	}
}

func TestNoUsablePillow(t *testing.T) {
	for name, p := range map[string]Program{
		"no interpreter":  {},
		"none there":      {Python: "/nowhere/python3", Script: "x.py"},
		"no script":       {Python: pillowtest.Python(t), Script: "/nowhere/decoder.py"},
		"another program": {Python: "/bin/sh", Script: "/nowhere/decoder.py"},
		"no Pillow":       {Python: pillowtest.Python(t), Script: pillowtest.Script(t)},
		"another version": acting(t, "out.write(b'FWPD' + bytes(4)); out.flush(); time.sleep(600)"),
	} {
		d := New(p)
		assert.Empty(t, d.Why(), name)
		for range 2 {
			_, err := d.Decode(t.Context(), []byte("x"), limits)
			assert.ErrorIs(t, err, ErrUnavailable, name)
		}
		assert.NotEmpty(t, d.Why(), name)
		assert.LessOrEqual(t, d.startedTimes(), 1, "it is tried once")
		d.Close()
	}
}

func TestCancel(t *testing.T) {
	d := New(acting(t, "out.write(hello); out.flush(); time.sleep(600)"))
	defer d.Close()
	ctx, cancel := context.WithCancel(t.Context())
	var all sync.WaitGroup
	for range 3 { // one asks, the others wait for their turn
		all.Go(func() {
			_, err := d.Decode(ctx, []byte("x"), limits)
			assert.ErrorIs(t, err, context.Canceled)
		})
	}
	time.Sleep(100 * time.Millisecond)
	cancel()
	all.Wait()
	assert.Empty(t, d.Why())
}

func TestCloseEndsTheProcess(t *testing.T) {
	d := New(program(t))
	_, err := d.Decode(t.Context(), []byte("x"), limits)
	require.ErrorIs(t, err, ErrUnsupported)
	s := <-d.turn
	process := s.running.cmd.Process
	d.turn <- s
	d.Close()
	assert.Error(t, process.Signal(os.Interrupt))
	_, err = d.Decode(t.Context(), []byte("x"), limits)
	assert.ErrorIs(t, err, ErrUnavailable)
}
