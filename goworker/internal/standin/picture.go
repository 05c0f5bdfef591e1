package standin

import (
	"encoding/json"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
)

// maskPixels bounds the masks that are decoded.
const maskPixels = 64 << 20

// picture is an image cell with what is drawn over it, for an SVG whose units are the image's pixels.
type picture struct {
	Href          string // empty if the file is not here
	Name, Caption string
	Width, Height float64
	Stroke, Font  float64 // line width and letter size, so that they look alike at every size
	Boxes         []box
	Masks         []maskLayer
}

type box struct {
	X, Y, W, H    float64
	Color, Dashes string
	Label         string
	Layer         string
	Tiny          bool // so that its label, which would hide more than it tells, shows under the pointer only
	TextX, TextY  float64
}

type maskLayer struct{ Layer, Href string }

// newPicture reads an image cell.
func newPicture(value map[string]any, kind columnType, href func(string) string) *picture {
	name, _ := value["path"].(string)
	p := &picture{Name: name, Width: float(value["width"]), Height: float(value["height"])}
	p.Caption, _ = value["caption"].(string)
	if base := href(name); base != "" {
		p.Href = strings.Replace(base, "%s", "raw", 1)
	}
	if p.Width <= 0 || p.Height <= 0 {
		p.Width, p.Height = 100, 100
	}
	longest := max(p.Width, p.Height)
	p.Stroke, p.Font = longest/120, longest/18
	boxes, _ := value["boxes"].(map[string]any)
	for _, layer := range slices.Sorted(maps.Keys(boxes)) {
		n := max(slices.Index(kind.boxLayers, layer), 0)
		list, _ := boxes[layer].([]any)
		for _, item := range list {
			if b, ok := item.(map[string]any); ok {
				p.Boxes = append(p.Boxes, p.newBox(b, layer, n, kind))
			}
		}
	}
	masks, _ := value["masks"].(map[string]any)
	for _, layer := range slices.Sorted(maps.Keys(masks)) {
		mask, _ := masks[layer].(map[string]any)
		path, _ := mask["path"].(string)
		if base := href(path); base != "" {
			p.Masks = append(p.Masks, maskLayer{layer, strings.Replace(base, "%s", "mask", 1)})
		}
	}
	return p
}

// newBox reads a box of the n-th layer of its column: the first is drawn with full lines and its
// labels above, the others with dashes and their labels below. Positions are fractions of the image unless the box says pixels.
func (p *picture) newBox(value map[string]any, layer string, n int, kind columnType) box {
	position, _ := value["position"].(map[string]any)
	scaleX, scaleY := p.Width, p.Height
	if value["domain"] == "pixel" {
		scaleX, scaleY = 1, 1
	}
	b := box{Layer: layer}
	if middle, ok := position["middle"].([]any); ok && len(middle) == 2 {
		b.W, b.H = float(position["width"])*scaleX, float(position["height"])*scaleY
		b.X, b.Y = float(middle[0])*scaleX-b.W/2, float(middle[1])*scaleY-b.H/2
	} else {
		b.X, b.Y = float(position["minX"])*scaleX, float(position["minY"])*scaleY
		b.W, b.H = float(position["maxX"])*scaleX-b.X, float(position["maxY"])*scaleY-b.Y
	}
	b.W, b.H = max(b.W, 0), max(b.H, 0)
	id := fmt.Sprint(value["class_id"])
	b.Color = classColor(id)
	if n > 0 {
		b.Dashes = fmt.Sprintf("%.1f %.1f", p.Stroke*3*float64(n), p.Stroke*2)
	}
	if b.Label, _ = value["box_caption"].(string); b.Label == "" {
		b.Label = kind.class(layer, id)
		scores, _ := value["scores"].(map[string]any)
		for _, name := range slices.Sorted(maps.Keys(scores)) {
			b.Label += fmt.Sprintf(" %.2f", float(scores[name]))
		}
	}
	b.Tiny = max(b.W, b.H) < p.Font
	b.TextX, b.TextY = max(b.X, 0), b.Y-p.Font*0.25
	if n > 0 {
		b.TextY = min(b.Y+b.H+p.Font, p.Height-p.Font*0.25)
	}
	if b.TextY < p.Font {
		b.TextY = b.Y + p.Font
	}
	return b
}

func float(value any) float64 {
	n, _ := value.(json.Number)
	f, _ := n.Float64()
	return f
}

// palette is told apart by most people, next to each other and on most pictures.
var palette = []color.NRGBA{
	{0xe6, 0x19, 0x4b, 255}, {0x3c, 0xb4, 0x4b, 255}, {0x43, 0x63, 0xd8, 255}, {0xf5, 0x82, 0x31, 255}, {0x91, 0x1e, 0xb4, 255},
	{0x00, 0x9e, 0xa6, 255}, {0xf0, 0x32, 0xe6, 255}, {0x9a, 0x63, 0x24, 255}, {0xd4, 0xa9, 0x00, 255}, {0x80, 0x00, 0x00, 255},
	{0x46, 0x99, 0x90, 255}, {0x00, 0x00, 0x75, 255},
}

// classColor is the colour of a class, by its number.
func classColor(id string) string {
	var n int
	_, _ = fmt.Sscan(id, &n) // what is not a number has the first colour
	c := paletteColor(n)
	return fmt.Sprintf("#%02x%02x%02x", c.R, c.G, c.B)
}

func paletteColor(n int) color.NRGBA {
	return palette[((n%len(palette))+len(palette))%len(palette)]
}

// mask answers with a mask made visible: each class in its colour, class 0 not at all.
func (p *pages) mask(w http.ResponseWriter, r *http.Request) {
	var digest string
	err := p.inVersion(r, func(d *data, a *artifact) error {
		if digest = d.stored(a, r.PathValue("path")); digest == "" {
			return notFound("The version has no such mask.")
		}
		return nil
	})
	var shown image.Image
	if err == nil {
		shown, err = p.readMask(digest)
	}
	if err != nil {
		p.show(w, r, func(*http.Request) (string, *page, error) { return "", nil, err })
		return
	}
	w.Header().Set("Content-Type", "image/png")
	w.Header().Set("Cache-Control", "no-cache")
	encoder := png.Encoder{CompressionLevel: png.BestSpeed}
	_ = encoder.Encode(w, shown) // fails only if the browser is gone
}

// readMask reads a mask, a grey picture of class numbers, as a picture with a palette.
func (p *pages) readMask(digest string) (image.Image, error) {
	file, err := p.server.blobs.open(digest)
	if err != nil {
		return nil, notFound("The mask is gone.")
	}
	defer func() { _ = file.Close() }()
	config, err := png.DecodeConfig(file)
	if err != nil || config.Width*config.Height > maskPixels {
		return nil, badRequest("This mask cannot be shown.")
	}
	if _, err := file.Seek(0, io.SeekStart); err != nil {
		return nil, err
	}
	img, err := png.Decode(file)
	if err != nil {
		return nil, badRequest("The mask cannot be read.")
	}
	out := image.NewPaletted(img.Bounds(), maskPalette())
	switch img := img.(type) {
	case *image.Gray:
		copy(out.Pix, img.Pix)
	case *image.Paletted:
		copy(out.Pix, img.Pix)
	default:
		return nil, badRequest("A mask is an 8-bit grey PNG.")
	}
	return out, nil
}

func maskPalette() color.Palette {
	out := make(color.Palette, 256)
	out[0] = color.NRGBA{}
	for i := 1; i < len(out); i++ {
		c := paletteColor(i)
		c.A = 120
		out[i] = c
	}
	return out
}
