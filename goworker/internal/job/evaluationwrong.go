package job

import (
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/collect"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/evaluation"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/idlist"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/metadata"
)

// openWrongLists starts the lists.
func openWrongLists(c *collect.Collector) (l wrongLists, err error) {
	for _, one := range []struct {
		path string
		to   **idlist.Writer
	}{{metadata.FalsePositiveIDsPath, &l.fp}, {metadata.FalseNegativeIDsPath, &l.fn}, {metadata.WrongIDsPath, &l.wrong}} {
		if *one.to, err = c.NewIDList(one.path); err != nil {
			return l, err
		}
	}
	return l, nil
}

// close ends the lists.
func (l *wrongLists) close(c *collect.Collector) error {
	for _, one := range []*idlist.Writer{l.fp, l.fn, l.wrong} {
		if one == nil {
			continue
		}
		if err := c.CloseList(one); err != nil {
			return err
		}
	}
	return nil
}

// sortScratch makes a temporary file for sorting, which goes with the spool.
func sortScratch(c *collect.Collector) (evaluation.Scratch, error) {
	f, err := c.Spool.Scratch("sort")
	if err != nil {
		return nil, err
	}
	c.AtEnd(func() { _ = f.Close() })
	return f, nil
}
