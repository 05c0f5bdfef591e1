package job

import (
	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/collect"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/evaluated"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/evaluation"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/idlist"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/metadata"
)

// wrongLists are the lists of the labels that an evaluation calls wrong; nil for the evaluation that is compared with.
type wrongLists struct{ fp, fn, wrong *idlist.Writer }

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

// take accounts for a document that was read.
func (e *judged) take(d *evaluated.Doc, out *evaluated.Outcome) error {
	if e.part.counts {
		if err := e.Count(d, out); err != nil {
			return err
		}
	}
	if e.lists.fp == nil || !e.part.lists || !d.IsEvaluated {
		return nil
	}
	return e.lists.add(e.Config.Type, d, out)
}

// add lists the wrong labels of a document that was evaluated.
func (l *wrongLists) add(t evaluation.Type, d *evaluated.Doc, out *evaluated.Outcome) (err error) {
	add := func(to *idlist.Writer, id bson.ObjectID) {
		if err == nil {
			err = to.Add(id)
		}
	}
	if t == evaluation.Classification {
		if out.Correct {
			return nil
		}
		for _, p := range d.Preds {
			add(l.fp, p.ID)
			add(l.wrong, p.ID)
		}
		for _, t := range d.Truths {
			add(l.fn, t.ID)
		}
		return err
	}
	for i := range d.Preds {
		if p := &d.Preds[i]; p.Outcome == evaluation.FalsePositive {
			add(l.fp, p.ID)
			if p.HasOther {
				add(l.wrong, p.ID)
			}
		}
	}
	for i := range d.Truths {
		if t := &d.Truths[i]; t.Outcome == evaluation.FalseNegative {
			add(l.fn, t.ID)
		}
	}
	return err
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
