package shard

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/fault"
)

func (s *slot) point(format string, args ...any) {
	if s.Point != nil {
		s.Point(fmt.Sprintf(format, args...))
	}
}

// advance ends the lead by taking the job on.
func (s *slot) advance(ctx context.Context, l *lease, to State, c change) error {
	s.beat.quiet(l)
	return s.try(ctx, func(ctx context.Context) error { return s.store.advance(ctx, l, to, c) })
}

// doPlan lists the rows and cuts them into shards.
func (s *slot) doPlan(ctx context.Context, j *job, l *lease) error {
	token := fmt.Sprintf("%d-%s", l.token, l.by)
	ids := &idWriter{store: s.store, plan: token}
	plan, err := s.work.Plan(ctx, ids)
	if err != nil {
		return err
	}
	if err := ids.flush(ctx); err != nil {
		return err
	}
	s.point("plan:ids")
	size := s.Size
	if j.Size > 0 {
		size = j.Size
	}
	if plan.Mode == Alone {
		size = max(plan.Rows, 1)
	} else {
		plan.Rows = ids.Len()
	}
	plan.Shards = int((plan.Rows + size - 1) / size)
	shards := make([]Shard, plan.Shards)
	for i := range shards {
		first := int64(i) * size
		shards[i] = Shard{N: i, First: first, Rows: min(size, plan.Rows-first)}
	}
	if len(shards) == 0 {
		return fault.New(fault.Settings, fault.EmptyView, "The view has no samples, so there is nothing to log: choose another view.")
	}
	if err := s.store.addShards(ctx, token, shards); err != nil {
		return err
	}
	s.point("plan:shards")
	return s.advance(ctx, l, Reading, change{
		"plan": planDoc{Token: token, Mode: plan.Mode, Rows: plan.Rows, Shards: plan.Shards}, "plan_state": plan.State,
		"machine": s.Machine, "size": size, "attempt": 0})
}

// planOf is the plan of a job.
func (s *slot) planOf(ctx context.Context, j *job) (Plan, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	key := fmt.Sprintf("%s/%d", j.Plan.Token, j.Rereads)
	if j.Plan.Token == "" || s.planKey == key {
		return s.plan, nil
	}
	st, err := s.store.states(ctx)
	if err != nil {
		return Plan{}, err
	}
	s.plan = Plan{Mode: j.Plan.Mode, Rows: j.Plan.Rows, Shards: j.Plan.Shards, State: st.Plan}
	s.planKey = key
	return s.plan, nil
}

// announcedOf is what was announced, of the job's newest attempt.
func (s *slot) announcedOf(ctx context.Context, j *job) (Announced, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.attempt == j.Attempt+1 {
		return s.announced, nil
	}
	st, err := s.store.states(ctx)
	if err != nil {
		return Announced{}, err
	}
	s.announced, s.attempt = Announced{State: st.Announced}, j.Attempt+1
	return s.announced, nil
}

// shardOf is the shard of a task, and the plan.
func (s *slot) shardOf(ctx context.Context, j *job, t *task) (Plan, Shard, error) {
	plan, err := s.planOf(ctx, j)
	one := t.shard
	if plan.Mode != Alone {
		one.IDs = func(ctx context.Context) ([]bson.ObjectID, error) { return load(ctx, s.store, j.Plan.Token, t.shard) }
	}
	return plan, one, err
}

func (s *slot) doRead(ctx context.Context, j *job, t *task) error {
	plan, one, err := s.shardOf(ctx, j, t)
	if err != nil {
		return err
	}
	s.point("read:%d:begin", one.N)
	out, err := s.work.Read(ctx, plan, one, &pieceWriter{s.store, pieceName(t.lease), map[string]int{}})
	if err != nil {
		return err
	}
	s.point("read:%d:before_store", one.N)
	s.beat.quiet(t.lease)
	if err := s.try(ctx, func(ctx context.Context) error { return s.store.done(ctx, t.lease, out) }); err != nil {
		return err
	}
	s.point("read:%d:after", one.N)
	return nil
}

func (s *slot) doAnnounce(ctx context.Context, j *job, l *lease) error {
	plan, err := s.planOf(ctx, j)
	if err != nil {
		return err
	}
	s.point("announce:begin")
	a, err := s.work.Announce(ctx, plan, &results{store: s.store, plan: j.Plan, pieces: map[int]string{}}, j.Attempt)
	var reread *RereadError
	if errors.As(err, &reread) && j.Rereads < mostRereads {
		return s.reread(ctx, j, l, reread)
	}
	if err != nil {
		return err
	}
	s.point("announce:before_store")
	c, to := change{"announced_state": a.State}, Uploading
	if a.Unchanged {
		c["unchanged"], c["outcome"], to = true, a.Outcome.State, Committed
	}
	return s.advance(ctx, l, to, c)
}

// reread opens shards for another reading. The lead is kept until they are open: so nobody announces between.
func (s *slot) reread(ctx context.Context, j *job, l *lease, r *RereadError) error {
	rereads := j.Rereads + 1
	err := s.try(ctx, func(ctx context.Context) error {
		return s.store.amend(ctx, l, change{"plan_state": r.State, "rereads": rereads})
	})
	if err != nil {
		return err
	}
	s.point("reread:amended")
	return s.try(ctx, func(ctx context.Context) error {
		if err := s.store.reopen(ctx, j.Plan.Token, phaseRead, r.Shards, rereads); err != nil {
			return err
		}
		return s.store.giveUp(ctx, l, nil, false)
	})
}

func (s *slot) doUpload(ctx context.Context, j *job, t *task) error {
	plan, one, err := s.shardOf(ctx, j, t)
	if err != nil {
		return err
	}
	announced, err := s.announcedOf(ctx, j)
	if err != nil {
		return err
	}
	s.point("upload:%d:begin", one.N)
	out, err := s.work.Upload(ctx, plan, announced, one, t.read)
	if err != nil {
		return err
	}
	s.point("upload:%d:before_store", one.N)
	s.beat.quiet(t.lease)
	if err := s.try(ctx, func(ctx context.Context) error { return s.store.done(ctx, t.lease, out) }); err != nil {
		return err
	}
	s.point("upload:%d:after", one.N)
	return nil
}

func (s *slot) doCommit(ctx context.Context, j *job, l *lease) error {
	plan, err := s.planOf(ctx, j)
	if err != nil {
		return err
	}
	announced, err := s.announcedOf(ctx, j)
	if err != nil {
		return err
	}
	s.point("commit:begin")
	out, err := s.work.Commit(ctx, plan, announced, &results{store: s.store, plan: j.Plan, pieces: map[int]string{}}, func(ctx context.Context) error { return s.sure(ctx, l) })
	if err != nil {
		return err
	}
	s.point("commit:committed")
	return s.advance(ctx, l, Committed, change{"outcome": out.State})
}

// sure is the last look before what cannot be taken back.
func (s *slot) sure(ctx context.Context, l *lease) error {
	s.point("commit:sure")
	return s.try(ctx, func(ctx context.Context) error { return s.store.sure(ctx, l) })
}

// doFinish does what is left when the job is committed, and drops what only the work needed.
func (s *slot) doFinish(ctx context.Context, j *job, l *lease) error {
	plan, err := s.planOf(ctx, j)
	if err != nil {
		return err
	}
	st, err := s.store.states(ctx)
	if err != nil {
		return err
	}
	s.point("finish:begin")
	out, err := s.work.Finish(ctx, plan, Outcome{State: st.Outcome})
	if err != nil {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		slog.Warn("the job is committed, and what is left to do failed", "reason", err)
		out = Outcome{State: st.Outcome}
	}
	if err := s.try(ctx, func(ctx context.Context) error { return s.store.dropBulk(ctx) }); err != nil {
		return err
	}
	return s.advance(ctx, l, Done, change{"outcome": out.State})
}
