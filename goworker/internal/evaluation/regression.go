package evaluation

import (
	"context"
	"encoding/binary"
	"math"

	"go.mongodb.org/mongo-driver/v2/bson"
)

// Names of the metrics of regressions, FiftyOne's own.
const (
	MetricMSE               = "mean_squared_error"
	MetricRMSE              = "root_mean_squared_error"
	MetricMAE               = "mean_absolute_error"
	MetricMedianAE          = "median_absolute_error"
	MetricR2                = "r2_score"
	MetricExplainedVariance = "explained_variance_score"
	MetricMaxError          = "max_error"
)

// regression makes the report of a regression in two passes: the means first.
func (m *measurement) regression(ctx context.Context) error {
	var truth, errorSum, squares, absolute kahan
	highest, n := 0.0, int64(0)
	sorted := sorter{scratch: m.options.Scratch}
	var residuals thinned[Residual]
	err := m.values(ctx, func(t, p float64) error {
		e := p - t
		n++
		truth.add(t)
		errorSum.add(e)
		squares.add(e * e)
		absolute.add(math.Abs(e))
		highest = max(highest, math.Abs(e))
		residuals.add(Residual{t, p})
		return sorted.add(record{key: rising(math.Abs(e))})
	})
	r := m.report
	r.Matches = n
	r.Curves.Residuals = residuals.all()
	if err != nil || n == 0 {
		if n == 0 {
			r.metric(MetricSupport, 0)
		}
		return err
	}
	count := float64(n)
	r.metric(MetricMSE, squares.sum/count)
	r.metric(MetricRMSE, math.Sqrt(squares.sum/count))
	r.metric(MetricMAE, absolute.sum/count)
	median, err := medianOf(ctx, &sorted, n)
	if err != nil {
		return err
	}
	r.metric(MetricMedianAE, median)
	if err := m.variances(ctx, truth.sum/count, errorSum.sum/count, squares.sum); err != nil {
		return err
	}
	r.metric(MetricMaxError, highest)
	r.metric(MetricSupport, count)
	return nil
}

// variances adds R² and the explained variance. Where the truth does not vary, they are 1 for predictions that fit and 0 for
// others, as scikit-learn has it.
func (m *measurement) variances(ctx context.Context, truthMean, errorMean, sse float64) error {
	var sst, unexplained kahan
	err := m.values(ctx, func(t, p float64) error {
		sst.add((t - truthMean) * (t - truthMean))
		e := p - t - errorMean
		unexplained.add(e * e)
		return nil
	})
	score := func(lost float64) float64 {
		switch {
		case sst.sum != 0:
			return 1 - lost/sst.sum
		case lost == 0:
			return 1
		}
		return 0
	}
	if m.report.Matches >= 2 { // scikit-learn's R² is not defined for one value
		m.report.metric(MetricR2, score(sse))
	}
	m.report.metric(MetricExplainedVariance, score(unexplained.sum))
	return err
}

func medianOf(ctx context.Context, s *sorter, n int64) (median float64, err error) {
	at := int64(0)
	err = s.each(ctx, func(r record) error {
		if at == (n-1)/2 {
			median += risen(r.key) / 2
		}
		if at == n/2 {
			median += risen(r.key) / 2
		}
		at++
		return nil
	})
	return median, err
}

// values goes through the pairs of values.
func (m *measurement) values(ctx context.Context, take func(truth, pred float64) error) error {
	truth, err := m.file.column(ctx, "ytrue")
	if err != nil {
		return err
	}
	defer truth.close()
	pred, err := m.file.column(ctx, "ypred")
	if err != nil {
		return err
	}
	defer pred.close()
	if truth == nil || pred == nil {
		return damaged("it lacks the values")
	}
	var ids *column
	if m.options.Subset != nil || m.options.Seen != nil && m.file.has("ids", '[') {
		if ids, err = m.file.column(ctx, "ids"); err != nil {
			return err
		}
		defer ids.close()
		if ids == nil {
			return damaged("it lacks the ids, which a part of it needs")
		}
	}
	for count := 0; ; count++ {
		if count%4096 == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		more, err := truth.next()
		if err != nil {
			return err
		}
		if both, err := pred.next(); err != nil || both != more {
			return orElse(err, damaged("its values differ in number"))
		}
		if !more {
			return nil
		}
		t, ok1, err := truth.s.number()
		if err != nil {
			return err
		}
		p, ok2, err := pred.s.number()
		if err != nil {
			return err
		}
		kept := ok1 && ok2
		if ids != nil {
			if kept, err = m.keepsID(ids, kept, t, p); err != nil {
				return err
			}
		}
		if kept {
			if err := take(t, p); err != nil {
				return err
			}
		}
	}
}

// keepsID reads the id of a pair of values.
func (m *measurement) keepsID(ids *column, isPair bool, truth, pred float64) (bool, error) {
	if more, err := ids.next(); err != nil || !more {
		return false, orElse(err, damaged("it has fewer ids than values"))
	}
	id, ok, err := ids.id()
	if !isPair || m.options.Subset != nil && !(ok && m.options.Subset.Truth.Has(id)) {
		return false, err
	}
	if m.options.Seen != nil {
		one := ValueMatch(id, truth, pred)
		m.options.Seen(&one)
	}
	return true, err
}

// ValueMatch is a pair of a regression's values as a Match, for comparing.
func ValueMatch(id bson.ObjectID, truth, pred float64) Match {
	return Match{TruthID: string(id[:]), Truth: bitsOf(truth), Predicted: bitsOf(pred)}
}

func bitsOf(v float64) string {
	return string(binary.LittleEndian.AppendUint64(nil, math.Float64bits(v)))
}

func orElse(err, otherwise error) error {
	if err != nil {
		return err
	}
	return otherwise
}

// kahan is a sum whose rounding errors do not grow with the number of values.
type kahan struct{ sum, lost float64 }

func (k *kahan) add(v float64) {
	y := v - k.lost
	t := k.sum + y
	k.lost = (t - k.sum) - y
	k.sum = t
}
