package overlay

import (
	"math"
	"strconv"
	"unicode/utf8"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/label"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/table"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/thumb"
)

const (
	// dotSide is the side of the box around a keypoint's point, as a part of the picture's longer side.
	dotSide = 0.02
	// captionBytes is how much of a label's name a box shows.
	captionBytes = 100
	// maxWords is how many classifications of a field a caption tells, and captionMost how long it gets.
	maxWords    = 5
	captionMost = 400
	// scoreName is the key of a box's confidence.
	scoreName = "confidence"
)

// box is a box of the layer that is made. Its caption ends at end in the layer's text.
type box struct {
	minX, maxX, minY, maxY float64
	class                  int
	score                  float64
	scored                 bool
	end                    int
}

// rectangle draws a detection.
func (d *Drawer) rectangle(s *label.Shape) {
	if !s.HasBox {
		return // it is a box in 3D
	}
	x, y, w, h := s.Box[0], s.Box[1], s.Box[2], s.Box[3]
	hasMask := s.Raster.Type != 0 || len(s.Path) > 0
	if hasMask && d.mode != NoMasks {
		d.addObject(s)
	}
	if s.Turn == 0 || hasMask {
		d.addBox(s, x, x+w, y, y+h, s.Confidence, s.HasConfidence)
		return
	}
	corners := d.turned(s)
	if d.mode == AllMasks {
		d.addPolygon(s.Class, corners, []int{len(corners)})
		return
	}
	d.around(s, corners)
}

const (
	// edge is how far a position may be outside of the picture without a word, in parts of the picture's width or
	// height: models are not exact there. From pixels on it looks like a position in pixels.
	edge   = 0.01
	pixels = 2
)

// misplaced is what is the matter with a shape's position in the sample's picture.
func misplaced(s *label.Shape) Trouble {
	low, high := 0.0, 1.0
	if s.Kind == label.Rectangle && s.HasBox {
		low, high = min(s.Box[0], s.Box[1]), max(s.Box[0]+s.Box[2], s.Box[1]+s.Box[3])
	}
	for _, p := range s.Points {
		if !math.IsNaN(p.X) {
			low, high = min(low, p.X, p.Y), max(high, p.X, p.Y)
		}
	}
	switch {
	case low <= -pixels || high >= pixels:
		return InPixels
	case low < -edge || high > 1+edge:
		return OutOfPicture
	}
	return 0
}

// turned are the corners of a turned box. It is turned in pixels, not in fractions of the picture.
func (d *Drawer) turned(s *label.Shape) []label.Point {
	// The whole picture's shape: of a part of it, only the part's is known.
	wide := float64(d.pic.Width) / d.part.Width
	high := float64(d.pic.Height) / d.part.Height
	sin, cos := math.Sincos(s.Turn)
	cx, cy := s.Box[0]+s.Box[2]/2, s.Box[1]+s.Box[3]/2
	corners := make([]label.Point, 0, 4)
	for _, sign := range [][2]float64{{-1, -1}, {1, -1}, {1, 1}, {-1, 1}} {
		x, y := sign[0]*s.Box[2]/2*wide, sign[1]*s.Box[3]/2*high
		corners = append(corners, label.Point{X: cx + float64(float64(x*cos)-float64(y*sin))/wide, Y: cy + float64(float64(x*sin)+float64(y*cos))/high})
	}
	return corners
}

// outline draws a polyline: a filled one as a mask, others as the box around them.
func (d *Drawer) outline(s *label.Shape) {
	if len(s.Points) == 0 {
		return // it is one in 3D
	}
	if (s.Filled && d.mode != NoMasks) || (s.Closed && d.mode == AllMasks) {
		d.addPolygon(s.Class, s.Points, s.Ends)
		return
	}
	d.around(s, s.Points)
}

// around draws the box around points.
func (d *Drawer) around(s *label.Shape, points []label.Point) {
	minX, maxX, minY, maxY := math.Inf(1), math.Inf(-1), math.Inf(1), math.Inf(-1)
	for _, p := range points {
		minX, maxX = min(minX, p.X), max(maxX, p.X)
		minY, maxY = min(minY, p.Y), max(maxY, p.Y)
	}
	d.addBox(s, minX, maxX, minY, maxY, s.Confidence, s.HasConfidence)
}

// dots draws a keypoint: a small box around each of its points.
func (d *Drawer) dots(s *label.Shape) {
	// The same in pixels in both directions, and in the picture as it is shown.
	side := dotSide * float64(max(d.pic.Width, d.pic.Height))
	rx, ry := side/2*d.part.Width/float64(d.pic.Width), side/2*d.part.Height/float64(d.pic.Height)
	for i, p := range s.Points {
		if math.IsNaN(p.X) {
			continue
		}
		score, has := s.Confidence, s.HasConfidence
		if len(s.Scores) > 0 {
			score, has = 0, false
			if i < len(s.Scores) && !math.IsNaN(s.Scores[i]) {
				score, has = s.Scores[i], true
			}
		}
		d.addBox(s, p.X-rx, p.X+rx, p.Y-ry, p.Y+ry, score, has)
	}
}

// addBox adds a box that is given in fractions of the sample's picture. What is beyond the shown part of
// it is cut off.
func (d *Drawer) addBox(s *label.Shape, minX, maxX, minY, maxY, score float64, scored bool) {
	b := box{score: score, scored: scored}
	var in, also bool
	b.minX, b.maxX, in = clip((minX-d.part.X)/d.part.Width, (maxX-d.part.X)/d.part.Width, d.pic.Width)
	b.minY, b.maxY, also = clip((minY-d.part.Y)/d.part.Height, (maxY-d.part.Y)/d.part.Height, d.pic.Height)
	if !in || !also {
		return
	}
	var known bool
	if b.class, known = d.classes.id(s.Class); !known {
		d.out.Trouble |= LateClass
		if b.class == 0 {
			return
		}
	}
	d.text = appendCaption(d.text, s.Class, score, scored)
	if len(s.Mark) > 0 {
		d.text = append(append(d.text, ' '), s.Mark...)
	}
	b.end = len(d.text)
	d.boxes = append(d.boxes, b)
}

// clip keeps a range within a picture of so many pixels, and at least one pixel wide, since nothing would
// be seen of it else. It is false where there is nothing of the range in the picture.
func clip(from, to float64, pixels int) (float64, float64, bool) {
	if !(from <= 1 && to >= 0 && from-from == 0 && to-to == 0) {
		return 0, 0, false
	}
	least := 1 / float64(max(pixels, 1))
	if to-from < least {
		from, to = (from+to-least)/2, (from+to+least)/2
	}
	if from < 0 {
		from, to = 0, max(to, least)
	}
	if to > 1 {
		from, to = min(from, 1-least), 1
	}
	return fraction(from), fraction(to), true
}

// fraction rounds to a millionth: more would make the table larger and show nothing.
func fraction(v float64) float64 { return math.Round(v*1e6) / 1e6 }

// appendCaption adds a label's name and confidence, such as "cat (0.95)".
func appendCaption(b []byte, class []byte, score float64, scored bool) []byte {
	start := len(b)
	if len(class) > captionBytes {
		end := captionBytes
		for end > 0 && !utf8.RuneStart(class[end]) {
			end--
		}
		class = class[:end]
		b = append(append(b, class...), "…"...)
	} else {
		b = append(b, class...)
	}
	if scored {
		if len(b) > start {
			b = append(b, ' ')
		}
		b = strconv.AppendFloat(append(b, '('), score, 'f', 2, 64)
		b = append(b, ')')
	}
	return b
}

// boxLayer gives the boxes that were added, in memory of their own; nil if there are none.
func (d *Drawer) boxLayer() []table.Box {
	if len(d.boxes) == 0 {
		return nil
	}
	captions := string(d.text)
	scores := make([]table.Score, 0, len(d.boxes))
	out := make([]table.Box, len(d.boxes))
	start := 0
	for i, b := range d.boxes {
		out[i] = table.Box{MinX: b.minX, MaxX: b.maxX, MinY: b.minY, MaxY: b.maxY, ClassID: b.class, Caption: captions[start:b.end]}
		start = b.end
		if b.scored {
			scores = append(scores, table.Score{Name: scoreName, Value: b.score})
			out[i].Scores = scores[len(scores)-1 : len(scores) : len(scores)]
		}
	}
	return out
}

// word adds a classification, the n-th of its field, to the caption.
func (d *Drawer) word(i, n int, s *label.Shape) {
	switch {
	case len(d.caption) > captionMost || n > maxWords || (len(s.Class) == 0 && !s.HasConfidence):
		return
	case n == maxWords:
		d.caption = append(d.caption, ", …"...)
		return
	case n > 0:
		d.caption = append(d.caption, ", "...)
	case len(d.caption) > 0:
		d.caption = append(d.caption, "; "...)
	}
	if n == 0 {
		d.caption = append(append(d.caption, d.fields[i].Path...), ": "...)
	}
	d.caption = appendCaption(d.caption, s.Class, s.Confidence, s.HasConfidence)
}

// points turns a label's points into those of the picture that is shown.
func (d *Drawer) points(points []label.Point) []thumb.Point {
	out := make([]thumb.Point, len(points))
	for i, p := range points {
		out[i] = thumb.Point{X: (p.X - d.part.X) / d.part.Width, Y: (p.Y - d.part.Y) / d.part.Height}
	}
	return out
}
