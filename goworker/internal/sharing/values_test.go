package sharing

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/evaluation"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/publish"
)

// TestHostsAreToldOfSoManyClasses: the job's document does not grow with an evaluation of more classes than hosts are told of.
func TestHostsAreToldOfSoManyClasses(t *testing.T) {
	classes := make([]evaluation.Class, publish.MaxClasses+5)
	for i := range classes {
		classes[i] = evaluation.Class{Name: fmt.Sprint("class ", i), Precision: 0.5, Support: int64(i)}
	}
	st := outcomeState{Result: publish.Result{Evaluation: &publish.EvaluationResult{Report: &evaluation.Report{Classes: classes}, Evaluated: 3}}}
	require.NoError(t, st.keepValues(&publish.RunValues{Numbers: map[string]float64{"accuracy": 0.5}}))
	values, err := readValues(st.Values)
	require.NoError(t, err)
	assert.Len(t, values.Report.Classes, publish.MaxClasses)
	var res publish.Result
	values.to(&res)
	assert.Equal(t, classes[:publish.MaxClasses], res.Evaluation.Report.Classes)
	assert.EqualValues(t, 3, res.Evaluation.Evaluated)
}
