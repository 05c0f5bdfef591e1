package job

import (
	"strings"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/evaluation"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/table"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/view"
)

// worstFrame is the field that a row of a video gets: the frame that its picture shows.
const worstFrame = "_wandb_frame"

// worstFrameNumber is where that frame says which one it is.
const worstFrameNumber = worstFrame + ".frame_number"

// showFrames has each row of a video show the frame in which the evaluation found most wrong, the first of several. Without
// it the picture would be of the first frame, whatever was evaluated. MongoDB chooses it, so that no frame's labels are kept.
func (r *evaluationRows) showFrames(rd *reader) (err error) {
	if r.job.Pictures == nil || !r.own.config.IsFrames() || r.schema.FrameCollection == "" {
		return nil
	}
	kept := bson.D{{Key: "frame_number", Value: 1}}
	for _, f := range r.evaluatedFields() {
		kept = append(kept, bson.E{Key: f.DBPath, Value: 1})
	}
	rd.query, err = rd.query.With(
		bson.D{{Key: "$lookup", Value: bson.D{
			{Key: "from", Value: r.schema.FrameCollection}, {Key: "localField", Value: "_id"}, {Key: "foreignField", Value: "_sample_id"},
			{Key: "pipeline", Value: bson.A{
				bson.D{{Key: "$match", Value: bson.D{{Key: r.own.resultPath(), Value: bson.D{{Key: "$ne", Value: nil}}}}}},
				bson.D{{Key: "$addFields", Value: bson.D{{Key: "_wandb_wrong", Value: wrongOfFrame(r.own.config)}}}},
				bson.D{{Key: "$sort", Value: bson.D{{Key: "_wandb_wrong", Value: -1}, {Key: "frame_number", Value: 1}}}},
				bson.D{{Key: "$limit", Value: 1}},
				bson.D{{Key: "$project", Value: kept}},
			}},
			{Key: "as", Value: worstFrame},
		}}},
		bson.D{{Key: "$unwind", Value: bson.D{{Key: "path", Value: "$" + worstFrame}, {Key: "preserveNullAndEmptyArrays", Value: true}}}},
	)
	r.shownFrame = rd.Slot(worstFrameNumber)
	return err
}

// wrongOfFrame is MongoDB's expression of how much the evaluation found wrong in a frame's document.
func wrongOfFrame(c evaluation.Config) any {
	field := "$" + c.Key
	switch c.Type {
	case evaluation.Detection:
		return bson.D{{Key: "$add", Value: bson.A{field + "_fp", field + "_fn"}}}
	case evaluation.Classification:
		return bson.D{{Key: "$in", Value: bson.A{field, bson.A{false, "FP", "FN"}}}}
	case evaluation.Regression:
		return bson.D{{Key: "$abs", Value: field}}
	}
	return bson.D{{Key: "$subtract", Value: bson.A{1, field + "_accuracy"}}}
}

// evaluatedFields are the label fields of the evaluations: the ground truth, and the predictions of each.
func (r *evaluationRows) evaluatedFields() []view.Field {
	out := []view.Field{r.own.truth, r.own.pred}
	if r.other != nil && r.other.pred.Path != r.own.pred.Path {
		out = append(out, r.other.pred)
	}
	return out
}

// drawnFields are the fields that were asked for, or those of the evaluations, where a row's document has them. Without a frame
// that is shown there are none of frames.
func (r *evaluationRows) drawnFields(asked []view.Field) (out []view.Field) {
	if len(asked) == 0 {
		asked = r.evaluatedFields()
	}
	for _, f := range asked {
		switch {
		case !strings.HasPrefix(f.Path, framesPrefix):
			out = append(out, f)
		case r.shownFrame >= 0:
			f.DBPath = worstFrame + "." + f.DBPath
			out = append(out, f)
		}
	}
	return out
}

// frameColumns is the column that says which frame a picture shows; none where it shows no frame.
func (r *evaluationRows) frameColumns() []column {
	if r.shownFrame < 0 {
		return nil
	}
	return []column{{Name: "shown_frame", Cell: func(w *table.Writer, row *row) { w.BSON(row.Value(r.shownFrame)) }}}
}
