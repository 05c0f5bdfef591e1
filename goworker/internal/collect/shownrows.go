package collect

import (
	"context"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/artifact"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/picture"
)

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
		more, err := c.hasMoreRows(ctx, v, artifact.MaxEntries/conf.PerRow(), false) // reading says what is wrong with the view
		if err == nil && more {
			err = artifact.TooMany()
		}
		return v, err
	}
	if more, err := c.hasMoreRows(ctx, v, most, true); err != nil || !more {
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

// hasMoreRows reports whether more than n rows are to be logged. Where they cannot be counted, or not soon, it reports uncounted.
func (c *Collector) hasMoreRows(ctx context.Context, v ChosenView, n int64, uncounted bool) (bool, error) {
	if v.Choice != nil {
		return int64(v.Choice.Left) > n, nil
	}
	few, err := v.Query.With(bson.D{{Key: "$limit", Value: n + 1}})
	if err != nil {
		return false, err
	}
	found, ok := c.Source.Count(ctx, few, countForMetadata)
	if !ok {
		return uncounted, ctx.Err()
	}
	return found > n, nil
}
