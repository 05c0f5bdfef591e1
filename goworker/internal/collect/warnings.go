package collect

import (
	"fmt"
	"slices"
	"strings"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/words"
)

// examples is how many sample ids a warning names.
const examples = 5

// Warning is something that cost a cell or a feature, never the job.
type Warning struct {
	Code, Message string
	Count         int64
	SampleIDs     []string
}

// Warnings counts what went wrong with single samples.
type Warnings struct {
	List []*Warning
}

// add counts one more occurrence of code for a sample. The sentence begins with
// the number of rows; rest is what follows it.
func (w *Warnings) add(code, rest, sampleID string) {
	i := slices.IndexFunc(w.List, func(x *Warning) bool { return x.Code == code })
	if i < 0 {
		w.List = append(w.List, &Warning{Code: code, Message: rest})
		i = len(w.List) - 1
	}
	one := w.List[i]
	one.Count++
	if len(one.SampleIDs) < examples {
		one.SampleIDs = append(one.SampleIDs, sampleID)
	}
}

// Merge adds the warnings of rows that follow. A sentence that is about no sample stays one.
func (w *Warnings) Merge(more []Warning) {
	for _, one := range more {
		i := slices.IndexFunc(w.List, func(x *Warning) bool {
			return x.Code == one.Code && (one.Count > 0) == (x.Count > 0) && (one.Count > 0 || x.Message == one.Message)
		})
		if i < 0 {
			w.List = append(w.List, &one)
			continue
		}
		all := w.List[i]
		all.Count += one.Count
		all.SampleIDs = append(all.SampleIDs, one.SampleIDs[:min(len(one.SampleIDs), examples-len(all.SampleIDs))]...)
	}
}

// Note adds a sentence that is about no sample.
func (w *Warnings) Note(code, format string, args ...any) {
	w.List = append(w.List, &Warning{Code: code, Message: fmt.Sprintf(format, args...)})
}

// Final is the list with whole sentences.
func (w *Warnings) Final() []Warning {
	out := make([]Warning, 0, len(w.List))
	for _, one := range w.List {
		done := *one
		if done.Count > 0 {
			done.Message = words.Thousands(done.Count) + " " + ofCount(done.Count, done.Message)
		}
		out = append(out, done)
	}
	return out
}

// ofCount is a sentence's rest, which is about several, for a number of them.
func ofCount(n int64, rest string) string {
	if n != 1 {
		return rest
	}
	for many, one := range map[string]string{"rows have ": "row has ", "cells lack ": "cell lacks ", "cells are ": "cell is ", "patches have ": "patch has ", "samples have ": "sample has "} {
		if after, ok := strings.CutPrefix(rest, many); ok {
			return one + after
		}
	}
	return rest
}
