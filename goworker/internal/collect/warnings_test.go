package collect

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestWarningsOfOneAreSentences(t *testing.T) {
	var w Warnings
	w.add("missing_file", "rows have no picture because the media file was not found.", "a")
	w.add("no_box", "patches have no picture because no box of a label is within the picture.", "b")
	var said []string
	for _, one := range w.Final() {
		said = append(said, one.Message)
	}
	assert.Equal(t, []string{
		"1 row has no picture because the media file was not found.",
		"1 patch has no picture because no box of a label is within the picture.",
	}, said)
}

func TestWarningsCountAndNameAFewSamples(t *testing.T) {
	var w Warnings
	for range 1234 {
		w.add("missing_file", "rows have no picture.", "id")
	}
	w.Note("odd", "100%% of %q", "50% field")
	got := w.Final()
	assert.Equal(t, "1,234 rows have no picture.", got[0].Message)
	assert.Len(t, got[0].SampleIDs, examples)
	assert.EqualValues(t, 1234, got[0].Count)
	assert.Equal(t, `100% of "50% field"`, got[1].Message)
}
