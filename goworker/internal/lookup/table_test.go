package lookup_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/artifact"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/fault"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/lookup"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/standin"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/wandb"
)

func (l *library) head(j lookup.ReadTable) (*lookup.TableHead, error) {
	j.Settings = l.inputs()
	return j.Run(l.t.Context())
}

func (l *library) mustHead(reference string) *lookup.TableHead {
	head, err := l.head(lookup.ReadTable{Reference: reference})
	require.NoError(l.t, err)
	return head
}

// gray is a PNG of grey values in columns.
func gray(t *testing.T, width, height int, columns ...uint8) string {
	img := image.NewGray(image.Rect(0, 0, width, height))
	for x := range width {
		for y := range height {
			img.SetGray(x, y, color.Gray{Y: columns[x*len(columns)/width]})
		}
	}
	var b bytes.Buffer
	require.NoError(t, png.Encode(&b, img))
	return b.String()
}

const imageTable = `{"_type":"table","columns":["id","score","at","image"],"data":[
["a",0.5,1700000000000,{"_type":"image-file","path":"media/a.png","caption":"first","width":600,"height":300,"classes":{"path":"classes.json"},
  "boxes":{"predictions":[{"position":{"minX":0.1,"maxX":0.4,"minY":0.2,"maxY":0.5},"class_id":1,"box_caption":"dog (0.75)"},{"position":{},"class_id":1}],
           "ground_truth":[{"position":{"middle":[300,150],"width":60,"height":30},"domain":"pixel","class_id":2,"scores":{"iou":0.71239}}]},
  "masks":{"segments":{"_type":"mask","path":"media/mask.png"}}}],
["b",null,null,{"_type":"image-file","path":"media/a.png"}],
["c",[1, {"k": 2}],true,{"_type":"image-file","path":"media/gone.png"}],
["d",1,2,{"_type":"image-file","path":"media/damaged.png"}],
["e",1,2,{"_type":"video-file","path":"v.mp4"}]],
"ncols":4,"nrows":5,"column_types":{"params":{"type_map":{"at":{"wb_type":"union","params":{"allowed_types":[{"wb_type":"none"},{"wb_type":"timestamp"}]}}}}}}`

func TestReadTable(t *testing.T) {
	l := newLibrary(t)
	l.Artifact(l.run, "dataset", "shown", "{}", map[string]string{
		"samples.table.json": imageTable, "media/a.png": gray(t, 600, 300, 10, 200), "media/mask.png": gray(t, 600, 300, 0, 1, 2),
		"media/damaged.png": "no picture", "classes.json": `{"_type":"classes","class_set":[{"id":0,"name":"background"},{"id":1,"name":"dog"},{"id":2,"name":"cat"}]}`,
	})
	head := l.mustHead("shown")
	assert.Equal(t, []string{"samples"}, head.Tables)
	assert.Equal(t, []string{"id", "score", "at", "image"}, head.Columns)
	assert.EqualValues(t, 5, head.Total)
	assert.False(t, head.More)
	require.Len(t, head.Rows, 5)
	assert.Equal(t, lookup.TableCell{Kind: lookup.CellText, Text: "a"}, head.Rows[0][0])
	assert.Equal(t, lookup.TableCell{Kind: lookup.CellNumber, Text: "0.5"}, head.Rows[0][1])
	assert.Equal(t, lookup.TableCell{Kind: lookup.CellTime, Text: "2023-11-14T22:13:20Z"}, head.Rows[0][2])
	assert.Equal(t, lookup.TableCell{}, head.Rows[1][1])
	assert.Equal(t, lookup.TableCell{Kind: lookup.CellJSON, Text: `[1,{"k":2}]`}, head.Rows[2][1])
	assert.Equal(t, lookup.TableCell{Kind: lookup.CellMedia, Text: "video"}, head.Rows[4][3])

	require.Len(t, head.Pictures, 2, "a picture that two rows show is there once")
	img := head.Rows[0][3].Image
	assert.Equal(t, "first", img.Caption)
	assert.Equal(t, 0, img.Picture)
	assert.Equal(t, 0, head.Rows[1][3].Image.Picture)
	small := head.Pictures[0]
	assert.Equal(t, []int{256, 128}, []int{small.Width, small.Height})
	decoded, _, err := image.Decode(bytes.NewReader(small.Bytes))
	require.NoError(t, err)
	assert.Equal(t, 256, decoded.Bounds().Dx())

	require.Len(t, img.Boxes, 2)
	assert.Equal(t, "ground_truth", img.Boxes[0].Key)
	require.Len(t, img.Boxes[0].Boxes, 1)
	box := img.Boxes[0].Boxes[0]
	assert.InDeltaSlice(t, []float64{0.45, 0.55, 0.45, 0.55}, []float64{box.MinX, box.MaxX, box.MinY, box.MaxY}, 1e-9)
	assert.Equal(t, "cat iou 0.712", box.Caption)
	require.Len(t, img.Boxes[1].Boxes, 1, "a box without a place is left out")
	assert.Equal(t, "dog (0.75)", img.Boxes[1].Boxes[0].Caption)
	assert.NotEqual(t, box.Colour, img.Boxes[1].Boxes[0].Colour)

	require.Len(t, img.Masks, 1)
	mask, err := png.Decode(bytes.NewReader(head.Pictures[img.Masks[0].Picture].Bytes))
	require.NoError(t, err)
	_, _, _, background := mask.At(10, 10).RGBA()
	assert.Zero(t, background)
	r, g, b, _ := mask.At(128, 10).RGBA()
	assert.Equal(t, img.Boxes[1].Boxes[0].Colour, fmt.Sprintf("#%02x%02x%02x", r>>8, g>>8, b>>8), "a class has one colour")
	assert.Equal(t, []lookup.TableClass{{Name: "dog", Colour: img.Boxes[1].Boxes[0].Colour}, {Name: "cat", Colour: box.Colour}}, head.Classes)

	assert.Contains(t, head.Rows[2][3].Image.Problem, "not among the artifact's files")
	assert.Contains(t, head.Rows[3][3].Image.Problem, "does not show pictures of this kind")
}

func TestReadTableReadsOnlyItsBeginning(t *testing.T) {
	l := newLibrary(t)
	var rows []string
	for i := range 100_000 {
		rows = append(rows, fmt.Sprintf(`["%s",%d]`, strings.Repeat("x", 40), i))
	}
	types := `"column_types":{"params":{"type_map":{"n":{"wb_type":"timestamp"}}}}`
	part := `{"columns":["text","n"],"data":[` + strings.Join(rows, ",") + `],"nrows":100000,` + types + `}`
	l.Artifact(l.run, "dataset", "long", "{}", map[string]string{"samples.table.json": part})
	head := l.mustHead("long")
	assert.Len(t, head.Rows, 8)
	assert.True(t, head.More)
	assert.EqualValues(t, 100_000, head.Total)
	assert.Equal(t, "1970-01-01T00:00:00Z", head.Rows[0][1].Text, "the types at its end are known")

	l.Artifact(l.run, "evaluation", "parts", "{}", map[string]string{
		"samples.partitioned-table.json":     `{"_type":"partitioned-table","parts_path":"samples_parts"}`,
		"samples_parts/part-0000.table.json": part, "samples_parts/part-0001.table.json": `{"columns":["text","n"],"data":[]}`,
		"classes.table.json": `{"columns":["class"],"data":[["cat"]]}`})
	head = l.mustHead("parts")
	assert.Equal(t, []string{"samples", "classes"}, head.Tables)
	assert.Len(t, head.Rows, 8)
	assert.True(t, head.More)
	head, err := l.head(lookup.ReadTable{Reference: "parts", Table: "classes", Rows: 3})
	require.NoError(t, err)
	assert.Equal(t, "cat", head.Rows[0][0].Text)
	_, err = l.head(lookup.ReadTable{Reference: "parts", Table: "none"})
	assert.Equal(t, "not_found", fault.Code(err))
}

func TestReadTablesOfOthers(t *testing.T) {
	l := newLibrary(t)
	l.Artifact(l.run, "run_table", "run-maker-mine", "{}", map[string]string{"mine.table.json": `{"columns":["a"],"data":[[NaN]],"nrows":1}`})
	assert.Equal(t, []string{"mine"}, l.mustHead("run-maker-mine").Tables)
	l.Artifact(l.run, "dataset", "odd_parts", "{}", map[string]string{
		"deep/t.partitioned-table.json": `{"parts_path":"deep/t_parts"}`, "deep/t_parts/any.table.json": `{"columns":["a"],"data":[[1]]}`})
	head := l.mustHead("odd_parts")
	assert.Equal(t, []string{"deep/t"}, head.Tables, "its parts are not tables of their own")
	assert.Equal(t, "1", head.Rows[0][0].Text)

	l.Artifact(l.run, "dataset", "plain", "{}", map[string]string{"fiftyone/sample_ids.txt": idLines(0, 3)})
	assert.Contains(t, l.mustHead("plain").Note, "has no table")
	files := new(artifact.Files)
	require.NoError(t, files.Add(artifact.Entry{Path: "a.jpg", Digest: "s3://bucket/a.jpg", Ref: "s3://bucket/a.jpg"}))
	_, err := l.Client.LogArtifact(t.Context(), wandb.ArtifactSpec{Run: l.run, Type: "dataset", Name: "refs", Metadata: json.RawMessage("{}"), Files: files}, nil)
	require.NoError(t, err)
	assert.Contains(t, l.mustHead("refs").Note, "only refers to 1 files")

	l.Artifact(l.run, "dataset", "broken", "{}", map[string]string{"samples.table.json": `{"columns":["a"],`})
	_, err = l.head(lookup.ReadTable{Reference: "broken"})
	assert.Equal(t, "bad_artifact", fault.Code(err))
	_, err = l.head(lookup.ReadTable{Reference: "nothing"})
	assert.Equal(t, "not_found", fault.Code(err))
}

// TestReadTableEnds: somebody who leaves the page does not wait for a store that does not answer.
func TestReadTableEnds(t *testing.T) {
	l := newLibrary(t)
	l.Artifact(l.run, "dataset", "shown", "{}", map[string]string{"samples.table.json": imageTable, "media/a.png": gray(t, 60, 30, 10)})
	require.NoError(t, l.server.AddFault(standin.Fault{Kind: standin.KindDownload, Mode: standin.ModeHang, Count: -1}))
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(200*time.Millisecond, cancel)
	_, err := lookup.ReadTable{Settings: l.inputs(), Reference: "shown"}.Run(ctx)
	assert.ErrorIs(t, err, context.Canceled)
}
