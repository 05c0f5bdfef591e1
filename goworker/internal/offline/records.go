package offline

import (
	"encoding/json"
	"io"
	"maps"
	"slices"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/artifact"
)

// The fields of W&B's messages that are written here (wandb 0.31: proto/wandb_internal.proto). All of them are as old
// as wandb 0.13, but for an artifact's tags (0.18), which older ones pass over.
const (
	recordNum      = 1
	recordHistory  = 2
	recordSummary  = 3
	recordFiles    = 6
	recordArtifact = 8
	recordRun      = 17
	recordExit     = 18
	recordHeader   = 21
)

// producer and minConsumer are what the header says: in whose form the log is, and who can read it.
const (
	producer    = "0.31.0"
	minConsumer = "0.70.0"
)

// message builds a protobuf message.
type message struct{ bytes []byte }

func (m *message) text(field protowire.Number, s string) {
	if s != "" {
		m.bytes = protowire.AppendString(protowire.AppendTag(m.bytes, field, protowire.BytesType), s)
	}
}

func (m *message) number(field protowire.Number, n int64) {
	if n != 0 {
		m.bytes = protowire.AppendVarint(protowire.AppendTag(m.bytes, field, protowire.VarintType), uint64(n)) //nolint:gosec // as protobuf has it
	}
}

// sub adds a message, also an empty one.
func (m *message) sub(field protowire.Number, fill func(*message)) {
	var inner message
	fill(&inner)
	m.bytes = protowire.AppendBytes(protowire.AppendTag(m.bytes, field, protowire.BytesType), inner.bytes)
}

// logWriter writes the records of a run.
type logWriter struct {
	log  *recordLog
	next int64
}

func newLogWriter(out io.Writer) *logWriter { return &logWriter{log: newRecordLog(out)} }

// add writes a record. The first error is that of log.err.
func (w *logWriter) add(field protowire.Number, fill func(*message)) {
	w.next++
	var m message
	m.number(recordNum, w.next)
	m.sub(field, fill)
	w.log.begin(len(m.bytes))
	_, _ = w.log.Write(m.bytes) // the error stays in log.err
}

func (w *logWriter) header() {
	w.add(recordHeader, func(m *message) {
		m.sub(1, func(v *message) { v.text(1, producer); v.text(2, minConsumer) })
	})
}

func (w *logWriter) run(r Run) {
	w.add(recordRun, func(m *message) {
		m.text(1, r.ID)
		m.text(2, r.Entity)
		m.text(3, r.Project)
		m.sub(4, func(c *message) {
			for _, key := range slices.Sorted(maps.Keys(r.Config)) {
				c.sub(1, func(item *message) { item.text(1, key); item.text(16, string(r.Config[key])) })
			}
			for _, one := range r.Charts {
				c.sub(1, func(item *message) {
					for _, key := range []string{"_wandb", "visualize", one.Key} {
						item.text(2, key)
					}
					item.text(16, panelJSON(one))
				})
			}
		})
		m.text(6, r.Group)
		m.text(7, r.JobType)
		m.text(8, r.DisplayName)
		m.text(9, r.Notes)
		for _, tag := range r.Tags {
			m.text(10, tag)
		}
		m.text(13, r.Host)
		m.sub(17, func(t *message) { t.number(1, r.Started.Unix()); t.number(2, int64(r.Started.Nanosecond())) })
	})
}

// artifact writes the artifact, whose files are in the directory base. What it says of very many files is never in
// memory at once.
func (w *logWriter) artifact(spec Spec, files *artifact.Files, base string) {
	var head, end, policy message
	a := spec.Artifact
	head.text(1, spec.Run.ID)
	head.text(2, spec.Run.Project)
	head.text(3, spec.Run.Entity)
	head.text(4, a.Type)
	head.text(5, a.Name)
	head.text(6, a.Digest)
	head.text(7, a.Description)
	head.text(8, string(a.Metadata))
	for _, alias := range a.Aliases {
		head.text(11, alias)
	}
	end.number(14, 1) // complete
	end.text(15, a.ClientID)
	end.text(16, a.SequenceClientID)
	for _, tag := range a.Tags {
		end.text(19, tag)
	}
	policy.number(1, 1)
	policy.text(2, "wandb-storage-policy-v1")
	policy.sub(3, func(m *message) { m.text(1, "storageLayout"); m.text(2, `"V2"`) })

	manifest := len(policy.bytes)
	for i := range files.Len() {
		manifest += len(entryField(files.At(i), base))
	}
	head.bytes = protowire.AppendTag(head.bytes, 12, protowire.BytesType)
	head.bytes = protowire.AppendVarint(head.bytes, uint64(manifest)) //nolint:gosec // not negative

	w.next++
	var record message
	record.number(recordNum, w.next)
	record.bytes = protowire.AppendTag(record.bytes, recordArtifact, protowire.BytesType)
	record.bytes = protowire.AppendVarint(record.bytes, uint64(len(head.bytes)+manifest+len(end.bytes))) //nolint:gosec // not negative
	w.log.begin(len(record.bytes) + len(head.bytes) + manifest + len(end.bytes))
	for _, part := range [][]byte{record.bytes, head.bytes, policy.bytes} {
		_, _ = w.log.Write(part)
	}
	for i := range files.Len() {
		_, _ = w.log.Write(entryField(files.At(i), base))
	}
	_, _ = w.log.Write(end.bytes)
}

// entryField is an entry as a field of the manifest.
func entryField(e artifact.Entry, base string) []byte {
	var m message
	m.sub(4, func(m *message) {
		m.text(1, e.Path)
		m.text(2, e.Digest)
		m.text(3, e.Ref)
		m.number(4, e.Size)
		if e.Ref == "" {
			m.text(6, base+"/"+storedPath(e.Digest))
		}
	})
	return m.bytes
}

// values shows a table, charts and numbers in the run's workspace: in its history's first step, and in its summary.
func (w *logWriter) values(run Run, t *Table) {
	var items [][2]string
	var copies []string
	if t != nil {
		items = append(items, [2]string{t.Key, string(t.Value)})
		if t.Copy != "" {
			copies = append(copies, t.Copy)
		}
	}
	for _, c := range run.Charts {
		items = append(items, [2]string{c.TableKey(), string(c.Value)})
		copies = append(copies, c.Copy)
	}
	if len(copies) > 0 {
		w.add(recordFiles, func(m *message) {
			for _, path := range copies {
				m.sub(1, func(f *message) { f.text(1, path) })
			}
		})
	}
	for _, key := range slices.Sorted(maps.Keys(run.Numbers)) {
		items = append(items, [2]string{key, jsonNumber(run.Numbers[key])})
	}
	if len(items) == 0 {
		return
	}
	step := [][2]string{{"_step", "0"}, {"_runtime", "0"}, {"_timestamp", jsonNumber(float64(run.Started.UnixMilli()) / 1000)}}
	w.add(recordHistory, func(m *message) {
		for _, item := range append(items, step...) {
			m.sub(1, func(i *message) { i.text(1, item[0]); i.text(16, item[1]) })
		}
		m.sub(2, func(*message) {}) // step 0
	})
	w.add(recordSummary, func(m *message) {
		for _, item := range items {
			m.sub(1, func(i *message) { i.text(1, item[0]); i.text(16, item[1]) })
		}
	})
}

// panelJSON is what the run's config has of a chart.
func panelJSON(c Chart) string {
	raw, _ := json.Marshal(c.Panel()) // texts only: it cannot fail
	return string(raw)
}

// jsonNumber is a number as JSON, which has none that are not finite.
func jsonNumber(n float64) string {
	raw, err := json.Marshal(n)
	if err != nil {
		return "null"
	}
	return string(raw)
}

func (w *logWriter) exit() { w.add(recordExit, func(*message) {}) }
