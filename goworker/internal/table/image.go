package table

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
)

// Image is a cell that shows a picture, the bytes of which are an entry of the same artifact.
type Image struct {
	// Path is the entry's path in the artifact; it may be shared by several rows.
	Path string
	// SHA256 is the hash of the bytes in hex.
	SHA256 string
	// Format is the file's extension without the dot.
	Format string
	// Width and Height are in pixels; 0 where they are not known.
	Width, Height int
	// Caption is shown with the picture; empty for none.
	Caption string
	// Boxes and Masks are the layers over the picture.
	Boxes []BoxLayer
	Masks []MaskLayer
	// Classes is the file that names the class ids; it must be there if there are layers.
	Classes *ClassesFile
}

// BoxLayer is one switchable set of boxes, for FiftyOne one field.
type BoxLayer struct {
	Key   string
	Boxes []Box
}

// Box is a box in fractions of the picture's width and height, from the top left corner.
// One that has no finite position cannot be shown and is left out, as W&B's readers would
// refuse the whole table for it.
type Box struct {
	MinX, MaxX, MinY, MaxY float64
	// ClassID is the index of its class in the names given to SetClasses.
	ClassID int
	// Caption is shown with the box; empty for none.
	Caption string
	// Scores are its numbers, which W&B's pages can filter by; those that are not finite are left out.
	Scores []Score
}

// Score is a named number of a box.
type Score struct {
	Name  string
	Value float64
}

// MaskLayer is an 8-bit grey PNG of the picture's size, each pixel a class id.
type MaskLayer struct {
	Key          string
	Path, SHA256 string
	// ClassIDs are the ids that occur in it.
	ClassIDs []int
}

// ClassesFile refers to a file made by Classes.
type ClassesFile struct {
	Path   string
	Digest string // base64 MD5
}

// imageTypes is what the type of a column of images tells about its layers.
type imageTypes struct {
	boxes, masks map[string]map[int]bool // layer -> class ids
	scores       map[string]bool
	classes      bool
}

func newImageTypes() *imageTypes {
	return &imageTypes{boxes: map[string]map[int]bool{}, masks: map[string]map[int]bool{}, scores: map[string]bool{}}
}

// Image writes a picture.
func (w *Writer) Image(img Image) {
	if (len(img.Boxes) > 0 || len(img.Masks) > 0) && img.Classes == nil {
		w.fail(fmt.Errorf("table: the image %s has layers but no classes", img.Path))
		return
	}
	c := w.next()
	if c == nil {
		return
	}
	if c.images == nil {
		c.images = newImageTypes()
	}
	c.images.classes = c.images.classes || img.Classes != nil
	w.buf = img.appendCell(w.buf, c.images)
	w.endCell(c, kImage)
}

func (img *Image) appendCell(b []byte, t *imageTypes) []byte {
	b = appendField(b, `{"_type":"image-file","path":`, img.Path)
	b = appendField(b, `,"sha256":`, img.SHA256)
	b = appendField(b, `,"format":`, img.Format)
	if img.Width > 0 && img.Height > 0 {
		b = strconv.AppendInt(append(b, `,"width":`...), int64(img.Width), 10)
		b = strconv.AppendInt(append(b, `,"height":`...), int64(img.Height), 10)
	}
	if img.Caption != "" {
		b = appendField(b, `,"caption":`, img.Caption)
	}
	if img.Classes != nil {
		b = appendField(b, `,"classes":{"type":"classes-file","path":`, img.Classes.Path)
		b = append(appendField(b, `,"digest":`, img.Classes.Digest), '}')
	}
	for i, layer := range img.Boxes {
		b = append(b, separator(i, `,"boxes":{`)...)
		b = layer.append(b, t)
		b = append(b, closing(i, len(img.Boxes))...)
	}
	for i, layer := range img.Masks {
		b = append(b, separator(i, `,"masks":{`)...)
		b = appendField(b, "", layerKey(layer.Key))
		b = appendField(b, `:{"_type":"mask","path":`, layer.Path)
		b = append(appendField(b, `,"sha256":`, layer.SHA256), '}')
		b = append(b, closing(i, len(img.Masks))...)
		note(t.masks, layer.Key, layer.ClassIDs...)
	}
	return append(b, '}')
}

func (l *BoxLayer) append(b []byte, t *imageTypes) []byte {
	b = appendField(b, "", layerKey(l.Key))
	b = append(b, ":["...)
	note(t.boxes, l.Key)
	ids := t.boxes[layerKey(l.Key)]
	first := true
	for i := range l.Boxes {
		box := &l.Boxes[i]
		if !finite(box.MinX, box.MaxX, box.MinY, box.MaxY) {
			continue
		}
		if !first {
			b = append(b, ',')
		}
		first = false
		ids[box.ClassID] = true
		b = box.append(b, t)
	}
	return append(b, ']')
}

func (x *Box) append(b []byte, t *imageTypes) []byte {
	b, _ = appendFloat(append(b, `{"position":{"minX":`...), x.MinX)
	b, _ = appendFloat(append(b, `,"maxX":`...), x.MaxX)
	b, _ = appendFloat(append(b, `,"minY":`...), x.MinY)
	b, _ = appendFloat(append(b, `,"maxY":`...), x.MaxY)
	b = strconv.AppendInt(append(b, `},"class_id":`...), int64(x.ClassID), 10)
	if x.Caption != "" {
		b = appendField(b, `,"box_caption":`, x.Caption)
	}
	written := 0
	for _, s := range x.Scores {
		if !finite(s.Value) {
			continue
		}
		b = append(b, separator(written, `,"scores":{`)...)
		b = appendField(b, "", s.Name)
		b, _ = appendFloat(append(b, ':'), s.Value)
		t.scores[validText(s.Name)] = true
		written++
	}
	if written > 0 {
		b = append(b, '}')
	}
	return append(b, '}')
}

// appendType adds the type of a column of images. The classes of a layer are those that
// occur in it.
func (t *imageTypes) appendType(b []byte, classes []string) []byte {
	b = append(b, `{"wb_type":"image-file","params":{"box_layers":`...)
	b = appendConst(b, appendLayers(nil, t.boxes), false)
	scores := append([]byte(nil), '[')
	for i, name := range slices.Sorted(maps.Keys(t.scores)) {
		scores = appendField(scores, separator(i, ""), name)
	}
	b = appendConst(append(b, `,"box_score_keys":`...), append(scores, ']'), true)
	b = appendConst(append(b, `,"mask_layers":`...), appendLayers(nil, t.masks), false)
	b = appendConst(append(b, `,"box_class_maps":`...), appendLayerClasses(nil, t.boxes, classes), false)
	b = appendConst(append(b, `,"mask_class_maps":`...), appendLayerClasses(nil, t.masks, classes), false)
	all := map[int]bool{}
	for id := range classes {
		all[id] = t.classes
	}
	b = appendConst(append(b, `,"class_map":`...), appendClassMap(nil, all, classes), false)
	return append(b, "}}"...)
}

// Classes is the file that Image.Classes refers to: names[i] is the name of class id i, and there is no
// such class where it is empty.
func Classes(names []string) []byte {
	b := []byte(`{"_type":"classes","class_set":[`)
	n := 0
	for i, name := range names {
		if name == "" {
			continue
		}
		b = strconv.AppendInt(append(append(b, separator(n, "")...), `{"id":`...), int64(i), 10)
		b = append(appendField(b, `,"name":`, name), '}')
		n++
	}
	return append(b, "]}"...)
}

func appendConst(b, val []byte, isSet bool) []byte {
	b = append(b, `{"wb_type":"const","params":{"val":`...)
	b = append(b, val...)
	b = strconv.AppendBool(append(b, `,"is_set":`...), isSet)
	return append(b, "}}"...)
}

// appendLayers adds the ids of each layer.
func appendLayers(b []byte, layers map[string]map[int]bool) []byte {
	b = append(b, '{')
	for i, key := range slices.Sorted(maps.Keys(layers)) {
		b = append(appendField(b, separator(i, ""), key), ":["...)
		for j, id := range slices.Sorted(maps.Keys(layers[key])) {
			b = strconv.AppendInt(append(b, separator(j, "")...), int64(id), 10)
		}
		b = append(b, ']')
	}
	return append(b, '}')
}

// appendLayerClasses adds the names of the ids of each layer.
func appendLayerClasses(b []byte, layers map[string]map[int]bool, classes []string) []byte {
	b = append(b, '{')
	for i, key := range slices.Sorted(maps.Keys(layers)) {
		b = append(appendField(b, separator(i, ""), key), ':')
		b = appendClassMap(b, layers[key], classes)
	}
	return append(b, '}')
}

func appendClassMap(b []byte, ids map[int]bool, classes []string) []byte {
	b = append(b, '{')
	n := 0
	for _, id := range slices.Sorted(maps.Keys(ids)) {
		if !ids[id] || id < 0 || id >= len(classes) || classes[id] == "" {
			continue
		}
		b = append(b, separator(n, "")...)
		b = strconv.AppendInt(append(b, '"'), int64(id), 10)
		b = appendField(b, `":`, classes[id])
		n++
	}
	return append(b, '}')
}

// layerKey is a layer's name, which stands as a key in the column's type.
func layerKey(key string) string {
	return safeKey(validText(key), func(string) bool { return false })
}

// note adds ids to those of a layer.
func note(layers map[string]map[int]bool, key string, ids ...int) {
	key = layerKey(key)
	if layers[key] == nil {
		layers[key] = map[int]bool{}
	}
	for _, id := range ids {
		layers[key][id] = true
	}
}

func appendField(b []byte, before, text string) []byte {
	return appendString(append(b, before...), text)
}

// separator is what stands before the i-th of several things.
func separator(i int, first string) string {
	if i == 0 {
		return first
	}
	return ","
}

// closing is the end of an object behind the last of n things.
func closing(i, n int) string {
	if i == n-1 {
		return "}"
	}
	return ""
}

func finite(values ...float64) bool {
	for _, v := range values {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return false
		}
	}
	return true
}
