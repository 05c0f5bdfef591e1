package lookup

import (
	"bytes"
	"encoding/json"
	"maps"
	"math"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// CellKind is what a cell of a table holds.
type CellKind int

// The kinds, in the order of the wire contract.
const (
	CellEmpty CellKind = iota
	CellText
	CellNumber
	CellBool
	// CellTime is a moment: ISO 8601.
	CellTime
	// CellJSON is a list or an object.
	CellJSON
	// CellImage is a picture.
	CellImage
	// CellMedia is something that is not shown, such as a video: the text names it.
	CellMedia
)

const (
	// maxCellText is how much of a cell's text is given, in bytes.
	maxCellText = 4000
	// maxBoxes is how many boxes of a picture are given.
	maxBoxes = 500
	// maxLayers is how many layers of boxes and of masks a picture has.
	maxLayers = 20
)

// TableCell is a cell of a table.
type TableCell struct {
	Kind CellKind
	Text string
	// Cut reports that the text goes on.
	Cut bool
	// Image is the picture of CellImage.
	Image *TableImage
}

// TableImage is a picture with what is drawn over it.
type TableImage struct {
	// Picture is its place in TableHead.Pictures, -1 where Problem says why it is not there.
	Picture int
	Problem string
	Caption string
	Boxes   []TableBoxes
	Masks   []TableMask

	width, height float64 // as the cell has them
}

// TableBoxes is a layer of boxes, in fractions of the picture.
type TableBoxes struct {
	Key   string
	Boxes []TableBox
	// Left is how many more there are.
	Left int
}

// TableBox is a box with its class's colour and its caption.
type TableBox struct {
	MinX, MaxX, MinY, MaxY float64
	Caption, Colour        string
}

// TableMask is a layer whose picture is the classes' colours, transparent where there are none.
type TableMask struct {
	Key     string
	Picture int
	Problem string
}

// cellOf makes a cell of its JSON, which anybody may have written. What it shows in pictures is asked for.
func cellOf(raw json.RawMessage, isTime bool, pictures *tablePictures) TableCell {
	raw = bytes.TrimSpace(raw)
	if len(raw) == 0 {
		return TableCell{}
	}
	switch raw[0] {
	case 'n':
		return TableCell{}
	case 't', 'f':
		return TableCell{Kind: CellBool, Text: string(raw)}
	case '"':
		var text string
		_ = json.Unmarshal(raw, &text) // it is JSON
		return textCell(CellText, text)
	case '{':
		return objectCell(raw, pictures)
	case '[':
		return jsonCell(raw)
	}
	var n float64
	if isTime && json.Unmarshal(raw, &n) == nil && math.Abs(n) < 1e14 {
		return TableCell{Kind: CellTime, Text: time.UnixMilli(int64(n)).UTC().Format(time.RFC3339)}
	}
	return textCell(CellNumber, string(raw))
}

func textCell(kind CellKind, text string) TableCell {
	if len(text) <= maxCellText {
		return TableCell{Kind: kind, Text: text}
	}
	end := maxCellText
	for end > 0 && !utf8.RuneStart(text[end]) {
		end--
	}
	return TableCell{Kind: kind, Text: text[:end], Cut: true}
}

func jsonCell(raw []byte) TableCell {
	var compact bytes.Buffer
	_ = json.Compact(&compact, raw) // it is JSON
	return textCell(CellJSON, compact.String())
}

// imageCell is the cell of a picture as W&B has it.
type imageCell struct {
	Type    string  `json:"_type"`
	Path    string  `json:"path"`
	Caption string  `json:"caption"`
	Width   float64 `json:"width"`
	Height  float64 `json:"height"`
	Classes struct {
		Path string `json:"path"`
	} `json:"classes"`
	Boxes map[string]json.RawMessage `json:"boxes"`
	Masks map[string]struct {
		Path string `json:"path"`
	} `json:"masks"`
}

// boxCell is one of a picture's boxes as W&B has it.
type boxCell struct {
	Position struct {
		MinX, MaxX, MinY, MaxY *float64
		Middle                 []float64
		Width, Height          float64
	} `json:"position"`
	Domain  string             `json:"domain"`
	Class   int                `json:"class_id"`
	Caption string             `json:"box_caption"`
	Scores  map[string]float64 `json:"scores"`
}

// objectCell is a picture, another kind of media, or plain JSON.
func objectCell(raw []byte, pictures *tablePictures) TableCell {
	var kind struct {
		Type string `json:"_type"`
	}
	if json.Unmarshal(raw, &kind) != nil || kind.Type == "" {
		return jsonCell(raw)
	}
	var cell imageCell
	if kind.Type != "image-file" || json.Unmarshal(raw, &cell) != nil || cell.Path == "" {
		return textCell(CellMedia, strings.TrimSuffix(kind.Type, "-file"))
	}
	img := &TableImage{Picture: -1, Caption: textCell(CellText, cell.Caption).Text, width: cell.Width, height: cell.Height}
	pictures.wantClasses(cell.Classes.Path)
	pictures.want(cell.Path, false, "", func(at int, problem string) { img.Picture, img.Problem = at, problem })
	for _, key := range first(slices.Sorted(maps.Keys(cell.Boxes)), maxLayers) {
		var boxes []boxCell
		if json.Unmarshal(cell.Boxes[key], &boxes) != nil {
			continue // of a run's own files, not of an artifact's
		}
		img.Boxes = append(img.Boxes, TableBoxes{Key: key, Left: max(len(boxes)-maxBoxes, 0)})
		pictures.later = append(pictures.later, func() { // when the names of the classes are known
			at := slices.IndexFunc(img.Boxes, func(l TableBoxes) bool { return l.Key == key })
			for _, box := range first(boxes, maxBoxes) {
				if one, ok := box.shown(img, pictures.names[cell.Classes.Path]); ok {
					img.Boxes[at].Boxes = append(img.Boxes[at].Boxes, one)
				}
			}
		})
	}
	for i, key := range first(slices.Sorted(maps.Keys(cell.Masks)), maxLayers) {
		img.Masks = append(img.Masks, TableMask{Key: key, Picture: -1})
		pictures.want(cell.Masks[key].Path, true, cell.Classes.Path, func(at int, problem string) { img.Masks[i].Picture, img.Masks[i].Problem = at, problem })
	}
	return TableCell{Kind: CellImage, Image: img}
}

func first[T any](list []T, most int) []T { return list[:min(len(list), most)] }

// shown is a box in fractions of its picture, with its colour and its words; false for one that cannot be drawn.
func (b *boxCell) shown(img *TableImage, names map[int]string) (TableBox, bool) {
	p := b.Position
	var out TableBox
	switch {
	case p.MinX != nil && p.MaxX != nil && p.MinY != nil && p.MaxY != nil:
		out = TableBox{MinX: *p.MinX, MaxX: *p.MaxX, MinY: *p.MinY, MaxY: *p.MaxY}
	case len(p.Middle) == 2:
		out = TableBox{MinX: p.Middle[0] - p.Width/2, MaxX: p.Middle[0] + p.Width/2, MinY: p.Middle[1] - p.Height/2, MaxY: p.Middle[1] + p.Height/2}
	default:
		return out, false
	}
	if b.Domain == "pixel" {
		if img.width <= 0 || img.height <= 0 {
			return out, false
		}
		out.MinX, out.MaxX, out.MinY, out.MaxY = out.MinX/img.width, out.MaxX/img.width, out.MinY/img.height, out.MaxY/img.height
	}
	for _, side := range []*float64{&out.MinX, &out.MaxX, &out.MinY, &out.MaxY} {
		*side = min(max(*side, 0), 1)
	}
	if !(out.MinX < out.MaxX && out.MinY < out.MaxY) {
		return out, false
	}
	out.Colour, out.Caption = colourOf(b.Class), b.words(names)
	return out, true
}

// words are what is written at a box: its caption, else its class and its scores.
func (b *boxCell) words(names map[int]string) string {
	if b.Caption != "" {
		return textCell(CellText, b.Caption).Text
	}
	parts := []string{names[b.Class]}
	for _, name := range slices.Sorted(maps.Keys(b.Scores)) {
		raw, _ := json.Marshal(math.Round(b.Scores[name]*1000) / 1000) // it came as a number of JSON's
		parts = append(parts, name+" "+string(raw))
	}
	return textCell(CellText, strings.TrimSpace(strings.Join(parts, " "))).Text
}
