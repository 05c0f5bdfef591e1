package collect

import (
	"context"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/artifact"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/metadata"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/picture"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/view"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/words"
)

// ShownRows are the rows that show pictures, where not all do: W&B's own client needs so much memory for each entry of an
// artifact that one of very many pictures can be logged, but not be read.
//
// They are those with the lowest randomKey, so that whoever reads a part of the rows knows which of these show
// pictures. It can be kept and sent as JSON.
type ShownRows struct {
	// Last is the highest randomKey of a row that shows pictures.
	Last uint64 `json:"last"`
	// Rows is how many rows show pictures, and Of how many there are.
	Rows int64 `json:"rows"`
	Of   int64 `json:"of"`
	// Max and Seed are those of the pictures' configuration.
	Max  int64 `json:"max"`
	Seed int64 `json:"seed"`
}

// ChoosePictures chooses the rows that show pictures, where the view has more of them than there may be pictures. It is an
// error if there were more pictures than an artifact may have entries: fault too_many_entries.
func (c *Collector) ChoosePictures(ctx context.Context, v ChosenView, conf *picture.Config) (ChosenView, error) {
	if conf == nil {
		return v, nil
	}
	if v.Choice != nil { // reading uses a choice up
		again := *v.Choice
		v.Choice = &again
	}
	most := conf.MostRows()
	if most == 0 {
		more, err := c.hasMoreRows(ctx, v, artifact.MaxEntries/conf.PerRow())
		if err == nil && more {
			err = artifact.TooMany()
		}
		return v, err
	}
	if more, err := c.hasMoreRows(ctx, v, most); err != nil || !more {
		return v, err
	}
	probe := v
	if v.Choice != nil {
		again := *v.Choice
		probe.Choice = &again
	}
	picked, n, err := c.pick(ctx, probe, most, conf.Seed, ByConfidence(nil))
	if err != nil || n <= most {
		return v, err
	}
	v.Shown = &ShownRows{Last: picked[0].key, Rows: most, Of: n, Max: conf.PicturesMax, Seed: conf.Seed}
	return v, nil
}

// Note says that not all rows show pictures.
func (s *ShownRows) Note(w *Warnings) {
	if s != nil {
		w.Note("pictures_max", "%s of %s rows show pictures, chosen at random, and the picture cells of the others are empty: "+
			"pictures_max= sets how many pictures there are at most.", words.Thousands(s.Rows), words.Thousands(s.Of))
	}
}

// hasMoreRows reports whether more than n rows are to be logged. It says so, too, where counting them takes long.
func (c *Collector) hasMoreRows(ctx context.Context, v ChosenView, n int64) (bool, error) {
	if v.Choice != nil {
		return int64(v.Choice.Left) > n, nil
	}
	few, err := v.Query.With(bson.D{{Key: "$limit", Value: n + 1}})
	if err != nil {
		return false, err
	}
	found, ok := c.Source.Count(ctx, few, countForMetadata)
	return !ok || found > n, ctx.Err()
}

// shows gives a function that reports whether a row shows pictures, for one goroutine at a time; nil where all do.
func (v ChosenView) shows() func(bson.Raw) bool {
	if v.Shown == nil {
		return nil
	}
	var fields view.Fields
	base := newRowBase(&fields, v.Rows)
	one, salt := Row{Slots: view.NewSlots(fields.Slots)}, saltOf(v.Shown.Seed)
	return func(doc bson.Raw) bool {
		one.Load(doc)
		base.load(&one)
		return randomKey(salt, base, &one) <= v.Shown.Last
	}
}

// describe says in an artifact's metadata which rows show pictures.
func (s *ShownRows) describe(meta *metadata.Object) {
	if s == nil {
		return
	}
	by := &metadata.Object{}
	by.Set("pictures_max", s.Max)
	by.Set("rows", s.Rows)
	by.Set("of", s.Of)
	by.Set("seed", s.Seed)
	meta.Raw("picture_selection", by.Bytes())
}
