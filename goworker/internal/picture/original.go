package picture

import (
	"bytes"
	"context"
	"errors"
	"path/filepath"
	"strings"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/artifact"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/table"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/thumb"
)

// original makes a cell of the file itself, which is hashed where it is.
func (w *worker) original(ctx context.Context, m media) (Cell, error) {
	file, err := w.open(m.path)
	if err != nil {
		return Cell{}, err
	}
	if file.original != nil {
		return *file.original, nil
	}
	width, height, format, err := imageSize(file)
	switch {
	case errors.Is(err, errNotImage):
		width, height, err = w.p.sizeByPillow(ctx, file)
	case err == nil:
		err = w.p.canBeOpened(ctx, file, format, int64(width)*int64(height))
	}
	if err != nil {
		return Cell{}, err
	}
	opened, err := file.reader()
	if err != nil {
		return Cell{}, err
	}
	digest, sha, size, mod, err := artifact.Hash(ctx, m.path, opened)
	if err != nil {
		if ctx.Err() != nil {
			return Cell{}, ctx.Err()
		}
		return Cell{}, errUnreadable
	}
	name := "media/images/" + sha[:20] + "/" + safeBase(m.path, format)
	cell := Cell{
		image: &table.Image{Path: name, SHA256: sha, Format: strings.TrimPrefix(filepath.Ext(name), "."), Width: width, Height: height},
		shown: placement{Width: width, Height: height, SourceWidth: width, SourceHeight: height},
	}
	file.original = &cell
	return cell, w.p.sink.AddFile(artifact.Entry{Path: name, Digest: digest, Size: size, LocalPath: m.path, ModTime: mod})
}

// canBeOpened finds out whether the wandb package can open a file: reading a table, it decodes all pictures, and one that
// Pillow refuses takes the whole table with it. For files beyond the limits of the decoders here, that is taken for granted.
func (p *Maker) canBeOpened(ctx context.Context, file *sourceFile, format string, pixels int64) error {
	if pixels > mostOpened {
		return errNotOpened
	}
	var own error
	switch format {
	case "jpeg": // Pillow shows what it can of a damaged one, as long as it has an end: decoding would take much longer
		if file.endsWith(0xff, 0xd9) {
			return nil
		}
	case "tiff": // of which other kinds are read here
	default:
		var small thumb.Thumb
		small, own = p.shrink(ctx, file, media{}, p.options(media{}))
		if own == nil && !small.Given || ctx.Err() != nil {
			return ctx.Err()
		}
	}
	data, release, err := file.read(ctx, p)
	if err == nil {
		defer release()
		_, err = p.checkByPillow(ctx, data, own)
	}
	if errors.Is(err, errTooLarge) {
		return nil
	}
	return err
}

// endsWith reports whether these are the file's last bytes.
func (f *sourceFile) endsWith(last ...byte) bool {
	end := make([]byte, len(last))
	file, err := f.reader()
	if err == nil {
		_, err = file.ReadAt(end, file.Size()-int64(len(end)))
	}
	return err == nil && bytes.Equal(end, last)
}

// headBytes is how much of a file shows whether its picture is stored on its side.
const headBytes = 128 << 10

// imageSize reads the head of an image file. The size is that of the upright picture, as which browsers show it.
func imageSize(file *sourceFile) (width, height int, format string, err error) {
	f, err := file.reader()
	if err != nil {
		return 0, 0, "", err
	}
	config, format, err := thumb.Config(f)
	if errors.Is(err, thumb.ErrUnsupported) {
		return 0, 0, "", errNotImage
	}
	if err != nil {
		return 0, 0, "", errUnreadable
	}
	head := make([]byte, headBytes)
	n, _ := f.ReadAt(head, 0) // a file that is shorter is an error, too
	if thumb.OnItsSide(head[:n]) {
		return config.Height, config.Width, format, nil
	}
	return config.Width, config.Height, format, nil
}

// safeBase is the file's name as a name in an artifact: it always has an
// extension, since W&B tells the format by it.
func safeBase(path, format string) string {
	base := filepath.Base(filepath.ToSlash(path))
	base = strings.Map(func(r rune) rune {
		if r < ' ' || r == '\\' || r == 0x7f {
			return '_'
		}
		return r
	}, base)
	if filepath.Ext(base) == "" {
		base += "." + format
	}
	return base
}
