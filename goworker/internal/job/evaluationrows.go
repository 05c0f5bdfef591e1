package job

import (
	"context"
	"math"
	"strings"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/collect"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/evaluated"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/evaluation"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/fault"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/metadata"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/picture"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/publish"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/table"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/view"
)

// prepare opens the evaluations, before anything is read of the view.
func (j LogEvaluation) prepare(ctx context.Context, c *collect.Collector) (*evaluationRows, error) {
	if j.View.Rows != view.RowSample {
		return nil, fault.New(fault.Settings, fault.BadView, "An evaluation is logged for samples: pass the dataset, or a view without patches, clips or frames as rows.")
	}
	if c.Planning && j.View.Query.Draws() {
		return nil, collect.ErrDrawnAgain() // whoever makes the numbers reads the view once more
	}
	r := &evaluationRows{job: j, c: c, shownFrame: -1, part: j.partOf(c)}
	schema, err := evaluated.ReadSchema(ctx, c.Source, j.View.Query.Database, j.Dataset.ID)
	if err != nil {
		return nil, err
	}
	r.schema = schema
	found, err := readFound(c.Found)
	if err != nil {
		return nil, err
	}
	open := func(key string) (*evaluated.Evaluation, error) {
		o, err := j.open(ctx, c, schema, key, r.part, found)
		if err == nil && !r.part.isShared {
			err = o.WasEvaluated(ctx, c.Source, j.View.Query, j.Frames)
		}
		return o, err
	}
	own, err := open(j.EvalKey)
	if err != nil {
		return nil, err
	}
	restricted := !own.IsWhole(j.View.IsSubset, j.View.SerializationJSON)
	if j.CompareWith != "" {
		other, err := open(j.CompareWith)
		if err == nil {
			err = evaluated.CheckComparable(own.Config, other.Config)
		}
		if err != nil {
			return nil, err
		}
		otherRestricted := !other.IsWhole(j.View.IsSubset, j.View.SerializationJSON)
		restricted = restricted || otherRestricted // both are of the same samples then
		r.other = newJudged(ctx, c, other, r.part, restricted)
	}
	r.own = newJudged(ctx, c, own, r.part, restricted)
	if r.part.hasLists {
		if r.own.lists, err = openWrongLists(c); err != nil {
			return nil, err
		}
	}
	if c.Planning {
		if c.Found, err = r.found(); err != nil {
			return nil, err
		}
	}
	if err := r.readFrames(ctx); err != nil {
		return nil, err
	}
	return r, r.countAll(ctx)
}

func newJudged(ctx context.Context, c *collect.Collector, o *evaluated.Evaluation, part evaluationPart, restricted bool) *judged {
	e := &judged{Account: evaluated.NewAccount(o, func() (evaluation.Scratch, error) { return sortScratch(c) }, restricted), part: part, now: evaluated.NewOutcome()}
	if part.counts {
		e.LookAtMasks(ctx, c.AtEnd)
	}
	return e
}

// register registers what is read of each row.
func (r *evaluationRows) register(rd *collect.Reader) {
	for _, e := range r.both() {
		if e.Config.IsFrames() {
			e.at = evaluated.Slots{ID: -1, Result: rd.Slot(e.ResultPath())}
			continue
		}
		e.at = e.Slots(&rd.Fields)
	}
}

// judge reads what the evaluations say of a row.
func (r *evaluationRows) judge(row *collect.Row) {
	for _, e := range r.both() {
		if e.videos != nil {
			e.now, e.result = evaluated.NewOutcome(), row.Value(e.at.Result)
			if sum := e.videos[row.Own]; sum != nil {
				e.now = *sum
			}
			continue
		}
		e.now = evaluated.NewOutcome()
		e.at.Load(row.Slots, &e.doc)
		e.result = e.doc.Result
		e.Read(&e.doc, &e.now)
	}
}

// account accounts for the row that was judged.
func (r *evaluationRows) account() error {
	if r.own.now.Evaluated {
		r.evaluated++
	}
	for _, e := range r.both() {
		if e.videos == nil {
			if err := e.take(&e.doc, &e.now); err != nil {
				return err
			}
		}
	}
	return nil
}

// score is how rows are chosen: all of them are accounted for in the same pass.
func (r *evaluationRows) score(rd *collect.Reader) func(*collect.Row) (float64, error) {
	r.register(rd)
	r.accounted = true
	return func(row *collect.Row) (float64, error) {
		r.judge(row)
		err := r.account()
		switch s := rd.View.Selection; {
		case s.ByConfidence:
			return r.own.now.MinConfidence, err
		case s.ByErrors:
			return r.badness(), err
		}
		return 0, err
	}
}

// badness is the order of "worst": without a comparison the worst samples, with one those where it got worst.
func (r *evaluationRows) badness() float64 {
	own := r.own.now.Badness(r.own.goodness())
	switch {
	case r.other == nil:
		return own
	case !r.own.now.Evaluated || !r.other.now.Evaluated:
		return math.Inf(1)
	}
	return own - r.other.now.Badness(r.other.goodness())
}

// open starts the files.
func (r *evaluationRows) open(ctx context.Context, rd *collect.Reader) (publish.Content, error) {
	r.reader = rd
	if err := r.showFrames(rd); err != nil {
		return nil, err
	}
	if err := rd.OpenPictures(ctx, r.pictures(), r.job.Dataset); err != nil {
		return nil, err
	}
	r.register(rd)
	var err error
	if r.ids, err = r.c.NewIDList(metadata.SampleIDsPath); err != nil {
		return nil, err
	}
	if r.other != nil {
		if r.worse, err = r.c.NewIDList(metadata.WorseIDsPath); err != nil {
			return nil, err
		}
	}
	r.table = rd.NewTable("samples", r.columns())
	return r, nil
}

// pictures are the job's, with the evaluation's labels drawn over them and marked.
func (r *evaluationRows) pictures() *picture.Config {
	if r.job.Pictures == nil {
		return nil
	}
	conf := *r.job.Pictures
	if r.shownFrame >= 0 {
		conf.Frame = worstFrameNumber
	}
	if conf.Overlays == nil {
		return &conf
	}
	layers := *conf.Overlays
	marks := map[string][]string{}
	layers.Fields = r.drawnFields(layers.Fields)
	for _, e := range r.both() {
		if e.Config.Type == evaluation.Detection {
			marks[e.Truth.Path] = append(marks[e.Truth.Path], e.Config.Key)
			marks[e.Pred.Path] = append(marks[e.Pred.Path], e.Config.Key)
		}
	}
	layers.Marks = marks
	conf.Overlays = &layers
	return &conf
}

// Add takes one row.
func (r *evaluationRows) Add(row *collect.Row) error {
	r.judge(row)
	if !r.accounted {
		if err := r.account(); err != nil {
			return err
		}
	}
	r.addToSum()
	if err := r.ids.Add(row.Source); err != nil {
		return err
	}
	if r.worse != nil {
		if d := r.difference(); d != nil && *d < 0 {
			if err := r.worse.Add(row.Source); err != nil {
				return err
			}
		}
	}
	r.tags = r.tags[:0]
	r.reader.Base.EachTag(row, func(tag string) { r.tags = append(r.tags, tag) })
	if r.isSorted() {
		r.table.Keys = append(r.table.Keys, r.badness())
	}
	return r.table.Add(row)
}

// isSorted reports whether the rows are sorted by how bad they are: where two evaluations are compared, and where the worst are chosen.
func (r *evaluationRows) isSorted() bool {
	return r.other != nil || r.reader.View.Selection != nil && r.reader.View.Selection.ByErrors
}

// columns are those of the table of samples.
func (r *evaluationRows) columns() []collect.Column {
	columns := []collect.Column{
		r.reader.Base.SampleIDColumn(),
		{Name: "filepath", Cell: func(w *table.Writer, row *collect.Row) { w.Text(r.reader.Base.Path(row)) }},
		{Name: "tags", Cell: func(w *table.Writer, _ *collect.Row) { w.Text(strings.Join(r.tags, ",")) }},
	}
	if r.other == nil {
		columns = append(columns, r.outcomeColumns(r.own, "")...)
	} else {
		columns = append(columns, r.outcomeColumns(r.own, "a_")...)
		columns = append(columns, r.outcomeColumns(r.other, "b_")...)
		columns = append(columns, r.differenceColumns()...)
	}
	columns = append(columns, r.reader.PictureColumns()...)
	columns = append(columns, r.frameColumns()...)
	return append(columns, r.reader.EndColumns(append(r.own.Custom[:len(r.own.Custom):len(r.own.Custom)], r.job.Fields...))...)
}

// Close ends the files and hands them to the artifact.
func (r *evaluationRows) Close() error {
	if err := r.c.CloseList(r.ids); err != nil {
		return err
	}
	if r.worse != nil {
		if err := r.c.CloseList(r.worse); err != nil {
			return err
		}
	}
	if err := r.own.lists.close(r.c); err != nil {
		return err
	}
	return r.table.Close()
}
