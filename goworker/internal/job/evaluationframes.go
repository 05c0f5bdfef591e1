package job

import (
	"context"
	"slices"
	"strings"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/collect"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/evaluated"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/evaluation"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/fault"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/table"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/view"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/words"
)

// worstFrame is the field that a row of a video gets: the frame that its picture shows.
const worstFrame = "_wandb_frame"

// worstFrameNumber is where that frame says which one it is.
const worstFrameNumber = worstFrame + ".frame_number"

const (
	// mostVideos bounds the videos whose frames' outcomes are kept until their rows come.
	mostVideos = 1_000_000
	// videosAtOnce is of how many videos the frames are read by one query, where a slot reads those of its rows only.
	videosAtOnce = 5000
)

// sharesFrames reports whether a slot can read the frames of its own rows only, where frames were evaluated.
func (j LogEvaluation) sharesFrames() bool {
	if j.Frames == nil {
		return true
	}
	_, ok := j.Frames.FramesOf(nil)
	return ok
}

// frames are the queries for the frames that are read here: those of a shard's rows, or all of the view's.
func (r *evaluationRows) frames() (out []*view.Query) {
	if s := r.c.Shard; s != nil {
		for ids := range slices.Chunk(s.RowIDs(), videosAtOnce) {
			some, _ := r.job.Frames.FramesOf(ids) // the plan has made sure of that: see sharesFrames
			out = append(out, &some)
		}
	}
	if out == nil {
		out = append(out, r.job.Frames)
	}
	return out
}

// readFrames accounts for the frames of evaluations of frames, which the rows do not have. The slot that plans needs them only to choose
// rows, and the lead only to count the videos.
func (r *evaluationRows) readFrames(ctx context.Context) error {
	for _, e := range r.both() {
		if !e.Config.IsFrames() {
			continue
		}
		e.videos = map[bson.ObjectID]*evaluated.Outcome{}
		if r.c.Planning && r.job.View.Selection == nil {
			continue
		}
		for _, frames := range r.frames() {
			if err := e.Each(ctx, r.c.Source, r.job.View.Query, frames, func(d *evaluated.Doc, out *evaluated.Outcome) error { return r.takeFrame(e, d, out) }); err != nil {
				return err
			}
		}
	}
	return nil
}

// takeFrame accounts for a frame.
func (r *evaluationRows) takeFrame(e *judged, d *evaluated.Doc, out *evaluated.Outcome) error {
	if r.part.isShared {
		r.sum.add(e, d, out)
	}
	if err := e.take(d, out); err != nil {
		return err
	}
	sum := e.videos[d.Sample]
	if sum == nil && len(e.videos) >= mostVideos {
		return fault.New(fault.Settings, fault.ViewTooLarge, "The view has more than %s videos: log it in parts.", words.Thousands(mostVideos))
	}
	if r.c.Merged != nil {
		if out.Evaluated {
			e.videos[d.Sample] = evaluatedVideo
		}
		return nil
	}
	if sum == nil {
		fresh := evaluated.NewOutcome()
		sum = &fresh
		e.videos[d.Sample] = sum
	}
	sum.Merge(out)
	return nil
}

// evaluatedVideo is the outcome of each video that was evaluated, where nothing else is asked of it.
var evaluatedVideo = &evaluated.Outcome{Evaluated: true}

// showFrames has each row of a video show the frame in which the evaluation found most wrong, the first of several. Without
// it the picture would be of the first frame, whatever was evaluated. MongoDB chooses it, so that no frame's labels are kept.
func (r *evaluationRows) showFrames(rd *collect.Reader) (err error) {
	if r.job.Pictures == nil || !r.own.Config.IsFrames() || r.schema.FrameCollection == "" {
		return nil
	}
	kept := bson.D{{Key: "frame_number", Value: 1}}
	for _, f := range r.evaluatedFields() {
		kept = append(kept, bson.E{Key: f.DBPath, Value: 1})
	}
	rd.Query, err = rd.Query.With(
		bson.D{{Key: "$lookup", Value: bson.D{
			{Key: "from", Value: r.schema.FrameCollection}, {Key: "localField", Value: "_id"}, {Key: "foreignField", Value: "_sample_id"},
			{Key: "pipeline", Value: bson.A{
				bson.D{{Key: "$match", Value: bson.D{{Key: r.own.ResultPath(), Value: bson.D{{Key: "$ne", Value: nil}}}}}},
				bson.D{{Key: "$addFields", Value: bson.D{{Key: "_wandb_wrong", Value: wrongOfFrame(r.own.Config)}}}},
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
	out := []view.Field{r.own.Truth, r.own.Pred}
	if r.other != nil && r.other.Pred.Path != r.own.Pred.Path {
		out = append(out, r.other.Pred)
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
		case !strings.HasPrefix(f.Path, evaluated.FramesPrefix):
			out = append(out, f)
		case r.shownFrame >= 0:
			f.DBPath = worstFrame + "." + f.DBPath
			out = append(out, f)
		}
	}
	return out
}

// frameColumns is the column that says which frame a picture shows; none where it shows no frame.
func (r *evaluationRows) frameColumns() []collect.Column {
	if r.shownFrame < 0 {
		return nil
	}
	return []collect.Column{{Name: "shown_frame", Cell: func(w *table.Writer, row *collect.Row) { w.BSON(row.Value(r.shownFrame)) }}}
}
