package evaluation

import (
	"context"
	"encoding/json"
	"math"
	"slices"
	"strings"
)

// Options are what Read needs beside the file.
type Options struct {
	// Subset restricts the numbers to a part; nil for all of it.
	Subset *Subset
	// Crowds are the ids of ground truth labels that mark crowds. The file does not tell them, and average precision
	// leaves them out.
	Crowds *IDSet
	// Scratch makes a temporary file for sorting millions of predictions.
	Scratch func() (Scratch, error)
	// ClassName gives the name to show for a class of a segmentation; nil for the file's own.
	ClassName func(string) string
	// Seen is called with each match that counts; nil if nobody wants them. It is valid until the function returns. Those of
	// segmentations are the pairs of classes in each pair of masks.
	Seen func(*Match)
}

// Match is one match of the results file. Labels are empty where a side has none.
type Match struct {
	Truth, Predicted     string
	TruthID, PredictedID string // raw bytes of the ids, empty for none
	Confidence           float64
	HasConfidence        bool
}

// measurement is a report in the making.
type measurement struct {
	config  Config
	options Options
	file    *results
	names   *names
	missing int32   // its number, or null
	classes []int32 // numbers of the file's classes
	labels  []int32 // those that count: Report.Classes
	place   []int   // of a number in labels, or -1
	tally   *tally
	sweep   *sweep // nil where average precision is not computed from matches
	ious    []float64
	report  *Report
}

// File is a results file whose values were found. It can be read any number of times.
type File struct {
	config Config
	values *results
}

// Open reads through a results file once, to see whether it is whole and where its values stand. The evaluation must have passed
// Config.Check. Faults: damaged_results, unknown_evaluation, and those of the text.
func Open(ctx context.Context, text Text, config Config) (*File, error) {
	values, err := openResults(ctx, text)
	if err != nil {
		return nil, config.fault(ctx, err)
	}
	if kind, known := kinds[strings.TrimPrefix(values.class, module)]; !known || kind != config.Type {
		return nil, config.unknown(values.class)
	}
	return &File{config, values}, nil
}

// Missing is the label that stands for no label; empty if the file has none.
func (f *File) Missing() string {
	if f.values.missing == nil {
		return ""
	}
	return *f.values.missing
}

// HasIDs reports whether the file says which labels its matches are of. Files of old versions of FiftyOne do not.
func (f *File) HasIDs() bool { return f.values.has("ytrue_ids", '[') && f.values.has("ypred_ids", '[') }

// MissingValue is the value that a regression uses where a side has none.
func (f *File) MissingValue() (v float64, ok bool) {
	return f.values.missingValue, f.values.hasMissingValue
}

// Report makes the report. Memory does not grow with the number of matches. Faults: damaged_results, too_many_classes,
// and those of the text.
func (f *File) Report(ctx context.Context, options Options) (*Report, error) {
	report, err := read(ctx, f.values, f.config, options)
	return report, f.config.fault(ctx, err)
}

// Matches calls take with each match of the file, as Options.Seen gets them.
func (f *File) Matches(ctx context.Context, subset *Subset, take func(*Match)) error {
	m := &measurement{config: f.config, options: Options{Subset: subset, Seen: take}, file: f.values, names: newNames(), report: &Report{}}
	var err error
	if f.config.Type == Regression {
		err = m.values(ctx, func(float64, float64) error { return nil })
	} else if err = m.openClasses(ctx); err == nil {
		err = f.values.rows(ctx, m.names, wanted{conf: true, ids: true}, func(r *row) error {
			if subset.keeps(r, f.config.Type) {
				m.seen(r)
			}
			return nil
		})
	}
	return f.config.fault(ctx, err)
}

func read(ctx context.Context, file *results, config Config, options Options) (_ *Report, err error) {
	m := &measurement{config: config, options: options, file: file, names: newNames(), tally: newTally(),
		report: &Report{Config: config, Subset: options.Subset != nil, Changed: -1}}
	if m.report.Custom, err = customMetrics(file.custom); err != nil {
		return nil, err
	}
	if options.Subset != nil {
		m.report.Custom = nil // they are those of the whole
	}
	if config.Type == Regression {
		return m.report, m.regression(ctx)
	}
	if err := m.openClasses(ctx); err != nil {
		return nil, err
	}
	if err := m.readMatches(ctx); err != nil {
		return nil, err
	}
	m.counts()
	switch {
	case config.Type == Detection:
		err = m.detection(ctx)
	case config.IsBinary():
		err = m.binary(ctx)
	case config.Type == Classification:
		m.classification()
	default:
		err = m.segmentation(ctx)
	}
	if err == nil {
		m.nameClasses()
	}
	return m.report, err
}

// openClasses reads the lists of classes, and what stands for no label.
func (m *measurement) openClasses(ctx context.Context) (err error) {
	if m.classes, err = m.file.list(ctx, m.names, "classes"); err != nil {
		return err
	}
	m.missing = null
	if m.file.missing != nil {
		m.report.Missing = *m.file.missing
		if m.missing, err = m.names.number([]byte(*m.file.missing)); err != nil {
			return err
		}
	}
	if m.config.IsBinary() && len(m.classes) != 2 {
		return damaged("a binary evaluation has two classes, not %d", len(m.classes))
	}
	for _, c := range m.classes {
		if m.config.IsBinary() || c != m.missing {
			m.labels = append(m.labels, c)
		}
	}
	m.place = make([]int, len(m.names.list))
	for i := range m.place {
		m.place[i] = -1
	}
	for i, c := range m.labels {
		m.place[c] = i
	}
	return nil
}

// placeOf is a label's place among the classes that count, or -1.
func (m *measurement) placeOf(label int32) int {
	if label < 0 || int(label) >= len(m.place) {
		return -1
	}
	return m.place[label]
}

// readMatches goes through the matches once.
func (m *measurement) readMatches(ctx context.Context) error {
	if m.config.Type == Segmentation && !m.file.has("ytrue", '[') {
		return m.cellsOfPixels(ctx) // files of old versions have the matrix only
	}
	m.openSweep(ctx)
	w := wanted{
		conf: m.config.Type != Segmentation, iou: m.config.Type == Detection, weight: true,
		ids: m.options.Subset != nil || m.options.Seen != nil || m.options.Crowds.Len() > 0,
	}
	return m.file.rows(ctx, m.names, w, func(r *row) error {
		if !m.options.Subset.keeps(r, m.config.Type) {
			return nil
		}
		if m.options.Seen != nil {
			m.seen(r)
		}
		if err := m.tally.add(r); err != nil {
			return err
		}
		if m.sweep != nil {
			return m.sweep.add(m, r)
		}
		return nil
	})
}

func (m *measurement) seen(r *row) {
	one := Match{Truth: m.labelOf(r.truth), Predicted: m.labelOf(r.pred), Confidence: r.conf, HasConfidence: r.hasConf}
	if r.hasTruth {
		one.TruthID = string(r.truthID[:])
		if s := m.options.Subset; s != nil && !s.Truth.Has(r.truthID) {
			one.Truth = elsewhere
		}
	}
	if r.hasPredID {
		one.PredictedID = string(r.predID[:])
	}
	m.options.Seen(&one)
}

// labelOf is a label, empty where there is none.
func (m *measurement) labelOf(label int32) string {
	if label < 0 || label == m.missing {
		return ""
	}
	return m.names.list[label]
}

// counts makes what all kinds but regressions have: classes, averages, the confusion matrix.
func (m *measurement) counts() {
	each := m.tally.classCounts(len(m.labels), m.placeOf)
	micro, macro, weighted := averages(each)
	r := m.report
	r.Micro, r.Macro, r.Weighted, r.Matches = &micro, &macro, &weighted, m.tally.rows
	r.MicroIsAccuracy = m.tally.rows > 0 && m.tally.count(func(p pair) bool { return m.placeOf(p.truth) < 0 || m.placeOf(p.pred) < 0 }) == 0
	for i, c := range each {
		one := c.average()
		class := Class{
			Name: m.names.list[m.labels[i]], Precision: one.Precision, Recall: one.Recall, F1: one.F1, Support: c.truth,
			TP: c.tp, FP: c.pred - c.tp, FN: c.truth - c.tp,
		}
		if m.config.Type == Detection || m.config.Type == Classification {
			class.Confidence = ref(m.tally.mean(m.labels[i], func(p predicted) float64 { return p.conf }))
		}
		if m.config.Type == Detection {
			class.IoU = ref(m.tally.mean(m.labels[i], func(p predicted) float64 { return p.iou }))
		}
		r.Classes = append(r.Classes, class)
	}
	order := slices.Clone(m.classes)
	if m.missing != null && !slices.Contains(order, m.missing) {
		order = append(order, m.missing)
	}
	r.Confusion = m.tally.confusion(order, m.names)
}

func ref(v float64) *float64 { return &v }

// metric adds a headline number.
func (r *Report) metric(name string, v float64) {
	if !math.IsNaN(v) && !math.IsInf(v, 0) {
		r.Metrics = append(r.Metrics, Metric{name, v})
	}
}

// rates adds the numbers of FiftyOne's metrics().
func (m *measurement) rates(a Average) {
	r := m.report
	r.metric(MetricPrecision, a.Precision)
	r.metric(MetricRecall, a.Recall)
	r.metric(MetricF1, a.F1)
	r.metric(MetricAccuracy, m.tally.accuracy(m.placeOf))
	r.metric(MetricSupport, float64(m.report.Micro.Support))
}

// averageConfidence is the panel's: the mean over the evaluation's classes of each one's mean.
func (m *measurement) averageConfidence() {
	if len(m.classes) == 0 || !m.file.has("confs", '[') {
		return
	}
	var each []float64
	for _, c := range m.classes {
		each = append(each, m.tally.mean(c, func(p predicted) float64 { return p.conf }))
	}
	sum := 0.0
	for _, v := range each {
		sum += v
	}
	m.report.metric(MetricAverageConfidence, sum/float64(len(each)))
}

func (m *measurement) classification() {
	m.rates(*m.report.Micro)
	correct := m.tally.count(func(p pair) bool { return p.truth == p.pred })
	m.report.metric(MetricCorrect, float64(correct))
	m.report.metric(MetricIncorrect, float64(m.tally.rows-correct))
	m.averageConfidence()
}

// nameClasses gives the classes the names that are to be shown.
func (m *measurement) nameClasses() {
	if m.options.ClassName == nil {
		return
	}
	for i := range m.report.Classes {
		m.report.Classes[i].Name = m.options.ClassName(m.report.Classes[i].Name)
	}
	m.report.Missing = m.options.ClassName(m.report.Missing)
	for i := range m.report.Confusion.Labels {
		m.report.Confusion.Labels[i] = m.options.ClassName(m.report.Confusion.Labels[i])
	}
}

// customMetrics reads what the file has of custom metrics.
func customMetrics(raw []byte) (out []CustomMetric, err error) {
	if len(raw) == 0 {
		return nil, nil
	}
	dec := json.NewDecoder(strings.NewReader(string(raw)))
	if _, err := dec.Token(); err != nil {
		return nil, damaged("its custom metrics cannot be read")
	}
	for dec.More() {
		uri, err := dec.Token()
		if err != nil {
			return nil, damaged("its custom metrics cannot be read")
		}
		var one struct {
			Key   any             `json:"key"`
			Label any             `json:"label"`
			Value json.RawMessage `json:"value"`
		}
		if err := dec.Decode(&one); err != nil {
			return nil, damaged("its custom metrics cannot be read")
		}
		c := CustomMetric{ValueJSON: string(one.Value)}
		c.URI, _ = uri.(string)
		c.Key, _ = one.Key.(string)
		c.Label, _ = one.Label.(string)
		if c.Key == "" {
			c.Key = c.URI
		}
		if c.Label == "" {
			c.Label = c.Key
		}
		var v float64
		if json.Unmarshal(one.Value, &v) == nil && string(one.Value) != "null" {
			c.Value = &v
		}
		out = append(out, c)
	}
	return out, nil
}
