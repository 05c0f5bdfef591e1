package job

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

// warnings counts what went wrong with single samples.
type warnings struct {
	list []*Warning
}

// add counts one more occurrence of code for a sample. The sentence begins with
// the number of rows; rest is what follows it.
func (w *warnings) add(code, rest, sampleID string) {
	i := slices.IndexFunc(w.list, func(x *Warning) bool { return x.Code == code })
	if i < 0 {
		w.list = append(w.list, &Warning{Code: code, Message: rest})
		i = len(w.list) - 1
	}
	one := w.list[i]
	one.Count++
	if len(one.SampleIDs) < examples {
		one.SampleIDs = append(one.SampleIDs, sampleID)
	}
}

// merge adds the warnings of rows that follow. A sentence that is about no sample stays one.
func (w *warnings) merge(more []Warning) {
	for _, one := range more {
		i := slices.IndexFunc(w.list, func(x *Warning) bool {
			return x.Code == one.Code && (one.Count > 0) == (x.Count > 0) && (one.Count > 0 || x.Message == one.Message)
		})
		if i < 0 {
			w.list = append(w.list, &one)
			continue
		}
		all := w.list[i]
		all.Count += one.Count
		all.SampleIDs = append(all.SampleIDs, one.SampleIDs[:min(len(one.SampleIDs), examples-len(all.SampleIDs))]...)
	}
}

// note adds a sentence that is about no sample.
func (w *warnings) note(code, format string, args ...any) {
	w.list = append(w.list, &Warning{Code: code, Message: fmt.Sprintf(format, args...)})
}

// final is the list with whole sentences.
func (w *warnings) final() []Warning {
	out := make([]Warning, 0, len(w.list))
	for _, one := range w.list {
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
