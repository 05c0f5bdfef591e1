package collect

import (
	"bufio"
	"bytes"
	"encoding/json"
	"math"
	"strconv"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/artifact"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/metadata"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/view"
)

// References writes sample_references.json: a list of {id, filepath, tags,
// metadata?}, indented by two spaces, as the original plugin wrote it. Rows of patches, frames
// and clips have what tells them apart, too: see RowBase.columns.
type References struct {
	reader   *Reader
	metadata int // slot
	file     *artifact.SpoolFile
	out      *bufio.Writer
	n        int64

	pretty bytes.Buffer // scratch
}

// sampleRecord is one row. ID is the sample's that it comes from. The order of the keys is part of
// the format.
type sampleRecord struct {
	ID          string          `json:"id"`
	Filepath    string          `json:"filepath"`
	Tags        []string        `json:"tags"`
	PatchID     string          `json:"patch_id,omitempty"`
	Support     string          `json:"support,omitempty"`
	FrameID     string          `json:"frame_id,omitempty"`
	FrameNumber json.RawMessage `json:"frame_number,omitempty"`
	Metadata    json.RawMessage `json:"metadata,omitempty"`
}

// identify adds what tells rows of one sample apart.
func (b *RowBase) identify(one *sampleRecord, r *Row) {
	switch b.kind {
	case view.RowPatch:
		one.PatchID = r.Own.Hex()
	case view.RowClip:
		// A clip's own id is another one each time its view is made.
		one.Support, _ = supportText(r.Value(b.extra))
	case view.RowFrame:
		one.FrameID, one.FrameNumber = r.Own.Hex(), valueJSON(r.Value(b.extra))
	}
}

// NewReferences starts the file of the rows that a reader reads.
func NewReferences(rd *Reader) (*References, error) {
	f, err := rd.Collector.Create(metadata.ReferencesPath)
	if err != nil {
		return nil, err
	}
	r := &References{reader: rd, metadata: rd.Slot("metadata"), file: f, out: bufio.NewWriterSize(f, 1<<16)}
	_, err = r.out.WriteString("[")
	return r, err
}

// Add writes a row.
func (r *References) Add(row *Row, tags []string) error {
	base := r.reader.Base
	one := sampleRecord{ID: row.Source.Hex(), Filepath: base.Path(row), Tags: append([]string{}, tags...), Metadata: documentJSON(row.Value(r.metadata))}
	base.identify(&one, row)
	r.pretty.Reset()
	if err := json.Indent(&r.pretty, metadata.JSON(one), "  ", "  "); err != nil {
		return err
	}
	sep := ",\n  "
	if r.n == 0 {
		sep = "\n  "
	}
	r.n++
	if _, err := r.out.WriteString(sep); err != nil {
		return err
	}
	_, err := r.out.Write(r.pretty.Bytes())
	return err
}

// Close ends the file and adds it to the artifact's.
func (r *References) Close() error {
	end := "\n]"
	if r.n == 0 {
		end = "]"
	}
	if _, err := r.out.WriteString(end); err != nil {
		return err
	}
	if err := r.out.Flush(); err != nil {
		return err
	}
	if err := r.file.Close(); err != nil {
		return err
	}
	return r.reader.Collector.Files.Add(r.file.Entry(metadata.ReferencesPath))
}

// documentJSON is an embedded document as JSON, without FiftyOne's _cls.
func documentJSON(v bson.RawValue) []byte {
	doc, ok := v.DocumentOK()
	if !ok {
		return nil
	}
	elements, err := doc.Elements()
	if err != nil {
		return nil
	}
	out := &metadata.Object{}
	for _, e := range elements {
		if key := e.Key(); key != "_cls" {
			out.Raw(key, valueJSON(e.Value()))
		}
	}
	return out.Bytes()
}

// valueJSON is a plain value as JSON; what JSON cannot carry is null.
func valueJSON(v bson.RawValue) []byte {
	switch v.Type {
	case bson.TypeString:
		return metadata.JSON(v.StringValue())
	case bson.TypeBoolean:
		return strconv.AppendBool(nil, v.Boolean())
	case bson.TypeInt32, bson.TypeInt64:
		return strconv.AppendInt(nil, v.AsInt64(), 10)
	case bson.TypeDouble:
		if f := v.Double(); !math.IsNaN(f) && !math.IsInf(f, 0) {
			return metadata.JSON(f)
		}
	case bson.TypeDateTime:
		return metadata.JSON(time.UnixMilli(v.DateTime()).UTC().Format("2006-01-02T15:04:05.000Z07:00"))
	case bson.TypeObjectID:
		return metadata.JSON(v.ObjectID().Hex())
	case bson.TypeEmbeddedDocument:
		return documentJSON(v)
	case bson.TypeArray:
		values, err := v.Array().Values()
		if err != nil {
			return nil
		}
		out := []byte{'['}
		for i, item := range values {
			if i > 0 {
				out = append(out, ',')
			}
			if text := valueJSON(item); len(text) > 0 {
				out = append(out, text...)
			} else {
				out = append(out, "null"...)
			}
		}
		return append(out, ']')
	}
	return nil
}
