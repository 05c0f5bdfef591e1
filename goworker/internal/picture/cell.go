package picture

import (
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/overlay"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/table"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/thumb"
)

// Cells are the cells of a row's pictures, in the order of Maker.Columns.
type Cells []Cell

// Cell is a cell of a column of pictures: a picture, a text, or nothing.
type Cell struct {
	image *table.Image
	text  string
	shown placement
	// stretched reports that the picture's samples are shown stretched.
	stretched bool
	// given reports that Pillow decoded it.
	given bool
	why   *noPicture // where a picture is missing that should be there
	// trouble is what of the row's labels is not drawn.
	trouble overlay.Trouble
}

// placement is which part of a picture a cell shows: what is drawn over it goes by that.
type placement struct {
	// Width and Height are those of the cell's picture, in pixels.
	Width, Height int
	// SourceWidth and SourceHeight are those of the whole picture that it was made
	// of, upright.
	SourceWidth, SourceHeight int
	// Crop is the part of the whole picture; an empty one means all of it.
	Crop thumb.Box
}

// write writes the cell.
func (c *Cell) write(w *table.Writer) {
	switch {
	case c.image != nil:
		w.Image(*c.image)
	case c.text != "":
		w.Text(c.text)
	default:
		w.Null()
	}
}

// Warnings calls warn with what the row's pictures lack: a code, and a sentence without its subject, see noPicture.
func (cells Cells) Warnings(warn func(code, rest string)) {
	stretched, given := false, false
	for i := range cells {
		cell := &cells[i]
		stretched, given = stretched || cell.stretched, given || cell.given || cell.trouble&overlay.Given != 0
		if cell.why != nil {
			warn(cell.why.code, cell.why.rest)
		}
		for _, t := range troubles {
			if cell.trouble&t.is != 0 {
				warn(t.code, t.rest)
			}
		}
	}
	if stretched {
		warn(warnStretched.code, warnStretched.rest)
	}
	if given {
		warn(warnGiven.code, warnGiven.rest)
	}
}

// warnStretched is said of rows whose pictures are stretched.
var warnStretched = noPicture{"stretched", "rows have a picture of more than 8 bits that uses little of its range (thermal, depth, radar). " +
	"Each is stretched between its own 1st and 99th percentile, so that their brightness cannot be compared: " +
	"image_range=(low, high) shows all of them alike."}

// noPicture is why a row has no picture: a warning, never the end of a job.
type noPicture struct{ code, rest string }

// Error implements error.
func (n *noPicture) Error() string { return n.code }

// The reasons.
var (
	errMissing  = &noPicture{"missing_file", "rows have no picture because the media file was not found."}
	errNotImage = &noPicture{"not_an_image",
		"rows have no picture because the media file is not an image of a kind that the worker or Pillow reads."}
	errUnreadable = &noPicture{"unreadable_file", "rows have no picture because the media file could not be read."}
	errTooLarge   = &noPicture{"too_large_picture",
		"rows have no picture because the media file is too large to be made smaller here (over 64 MB, or 208 MB when decoded)."}
	errNotOpened = &noPicture{"not_opened", "rows have no picture because the wandb package could not open the media file, and then not read the table either: " +
		"it is damaged, has more than 178,956,970 pixels, or is of a kind that Pillow does not read by itself. " +
		"image_mode=\"thumbnail\" shows what can be seen of it."}
	errNoCrop   = &noPicture{"no_box", "patches have no picture because no box of a label is within the picture."}
	errNoFFmpeg = &noPicture{"no_ffmpeg",
		"rows have no picture because ffmpeg, which takes pictures out of videos, was not found: install it, so that it is on PATH, or run pip install imageio-ffmpeg."}
	errNoFrame = &noPicture{"no_frame", "rows have no picture because ffmpeg found no such frame in the video: it is damaged, shorter than its labels, or not a video."}
	errRemote  = &noPicture{"remote_file", "rows have no thumbnail because the media file is not on this machine."}
)

// warnGiven is said of rows with something that Pillow decoded.
var warnGiven = noPicture{"read_by_pillow",
	"rows have a picture or a mask that Pillow decoded, since the worker's own decoders do not read its kind or found the file damaged: " +
		"of a damaged one, what can be seen is shown."}

// troubles are the warnings for what is not drawn.
var troubles = []struct {
	is overlay.Trouble
	noPicture
}{
	{overlay.BadPosition, noPicture{"bad_position", "rows have labels that are not drawn because their position is not a number or their size is negative."}},
	{overlay.InPixels, noPicture{"position_in_pixels",
		"rows have labels whose positions look like pixels: FiftyOne wants fractions of the picture's width and height, from 0 to 1. They are cut off or invisible."}},
	{overlay.OutOfPicture, noPicture{"outside_picture", "rows have labels that are outside of their picture, or in part: they are cut off at its edge."}},
	{overlay.NoFile, noPicture{"missing_mask", "rows have masks or heatmaps that are not shown because their file was not found or cannot be read."}},
	{overlay.BadMask, noPicture{"bad_mask", "rows have masks or heatmaps that are not shown because they are damaged, too large or of an unknown kind."}},
	{overlay.LateClass, noPicture{"late_class",
		"rows have labels of a class that was added while the view was read; they are drawn without one or not at all. Log the view again."}},
	{overlay.OtherValues, noPicture{"unnamed_values",
		"rows have masks with values or colours that the dataset's mask_targets do not name; these areas are called \"other\"."}},
}
