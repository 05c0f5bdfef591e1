package thumb

import (
	"context"
	"image"
	"image/color"
	"math"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/jpegscale"
)

// subsamplings are the image package's names for how much smaller chroma is than luma.
var subsamplings = map[[2]float64]image.YCbCrSubsampleRatio{
	{1, 1}: image.YCbCrSubsampleRatio444, {2, 1}: image.YCbCrSubsampleRatio422, {2, 2}: image.YCbCrSubsampleRatio420,
	{1, 2}: image.YCbCrSubsampleRatio440, {4, 1}: image.YCbCrSubsampleRatio411, {4, 2}: image.YCbCrSubsampleRatio410,
}

// convertedPixel is what a pixel takes that is converted: four planes of full size, and
// the result.
const convertedPixel = 8

// fullCost is what decoding a JPEG in its full size takes. Its colours may have to be converted.
func fullCost(file []byte, limits Options) (int64, error) {
	cost, err := jpegscale.Cost(file, jpegscale.Options{MaxPixels: limits.MaxPixels, MaxMemory: limits.MaxMemory})
	if err != nil {
		return 0, ofJPEG(err)
	}
	head, err := jpegscale.ReadHeader(file)
	if err != nil {
		return 0, ofJPEG(err)
	}
	if head.Color != jpegscale.Gray && !head.Plain {
		cost += convertedPixel * int64(head.Width) * int64(head.Height)
	}
	if cost-int64(len(file)) > limits.MaxMemory {
		return 0, tooMuch(kindJPEG, head.Width, head.Height)
	}
	return cost, nil
}

// decodeJPEG decodes a JPEG in its full size.
func decodeJPEG(ctx context.Context, file []byte, limits Options) (image.Image, error) {
	if _, err := fullCost(file, limits); err != nil {
		return nil, err
	}
	var d jpegscale.Decoder
	pic, err := d.Decode(ctx, file, jpegscale.Options{MaxPixels: limits.MaxPixels, MaxMemory: limits.MaxMemory})
	if err != nil {
		return nil, ofJPEG(err)
	}
	area := image.Rect(0, 0, pic.Width, pic.Height)
	planes := pic.Planes
	switch {
	case pic.Color == jpegscale.Gray:
		return &image.Gray{Pix: planes[0].Pix, Stride: planes[0].Stride, Rect: area}, nil
	case pic.Plain:
		ratio := subsamplings[[2]float64{planes[0].SpanX / planes[1].SpanX, planes[0].SpanY / planes[1].SpanY}]
		return &image.YCbCr{
			Y: planes[0].Pix, Cb: planes[1].Pix, Cr: planes[2].Pix, YStride: planes[0].Stride, CStride: planes[1].Stride,
			SubsampleRatio: ratio, Rect: area,
		}, nil
	}
	return converted(pic), nil
}

// converted gives a picture of any colours and subsampling as RGB.
func converted(pic *jpegscale.Picture) image.Image {
	full := make([]raster, len(pic.Planes))
	for i := range pic.Planes {
		full[i] = enlarged(&pic.Planes[i], pic.Width, pic.Height)
	}
	switch pic.Color {
	case jpegscale.YCCK:
		toInk(full)
		addBlack(full)
	case jpegscale.CMYK:
		addBlack(full)
	}
	out := image.NewRGBA(image.Rect(0, 0, pic.Width, pic.Height))
	for i := range full[0].pix {
		a, b, c := full[0].pix[i], full[1].pix[i], full[2].pix[i]
		if pic.Color == jpegscale.YCbCr {
			a, b, c = color.YCbCrToRGB(a, b, c)
		}
		out.Pix[4*i], out.Pix[4*i+1], out.Pix[4*i+2], out.Pix[4*i+3] = a, b, c, 255
	}
	return out
}

// enlarged gives a plane one sample for each pixel of its picture.
func enlarged(p *jpegscale.Plane, width, height int) raster {
	r := raster{pix: make([]byte, width*height), stride: width, width: width, height: height}
	at := func(i, n int, span float64, last int) int {
		return min(int(math.Floor((float64(i)+0.5)*span/float64(n))), last)
	}
	columns := make([]int, width)
	for x := range columns {
		columns[x] = at(x, width, p.SpanX, p.Width-1)
	}
	for y := range height {
		line := p.Pix[at(y, height, p.SpanY, p.Height-1)*p.Stride:]
		for x, from := range columns {
			r.pix[y*width+x] = line[from]
		}
	}
	return r
}
