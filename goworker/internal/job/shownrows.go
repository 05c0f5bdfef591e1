package job

import (
	"context"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/artifact"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/metadata"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/picture"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/view"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/words"
)

// shownRows are the rows that show pictures, where not all do: W&B's own client needs so much memory for each entry of an
// artifact that one of very many pictures can be logged, but not be read.
//
// They are those with the lowest randomKey, so that whoever reads a part of the rows knows which of these show
// pictures. It can be kept and sent as JSON.
type shownRows struct {
	// Last is the highest randomKey of a row that shows pictures.
	Last uint64 `json:"last"`
	// Rows is how many rows show pictures, and Of how many there are.
	Rows int64 `json:"rows"`
	Of   int64 `json:"of"`
	// Max and Seed are those of the pictures' configuration.
	Max  int64 `json:"max"`
	Seed int64 `json:"seed"`
}

// choosePictures chooses the rows that show pictures, where the view has more of them than there may be pictures. It is an
// error if there were more pictures than an artifact may have entries: fault too_many_entries.
func (c *collector) choosePictures(ctx context.Context, v chosenView, conf *picture.Config) (chosenView, error) {
	if conf == nil {
		return v, nil
	}
	if v.choice != nil { // reading uses a choice up
		again := *v.choice
		v.choice = &again
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
	if v.choice != nil {
		again := *v.choice
		probe.choice = &again
	}
	picked, n, err := c.pick(ctx, probe, most, conf.Seed, byConfidence(nil))
	if err != nil || n <= most {
		return v, err
	}
	v.shown = &shownRows{Last: picked[0].key, Rows: most, Of: n, Max: conf.PicturesMax, Seed: conf.Seed}
	return v, nil
}

// note says that not all rows show pictures.
func (s *shownRows) note(w *warnings) {
	if s != nil {
		w.note("pictures_max", "%s of %s rows show pictures, chosen at random, and the picture cells of the others are empty: "+
			"pictures_max= sets how many pictures there are at most.", words.Thousands(s.Rows), words.Thousands(s.Of))
	}
}

// hasMoreRows reports whether more than n rows are to be logged. It says so, too, where counting them takes long.
func (c *collector) hasMoreRows(ctx context.Context, v chosenView, n int64) (bool, error) {
	if v.choice != nil {
		return int64(v.choice.left) > n, nil
	}
	few, err := v.Query.With(bson.D{{Key: "$limit", Value: n + 1}})
	if err != nil {
		return false, err
	}
	found, ok := c.source.Count(ctx, few, countForMetadata)
	return !ok || found > n, ctx.Err()
}

// shows gives a function that reports whether a row shows pictures, for one goroutine at a time; nil where all do.
func (v chosenView) shows() func(bson.Raw) bool {
	if v.shown == nil {
		return nil
	}
	var fields view.Fields
	base := newRowBase(&fields, v.Rows)
	one, salt := row{Slots: view.NewSlots(fields.Slots)}, saltOf(v.shown.Seed)
	return func(doc bson.Raw) bool {
		one.Load(doc)
		base.load(&one)
		return randomKey(salt, base, &one) <= v.shown.Last
	}
}

// describe says in an artifact's metadata which rows show pictures.
func (s *shownRows) describe(meta *metadata.Object) {
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
