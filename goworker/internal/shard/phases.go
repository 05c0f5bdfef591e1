package shard

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"slices"

	"golang.org/x/sync/errgroup"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/fault"
)

// uploadsAtOnce is how many of the shards that it has read a slot uploads at once: the requests of one wait for each other.
const uploadsAtOnce = 4

// shards does a phase of one shard, or of some at once, or the lead's step behind it where no shard is left.
func (s *slot) shards(
	ctx context.Context, j *job, p phase, do func(context.Context, *job, *task) error, then func(context.Context, *job, *lease) error,
) error {
	var t *task
	var left int
	var why *failure
	err := s.try(ctx, func(ctx context.Context) (err error) {
		if t, err = s.claim(ctx, j, p, false); t == nil && err == nil {
			left, why, err = s.store.undone(ctx, j.Plan.Token, p, s.Tries)
		}
		return err
	})
	switch {
	case err != nil:
		return err
	case t != nil && p == phaseUpload:
		return s.together(ctx, j, p, t, do)
	case t != nil:
		return s.one(ctx, j, t, do)
	case left == 0:
		return s.led(ctx, j, func(ctx context.Context, j *job, l *lease) error { return s.behind(ctx, j, l, p, then) })
	case why != nil:
		return s.fail(j, why)
	}
	return errWait
}

// behind does the lead's step behind a phase. The lead before may have opened shards again after this slot found none left, and then they are
// done first.
func (s *slot) behind(ctx context.Context, j *job, l *lease, p phase, then func(context.Context, *job, *lease) error) error {
	left := 0
	err := s.try(ctx, func(ctx context.Context) (err error) {
		if left, _, err = s.store.undone(ctx, j.Plan.Token, p, s.Tries); err == nil && left > 0 {
			err = s.store.giveUp(ctx, l, nil, false)
		}
		return err
	})
	if err != nil || left > 0 {
		return err
	}
	return then(ctx, j, l)
}

// claim gives a shard that nobody works on, this slot included.
func (s *slot) claim(ctx context.Context, j *job, p phase, own bool) (*task, error) {
	s.claiming.Lock()
	defer s.claiming.Unlock()
	t, err := s.store.claim(ctx, claim{plan: j.Plan.Token, phase: p, turn: j.turn(p), tries: s.Tries, own: own, holds: slices.Collect(maps.Keys(s.holds))})
	if t != nil {
		s.holds[t.shard.N] = true
	}
	return t, err
}

// one does a phase of a shard.
func (s *slot) one(ctx context.Context, j *job, t *task, do func(context.Context, *job, *task) error) error {
	defer func() {
		s.claiming.Lock()
		defer s.claiming.Unlock()
		delete(s.holds, t.shard.N)
	}()
	err := s.under(ctx, t.lease, func(ctx context.Context) error { return do(ctx, j, t) })
	if err == nil || errors.Is(err, ErrLost) {
		return err
	}
	return s.shardFailed(ctx, j, t.lease, err)
}

// together does a phase of a shard, and of more that this slot has read, some at once. Of those that it has to read again it does one at a
// time, so that the others are left to other slots.
func (s *slot) together(ctx context.Context, j *job, p phase, first *task, do func(context.Context, *job, *task) error) error {
	g, ctx := errgroup.WithContext(ctx)
	for i := range uploadsAtOnce {
		g.Go(func() (err error) {
			t := first
			if i > 0 {
				t = nil
			}
			for {
				if t == nil {
					err = s.try(ctx, func(ctx context.Context) (err error) {
						t, err = s.claim(ctx, j, p, true)
						return err
					})
				}
				if t == nil || err != nil {
					return err
				}
				if err := s.one(ctx, j, t, do); err != nil && !errors.Is(err, ErrLost) {
					return err
				}
				t = nil
			}
		})
	}
	return g.Wait()
}

// shardFailed judges the error of a shard's phase.
func (s *slot) shardFailed(ctx context.Context, j *job, l *lease, err error) error {
	store, cancel := context.WithTimeout(context.WithoutCancel(ctx), signOffTime)
	defer cancel()
	if ctx.Err() != nil {
		_ = s.store.giveUp(store, l, nil, false)
		return context.Cause(ctx)
	}
	slog.Warn("a shard failed", "shard", l.n, "phase", string(l.phase), "reason", err)
	switch {
	case KindOf(err) == KindLeave:
		_ = s.store.giveUp(store, l, failureOf(err), false)
		return err
	case isFinal(err):
		return s.fail(j, failureOf(err))
	}
	return s.try(ctx, func(ctx context.Context) error { return ignoreLost(s.store.giveUp(ctx, l, failureOf(err), true)) })
}

// isFinal reports whether no other try can mend an error: rows or files have changed.
func isFinal(err error) bool {
	code := fault.Code(err)
	return code == fault.ViewChanged || code == fault.FileChanged
}
