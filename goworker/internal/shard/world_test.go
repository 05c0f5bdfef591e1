package shard

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"flag"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/fault"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/mongotest"
)

var server *mongotest.Server

func TestMain(m *testing.M) {
	flag.Parse()
	_ = flag.Set("test.parallel", "16") // these tests wait for leases to end, most of their time
	mongotest.Main(m, &server)
}

// world is what the slots of a test have in common: rows that may change, and a server with artifacts, which counts what it is asked for.
type world struct {
	mu        sync.Mutex
	ids       []bson.ObjectID
	mode      Mode
	noPieces  bool
	version   int // of the rows' content
	artifacts map[string]*made
	base      string // the newest artifact, on which another must be based
	commits   int
	calls     map[string]int // of Work's methods
	abandoned int
	// before is asked at the beginning of each method, for errors.
	before func(method string, n int) error
}

type made struct {
	base      string
	files     map[string]bool
	want      int
	committed bool
}

func newWorld(rows int) *world {
	w := &world{mode: Local, artifacts: map[string]*made{}, calls: map[string]int{}}
	for range rows {
		w.ids = append(w.ids, bson.NewObjectID())
	}
	return w
}

func (w *world) called(method string, n int) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.calls[method]++
	if n >= 0 {
		w.calls[fmt.Sprintf("%s %d", method, n)]++
	}
	if w.before != nil {
		return w.before(method, n)
	}
	return nil
}

// fakeWork is one slot's work on the world. Its spool is lost with it.
type fakeWork struct {
	*world
	spool map[int]bool
}

func (w *world) slot() *fakeWork { return &fakeWork{world: w, spool: map[int]bool{}} }

func (w *fakeWork) Plan(ctx context.Context, ids IDs) (Plan, error) {
	if err := w.called("plan", -1); err != nil {
		return Plan{}, err
	}
	if w.mode == Alone {
		return Plan{Mode: Alone, Rows: int64(len(w.ids)), State: []byte("plan")}, nil
	}
	for _, id := range w.ids {
		if err := ids.Add(ctx, id); err != nil {
			return Plan{}, err
		}
	}
	return Plan{Mode: w.mode, State: []byte("plan")}, nil
}

// idsOf are the ids of a shard, and its checksum.
func (w *fakeWork) idsOf(ctx context.Context, s Shard) (ids []bson.ObjectID, sum []byte, err error) {
	if s.IDs != nil {
		if ids, err = s.IDs(ctx); err != nil {
			return nil, nil, err
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	h := sha256.New()
	fmt.Fprint(h, w.version, s.First, s.Rows)
	for _, id := range ids {
		h.Write(id[:])
	}
	return ids, h.Sum(nil), nil
}

func (w *fakeWork) Read(ctx context.Context, plan Plan, s Shard, pieces Pieces) (ReadOut, error) {
	if err := w.called("read", s.N); err != nil {
		return ReadOut{}, err
	}
	if string(plan.State) != "plan" {
		return ReadOut{}, fault.New(fault.FiftyOne, fault.ViewChanged, "not the plan")
	}
	ids, sum, err := w.idsOf(ctx, s)
	if err != nil {
		return ReadOut{}, err
	}
	for i, id := range ids {
		if w.noPieces {
			break
		}
		if err := pieces.Put(ctx, "ids", id[:]); err != nil {
			return ReadOut{}, err
		}
		if i%2 == 0 {
			if err := pieces.Put(ctx, "even", id[:1]); err != nil {
				return ReadOut{}, err
			}
		}
	}
	w.spool[s.N] = true
	return ReadOut{Rows: s.Rows, Sum: sum, State: fmt.Append(nil, s.N)}, ctx.Err()
}

func (w *fakeWork) digest(ctx context.Context, reads Reads) (string, error) {
	h := sha256.New()
	var all []bson.ObjectID
	for n := range reads.Len() {
		out, err := reads.Read(ctx, n)
		if err != nil {
			return "", err
		}
		if string(out.State) != fmt.Sprint(n) {
			return "", fmt.Errorf("shard %d has the state %q", n, out.State)
		}
		h.Write(out.Sum)
		if err := reads.Pieces(ctx, n, "ids", func(p []byte) error {
			all = append(all, bson.ObjectID(p))
			return nil
		}); err != nil {
			return "", err
		}
	}
	if w.mode != Alone && !w.noPieces && !slices.Equal(all, w.ids) {
		return "", fmt.Errorf("%d ids of %d, or in another order", len(all), len(w.ids))
	}
	return fmt.Sprintf("%x", h.Sum(nil)[:4]), nil
}

func (w *fakeWork) Announce(ctx context.Context, _ Plan, reads Reads, attempt int) (Announced, error) {
	if err := w.called("announce", -1); err != nil {
		return Announced{}, err
	}
	digest, err := w.digest(ctx, reads)
	if err != nil {
		return Announced{}, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	name := fmt.Sprintf("%s/%d", digest, attempt)
	for known, a := range w.artifacts {
		if strings.HasPrefix(known, digest+"/") && a.committed {
			return Announced{Unchanged: true, Outcome: Outcome{State: []byte(digest)}}, nil
		}
	}
	if w.artifacts[name] == nil {
		w.artifacts[name] = &made{base: w.base, files: map[string]bool{}, want: reads.Len()}
	}
	return Announced{State: []byte(name)}, ctx.Err()
}

func (w *fakeWork) Upload(ctx context.Context, _ Plan, a Announced, s Shard, read ReadOut) (UpOut, error) {
	if err := w.called("upload", s.N); err != nil {
		return UpOut{}, err
	}
	if !w.spool[s.N] {
		switch _, sum, err := w.idsOf(ctx, s); {
		case err != nil:
			return UpOut{}, err
		case !bytes.Equal(sum, read.Sum):
			return UpOut{}, fault.New(fault.FiftyOne, fault.ViewChanged, "The rows have changed.")
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	art := w.artifacts[string(a.State)]
	if art == nil || art.committed {
		return UpOut{}, errors.New("409: COMMITTED, not PENDING")
	}
	art.files[fmt.Sprint(s.N)] = true
	return UpOut{Files: 1, Bytes: s.Rows, State: read.State}, ctx.Err()
}

func (w *fakeWork) Commit(ctx context.Context, _ Plan, a Announced, ups Ups, sure func(context.Context) error) (Outcome, error) {
	if err := w.called("commit", -1); err != nil {
		return Outcome{}, err
	}
	digest, _, _ := strings.Cut(string(a.State), "/")
	w.mu.Lock()
	committed := w.artifacts[string(a.State)].committed
	w.mu.Unlock()
	if committed {
		return Outcome{State: []byte(digest)}, nil
	}
	for n := range ups.Len() {
		up, err := ups.Up(ctx, n)
		if err != nil {
			return Outcome{}, err
		}
		if string(up.State) != fmt.Sprint(n) || up.Files != 1 {
			return Outcome{}, fmt.Errorf("shard %d has the upload %v", n, up)
		}
	}
	if err := sure(ctx); err != nil {
		return Outcome{}, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	art := w.artifacts[string(a.State)]
	switch {
	case art.committed:
	case art.base != w.base:
		return Outcome{}, Rebase(errors.New("409: rebase required"))
	case len(art.files) != art.want:
		return Outcome{}, fmt.Errorf("400: %d files of %d", len(art.files), art.want)
	default:
		art.committed, w.base = true, string(a.State)
		w.commits++
	}
	return Outcome{State: []byte(digest)}, nil
}

func (w *fakeWork) Finish(_ context.Context, _ Plan, o Outcome) (Outcome, error) {
	if err := w.called("finish", -1); err != nil {
		return Outcome{}, err
	}
	return Outcome{State: append(o.State, " finished"...)}, nil
}

func (w *fakeWork) Abandon(context.Context, Plan) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.abandoned++
}

// mortal is the store of a slot that can die: then nothing that it asks arrives. While it is stopped, nothing that it does goes on.
type mortal struct {
	*Mongo
	dead, stopped atomic.Bool
}

var errDead = errors.New("this process is dead or stopped")

func (m *mortal) signOn(ctx context.Context) error {
	if m.dead.Load() {
		return errDead
	}
	return m.Mongo.signOn(ctx)
}

func (m *mortal) keep(ctx context.Context, l *lease) error {
	if m.dead.Load() {
		return errDead
	}
	return m.Mongo.keep(ctx, l)
}

// goOn waits while the slot is stopped.
func (m *mortal) goOn() error {
	for m.stopped.Load() {
		time.Sleep(time.Millisecond)
	}
	if m.dead.Load() {
		return errDead
	}
	return nil
}

func (m *mortal) claim(ctx context.Context, c claim) (*task, error) {
	if err := m.goOn(); err != nil {
		return nil, err
	}
	return m.Mongo.claim(ctx, c)
}

func (m *mortal) done(ctx context.Context, l *lease, out any) error {
	if err := m.goOn(); err != nil {
		return err
	}
	return m.Mongo.done(ctx, l, out)
}

func (m *mortal) giveUp(ctx context.Context, l *lease, why *failure, counted bool) error {
	if err := m.goOn(); err != nil {
		return err
	}
	return m.Mongo.giveUp(ctx, l, why, counted)
}

func (m *mortal) job(ctx context.Context) (*job, error) {
	if m.dead.Load() {
		return nil, errDead
	}
	return m.Mongo.job(ctx)
}

func (m *mortal) signOff(ctx context.Context, note string) error {
	if m.dead.Load() {
		return errDead
	}
	return m.Mongo.signOff(ctx, note)
}

// aJob is the document of a job. All jobs of the tests' server are in one database, whose indexes are made once.
type aJob struct {
	*mongo.Database
	id string
}

func newJob(t testing.TB) *aJob { return newJobAt(t, server, "shards") }

func newJobAt(t testing.TB, at *mongotest.Server, database string) *aJob {
	client, err := mongo.Connect(options.Client().SetServerSelectionTimeout(5 * time.Second).ApplyURI(at.URI.Reveal()))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, client.Disconnect(context.WithoutCancel(t.Context()))) })
	j := &aJob{client.Database(database), bson.NewObjectID().Hex()}
	_, err = j.Collection(jobsCollection).InsertOne(t.Context(), bson.M{"_id": j.id, "state": Planning, "size": 0, "request": []byte("request")})
	require.NoError(t, err)
	return j
}

func (j *aJob) store() *Mongo { return NewMongo(j.Database, j.id) }

func (j *aJob) now(t *testing.T) *job {
	got, err := j.store().job(t.Context())
	require.NoError(t, err)
	return got
}

func (j *aJob) cancel(t *testing.T) {
	_, err := j.Collection(jobsCollection).UpdateByID(t.Context(), j.id, bson.M{"$set": bson.M{"cancel": true}})
	require.NoError(t, err)
}

// quick are options for tests: leases that end soon, and shards of a few rows.
func quick(slot int) Options {
	return Options{Slot: slot, Size: 3, Lease: 3 * time.Second, Poll: 50 * time.Millisecond, Away: 30 * time.Second}
}

// ended is what one slot's Run has returned.
type ended struct {
	slot    int
	outcome Outcome
	err     error
}

// start runs slots, each on a store of its own, and gives their ends. A slot whose point function calls die ends there without a trace.
func start(t *testing.T, j *aJob, w *world, slots int, with func(slot int, o *Options, s *mortal)) <-chan ended {
	out := make(chan ended, slots)
	var running sync.WaitGroup
	for i := range slots {
		o, store := quick(i), &mortal{Mongo: j.store()}
		if with != nil {
			with(i, &o, store)
		}
		running.Go(func() {
			e := ended{slot: i, err: errDead}
			defer func() { out <- e }()
			e.outcome, e.err = Run(t.Context(), store, w.slot(), o)
		})
	}
	t.Cleanup(running.Wait)
	return out
}

// all waits for the slots' ends.
func all(t *testing.T, ends <-chan ended, slots int) []ended {
	var list []ended
	for range slots {
		select {
		case e := <-ends:
			list = append(list, e)
		case <-time.After(5 * time.Minute):
			t.Fatal("the slots do not end")
		}
	}
	return list
}
