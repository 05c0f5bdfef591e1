package shard

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
)

// Memory is the store of a job that one slot does: nothing of it outlives the process, and nobody else takes a lease.
type Memory struct {
	mu     sync.Mutex
	me     sign
	doc    bson.M
	tasks  []memoryShard
	pieces map[string][][]byte
	tokens int64
}

type memoryShard struct {
	shard    Shard
	read, up phaseDoc
	out      result
}

// NewMemory is the store of a new job.
func NewMemory() *Memory {
	return &Memory{doc: bson.M{"state": Planning}, pieces: map[string][][]byte{}}
}

func (m *Memory) locked() func() {
	m.mu.Lock()
	return m.mu.Unlock
}

func (m *Memory) open(_ context.Context, me sign, _ time.Duration) error {
	m.me = me
	return nil
}

// decode reads the job as MongoDB would give it.
func (m *Memory) decode(into any) error {
	defer m.locked()()
	raw, err := bson.Marshal(m.doc)
	if err != nil {
		return err
	}
	return bson.Unmarshal(raw, into)
}

func (m *Memory) job(context.Context) (*job, error) {
	out := &job{}
	return out, m.decode(out)
}

func (m *Memory) states(context.Context) (states, error) {
	var out states
	return out, m.decode(&out)
}

func (m *Memory) signOn(context.Context) error             { return nil }
func (m *Memory) signOff(context.Context, string) error    { return nil }
func (m *Memory) living(context.Context) ([]string, error) { return []string{m.me.ID}, nil }

func (m *Memory) newLease(p phase, n int) *lease {
	m.tokens++
	return &lease{phase: p, n: n, by: m.me.ID, token: m.tokens}
}

func (m *Memory) lead(_ context.Context, state State) (*lease, error) {
	defer m.locked()()
	if m.doc["state"] != state {
		return nil, nil
	}
	l := m.newLease(phaseLead, 0)
	l.state = state
	return l, nil
}

// at is the phase of a shard.
func (s *memoryShard) at(p phase) *phaseDoc {
	if p == phaseRead {
		return &s.read
	}
	return &s.up
}

func (m *Memory) claim(_ context.Context, c claim) (*task, error) {
	defer m.locked()()
	p := c.phase
	for i := range m.tasks {
		s := &m.tasks[i]
		if at := s.at(p); at.State == shardOpen && at.Tries < c.tries {
			l := m.newLease(p, s.shard.N)
			*at = phaseDoc{State: shardHeld, By: l.by, Token: l.token, Tries: at.Tries + 1, Error: at.Error}
			return &task{lease: l, shard: s.shard, read: s.out.Read}, nil
		}
	}
	return nil, nil
}

func (m *Memory) keep(context.Context, *lease) error { return nil }
func (m *Memory) sure(context.Context, *lease) error { return nil }

func (m *Memory) done(_ context.Context, l *lease, out any) error {
	defer m.locked()()
	s := &m.tasks[l.n]
	switch o := out.(type) {
	case ReadOut:
		s.out.Read, s.out.pieces = o, pieceName(l)
	case UpOut:
		s.out.Up = o
	}
	s.at(l.phase).State, s.at(l.phase).Error = shardDone, nil
	return nil
}

func (m *Memory) giveUp(_ context.Context, l *lease, why *failure, counted bool) error {
	defer m.locked()()
	if l.phase == phaseLead {
		return nil
	}
	at := m.tasks[l.n].at(l.phase)
	at.State, at.Error = shardOpen, why
	if !counted {
		at.Tries--
	}
	return nil
}

func (m *Memory) advance(_ context.Context, l *lease, to State, c change) error {
	defer m.locked()()
	if m.doc["state"] != l.state {
		return ErrLost
	}
	maps.Copy(m.doc, c)
	m.doc["state"] = to
	return nil
}

func (m *Memory) end(_ context.Context, to State, why *failure) (bool, error) {
	defer m.locked()()
	switch m.doc["state"] {
	case Planning, Reading, Uploading:
		m.doc["state"], m.doc["error"] = to, why
		return true, nil
	}
	return false, nil
}

func (m *Memory) addShards(_ context.Context, _ string, shards []Shard) error {
	defer m.locked()()
	m.tasks = make([]memoryShard, len(shards))
	for i, s := range shards {
		m.tasks[i] = memoryShard{shard: s, read: phaseDoc{State: shardOpen}, up: phaseDoc{State: shardOpen}}
	}
	return nil
}

func (m *Memory) undone(_ context.Context, _ string, p phase, tries int) (left int, why *failure, err error) {
	defer m.locked()()
	for i := range m.tasks {
		at := m.tasks[i].at(p)
		if at.State == shardDone {
			continue
		}
		left++
		if at.State == shardOpen && at.Tries >= tries && why == nil {
			why = at.Error
		}
	}
	return left, why, nil
}

func (m *Memory) reopen(_ context.Context, _ string, p phase, shards []int, _ int) error {
	defer m.locked()()
	for i := range m.tasks {
		if shards == nil || slices.Contains(shards, i) {
			*m.tasks[i].at(p) = phaseDoc{State: shardOpen}
		}
	}
	return nil
}

func (m *Memory) amend(_ context.Context, _ *lease, c change) error {
	defer m.locked()()
	maps.Copy(m.doc, c)
	return nil
}

func (m *Memory) counts(context.Context, string) (Counts, error) {
	defer m.locked()()
	c := Counts{Slots: 1, Shards: len(m.tasks)}
	for _, s := range m.tasks {
		c.Rows += s.shard.Rows
		if s.read.State == shardDone {
			c.Read++
			c.RowsRead += s.shard.Rows
		}
		if s.up.State == shardDone {
			c.Uploaded++
			c.Files += s.out.Up.Files
			c.FileBytes += s.out.Up.Bytes
		}
	}
	return c, nil
}

func (m *Memory) result(_ context.Context, _ string, n int) (*result, error) {
	defer m.locked()()
	out := m.tasks[n].out
	return &out, nil
}

func (m *Memory) putBulk(_ context.Context, name string, part int, data []byte) error {
	defer m.locked()()
	m.pieces[name] = append(m.pieces[name][:part], append([]byte(nil), data...))
	return nil
}

func (m *Memory) bulk(_ context.Context, name string, from, to int, fn func(data []byte) error) error {
	defer m.locked()()
	list := m.pieces[name]
	for _, data := range list[min(from, len(list)):min(to, len(list))] {
		if err := fn(data); err != nil {
			return err
		}
	}
	return nil
}

func (m *Memory) dropBulk(context.Context) error {
	defer m.locked()()
	clear(m.pieces)
	return nil
}
