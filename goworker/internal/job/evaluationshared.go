package job

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"hash/fnv"
	"math"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/collect"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/evaluated"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/fault"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/publish"
)

// partOf is the part of what a collector is for.
func (j LogEvaluation) partOf(c *collect.Collector) evaluationPart {
	inRows := j.View.Selection == nil && j.Frames == nil
	switch {
	case c.Planning:
		return evaluationPart{opensFile: true}
	case c.Shard != nil:
		return evaluationPart{isShared: true, lists: inRows, hasLists: inRows}
	case c.Merged != nil:
		return evaluationPart{isShared: true, opensFile: true, counts: true, lists: !inRows, hasLists: true}
	}
	return evaluationPart{opensFile: true, counts: true, lists: true, hasLists: true}
}

// foundEvaluation is what is known of an evaluation that several workers log.
type foundEvaluation struct {
	Results bson.ObjectID `json:"results"`
	Missing string        `json:"missing"`
}

// found is what all workers have to know of the evaluations.
func (r *evaluationRows) found() (json.RawMessage, error) {
	all := map[string]foundEvaluation{}
	for _, e := range r.both() {
		all[e.Config.Key] = foundEvaluation{e.Config.Results, e.File.Missing()}
	}
	return json.Marshal(all)
}

// readFound reads what found gave; nil where there is nothing yet.
func readFound(raw json.RawMessage) (all map[string]foundEvaluation, err error) {
	if len(raw) == 0 {
		return nil, nil
	}
	return all, json.Unmarshal(raw, &all)
}

// open finds an evaluation, and reads of it what the part needs. Faults: those of findEvaluation and openFile, and view_changed.
func (j LogEvaluation) open(ctx context.Context, c *collect.Collector, schema *evaluated.Schema, key string, part evaluationPart, found map[string]foundEvaluation) (*evaluated.Evaluation, error) {
	database := j.View.Query.Database
	o, err := evaluated.Find(ctx, c.Source, database, schema, key)
	if err != nil {
		return nil, err
	}
	before, shared := found[key]
	if shared && before.Results != o.Config.Results {
		return nil, fault.New(fault.FiftyOne, fault.ViewChanged,
			"The evaluation %q was made again while the job ran: log it again when nothing changes it.", key)
	}
	missing := before.Missing
	if part.opensFile {
		if err := o.OpenFile(ctx, c.Tracker.Results, c.Source, database); err != nil {
			return nil, err
		}
		missing = o.File.Missing()
	}
	o.ReadLabels(missing)
	o.NameMasks(j.Dataset.MaskTargetsJSON)
	return o, nil
}

// add adds what an evaluation says of a document. Samples that were added while the job runs were not evaluated: they do not count.
func (s *checkSum) add(e *judged, d *evaluated.Doc, out *evaluated.Outcome) {
	if !out.Evaluated {
		return
	}
	b := append(make([]byte, 0, 64), e.Config.Key...)
	b = append(b, d.ID[:]...)
	for _, n := range []int64{out.TP, out.FP, out.FN} {
		b = binary.AppendVarint(b, n)
	}
	b = binary.LittleEndian.AppendUint64(b, math.Float64bits(out.Goodness(e.Config, d.Result)))
	h := fnv.New64a()
	_, _ = h.Write(b)
	*s += checkSum(h.Sum64())
}

// addToSum adds the row that was judged.
func (r *evaluationRows) addToSum() {
	if !r.part.isShared {
		return
	}
	for _, e := range r.both() {
		if e.videos == nil {
			r.sum.add(e, &e.doc, &e.now)
		}
	}
}

// countAll reads the labels of all rows for the report of a shared job, whose rows the shards have.
func (r *evaluationRows) countAll(ctx context.Context) error {
	if r.c.Merged == nil {
		return nil
	}
	for _, e := range r.both() {
		if e.videos != nil { // readFrames has read them
			if e == r.own {
				r.evaluated = evaluatedVideos(e.videos)
			}
			continue
		}
		err := e.Each(ctx, r.c.Source, r.job.View.Query, r.job.Frames, func(d *evaluated.Doc, out *evaluated.Outcome) error {
			if e == r.own && out.Evaluated {
				r.evaluated++
			}
			r.sum.add(e, d, out)
			return e.take(d, out)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func evaluatedVideos(all map[bson.ObjectID]*evaluated.Outcome) (n int64) {
	for _, out := range all {
		if out.Evaluated {
			n++
		}
	}
	return n
}

// Tally implements content.
func (r *evaluationRows) Tally() publish.Tally { return publish.Tally{Sum: uint64(r.sum)} }

// AddTally implements content: what the shards have read is taken from what the lead has.
func (r *evaluationRows) AddTally(t publish.Tally) { r.sum -= checkSum(t.Sum) }

// sameAsShards makes sure that the lead has read what the shards have, where these have all rows.
func (r *evaluationRows) sameAsShards() error {
	if r.c.Merged == nil || r.job.View.Selection != nil || r.sum == 0 {
		return nil
	}
	return collect.ErrNotSame()
}
