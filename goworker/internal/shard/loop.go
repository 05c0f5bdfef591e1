package shard

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"go.mongodb.org/mongo-driver/v2/mongo"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/fault"
)

// The defaults of Options.
const (
	defaultSize  = 20_000
	defaultLease = time.Minute
	defaultPoll  = time.Second
	defaultAway  = 10 * time.Minute
	defaultTries = 4
)

// firstPause is the first of the pauses in which a slot waits for others: they grow with the time that it has waited, up to Options.Poll.
const firstPause = 25 * time.Millisecond

// lookPause is how often a slot that waits looks at the job's state, which takes one small query: who waits long is still there at once when
// the job goes on.
const lookPause = 150 * time.Millisecond

// mostAttempts is how often a job makes its artifact, where others commit to it at the same time.
const mostAttempts = 5

// mostRereads is how often Announce may have shards read again.
const mostRereads = 3

// abandonTime is how long Work.Abandon may take. signOffTime is that for what a slot does at its end.
const (
	abandonTime = 10 * time.Second
	signOffTime = 5 * time.Second
)

// Run works on a job until it is over, and returns what it has come to, whoever did it.
//
// Errors: ErrCancelled; the job's fault, where it failed; the fault with which this slot left (then the job goes on
// with the others); the context's. Where the slot with an error of the context or with one that Leave made was the only one,
// the job stays as it is and can be gone on with by another slot.
func Run(ctx context.Context, store Store, work Work, o Options) (Outcome, error) {
	s := &slot{store: store, work: work, Options: o.withDefaults(), host: ctx, holds: map[int]bool{}}
	var id [12]byte
	_, _ = rand.Read(id[:]) // never fails
	s.me = hex.EncodeToString(id[:])
	me := sign{ID: s.me, Slot: o.Slot, Host: o.Host, PID: o.PID, Operation: o.Operation}
	if err := s.try(ctx, func(ctx context.Context) error {
		return errors.Join(store.open(ctx, me, s.Lease), store.signOn(ctx))
	}); err != nil {
		return Outcome{}, err
	}

	working, stop := context.WithCancelCause(ctx)
	s.beat = &beat{store: store, lease: s.Lease}
	var helpers sync.WaitGroup
	helpers.Go(func() { s.beat.run(working) })
	helpers.Go(func() { watch(working, store, s.Poll, s.progress(working), stop) })
	err := s.loop(working)
	stop(nil)
	helpers.Wait()

	note := ""
	if err != nil {
		note = err.Error()
	}
	end, cancel := context.WithTimeout(context.WithoutCancel(ctx), signOffTime)
	defer cancel()
	if off := store.signOff(end, note); off != nil {
		slog.Debug("the slot could not show its end", "reason", off)
	}
	return s.outcome, err
}

// withDefaults fills what is not set.
func (o Options) withDefaults() Options {
	o.Size, o.Lease = cmp.Or(o.Size, defaultSize), cmp.Or(o.Lease, defaultLease)
	o.Poll, o.Away, o.Tries = cmp.Or(o.Poll, defaultPoll), cmp.Or(o.Away, defaultAway), cmp.Or(o.Tries, defaultTries)
	return o
}

// slot is one run of the loop.
type slot struct {
	Options
	store Store
	work  Work
	beat  *beat
	me    string
	host  context.Context //nolint:containedctx // that of Run, which outlives the one of the work

	mu        sync.Mutex // of what uploads at once use
	plan      Plan       // with its state
	planKey   string     // which one
	announced Announced
	attempt   int // of announced, plus one

	claiming sync.Mutex // held while a shard is claimed
	holds    map[int]bool

	waited    time.Duration // since the slot has last done something
	again     int           // times that a lead's step has ended for want of a database
	outcome   Outcome
	abandoned bool
}

// progress gives a function that reports how far the job is.
func (s *slot) progress(ctx context.Context) func(*job) {
	return func(j *job) {
		if s.Progress == nil {
			return
		}
		c, err := s.store.counts(ctx, j.Plan.Token)
		if err == nil {
			c.State = j.State
			s.Progress(c)
		}
	}
}

// loop takes one step after the other until the job is over.
func (s *slot) loop(ctx context.Context) error {
	for {
		var j *job
		err := s.try(ctx, func(ctx context.Context) (err error) {
			j, err = s.store.job(ctx)
			return err
		})
		if err == nil && j.State.Over() {
			return s.over(j)
		}
		if err == nil {
			err = s.step(ctx, j)
		}
		cause := context.Cause(ctx)
		switch {
		case errors.Is(err, errWait):
			s.wait(ctx, j)
			continue
		case cause != nil && !errors.Is(cause, errOver):
			return cause
		case cause != nil:
			return s.ended()
		case err == nil, errors.Is(err, ErrLost):
		default:
			return err
		}
		s.waited = 0
	}
}

// errWait says that there is nothing to do now.
var errWait = errors.New("shard: nothing to do")

// wait waits for other slots, until it is time to look for work again or the job's document says that there is some.
func (s *slot) wait(ctx context.Context, j *job) {
	for d := s.nextPause(); d > 0 && ctx.Err() == nil; d -= lookPause {
		pause(ctx, min(d, lookPause))
		now, err := s.store.job(ctx)
		if err != nil || now.State != j.State || now.Attempt != j.Attempt || now.Rereads != j.Rereads {
			return
		}
	}
}

// nextPause is how long to wait for other slots now.
func (s *slot) nextPause() time.Duration {
	d := min(max(s.waited/2, firstPause), s.Poll)
	s.waited += d
	return d
}

func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}

// ended is what is left to do when the job is over, or somebody has asked for its cancel.
func (s *slot) ended() error {
	var j *job
	look := func(ctx context.Context) (err error) {
		j, err = s.store.job(ctx)
		return err
	}
	err := s.try(s.host, look)
	if err == nil && j.cancelled() {
		if err = s.end(j, Cancelled, nil); err == nil {
			err = s.try(s.host, look)
		}
	}
	if err != nil {
		return err
	}
	return s.over(j)
}

// over is the end of a job as this slot returns it.
func (s *slot) over(j *job) error {
	switch j.State {
	case Cancelled:
		return ErrCancelled
	case Failed:
		return j.Error.fault()
	}
	return s.try(s.host, func(ctx context.Context) error {
		st, err := s.store.states(ctx)
		s.outcome = Outcome{State: st.Outcome}
		return err
	})
}

// fail ends the job with an error.
func (s *slot) fail(j *job, why *failure) error { return s.end(j, Failed, why) }

// end takes the job to its end, unless somebody else has. Its context is the host's: the slot's own ends as soon as the job is seen to be over.
func (s *slot) end(j *job, to State, why *failure) error {
	return s.try(s.host, func(ctx context.Context) error {
		mine, err := s.store.end(ctx, to, why)
		if err == nil && mine {
			s.abandon(ctx, j)
		}
		return err
	})
}

func (s *slot) abandon(ctx context.Context, j *job) {
	if s.abandoned {
		return
	}
	s.abandoned = true
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), abandonTime)
	defer cancel()
	plan, err := s.planOf(ctx, j)
	if err != nil {
		slog.Debug("the plan could not be read", "reason", err)
		return
	}
	s.work.Abandon(ctx, plan)
}

// step does what is to be done in the job's state.
func (s *slot) step(ctx context.Context, j *job) error {
	if j.cancelled() {
		return s.end(j, Cancelled, nil)
	}
	if j.State != Planning {
		if err := s.fits(j.Machine); err != nil {
			return err
		}
	}
	switch j.State {
	case Planning:
		return s.led(ctx, j, s.doPlan)
	case Committed:
		return s.led(ctx, j, s.doFinish)
	case Reading:
		return s.shards(ctx, j, phaseRead, s.doRead, s.doAnnounce)
	case Uploading:
		return s.shards(ctx, j, phaseUpload, s.doUpload, s.doCommit)
	}
	return fault.New(fault.Plugin, fault.Internal, "The job is in a state that this worker does not know (%s): its slots are from different releases. Update the plugin everywhere.", j.State)
}

// fits makes sure that this slot gives the same bytes as the others.
func (s *slot) fits(planned Machine) error {
	what := ""
	switch {
	case planned.Build != s.Machine.Build:
		what = fmt.Sprintf("The job was planned by worker %s, and this machine has %s", planned.Build, s.Machine.Build)
	case planned.Go != s.Machine.Go:
		what = fmt.Sprintf("The job was planned by a worker that was built with %s, and this machine's was built with %s", planned.Go, s.Machine.Go)
	case planned.Arch != s.Machine.Arch:
		what = fmt.Sprintf("The job was planned on %s, and this machine is %s", planned.Arch, s.Machine.Arch)
	case planned.FFmpeg != s.Machine.FFmpeg:
		what = fmt.Sprintf("The job was planned with ffmpeg %s, and this machine has %s",
			cmp.Or(planned.FFmpeg, "missing"), cmp.Or(s.Machine.FFmpeg, "none"))
	default:
		return nil
	}
	return fault.New(fault.Settings, fault.OtherMachine,
		"%s: the same rows could become other bytes here, so this slot leaves the job to the others. Install the same release, built with the same Go, and the same ffmpeg on all machines that work on one job.", what)
}

// led does a step that only the lead does; errWait where another slot has it.
func (s *slot) led(ctx context.Context, j *job, do func(context.Context, *job, *lease) error) error {
	var l *lease
	err := s.try(ctx, func(ctx context.Context) (err error) {
		l, err = s.store.lead(ctx, j.State)
		return err
	})
	if err != nil {
		return err
	}
	if l == nil {
		return errWait
	}
	err = s.under(ctx, l, func(ctx context.Context) error {
		// The lead before may have changed the job since this slot read it.
		err := s.try(ctx, func(ctx context.Context) error {
			now, err := s.store.job(ctx)
			if err == nil {
				j = now
			}
			return err
		})
		if err != nil {
			return err
		}
		return do(ctx, j, l)
	})
	if err == nil || errors.Is(err, ErrLost) {
		return err
	}
	return s.leadFailed(ctx, j, l, err)
}

// under does something under a lease. ErrLost where another slot has it by now.
func (s *slot) under(ctx context.Context, l *lease, do func(context.Context) error) error {
	held, release := s.beat.hold(ctx, l)
	defer release()
	err := do(held)
	if err != nil && errors.Is(context.Cause(held), ErrLost) {
		return ErrLost
	}
	return err
}

// leadFailed judges the error of a lead's step.
func (s *slot) leadFailed(ctx context.Context, j *job, l *lease, err error) error {
	// A context that has ended hides what is to be stored.
	store, cancel := context.WithTimeout(context.WithoutCancel(ctx), signOffTime)
	defer cancel()
	switch {
	case ctx.Err() != nil, KindOf(err) == KindLeave:
		gone := s.store.giveUp(store, l, nil, false)
		if KindOf(err) == KindLeave && j.State == Planning {
			s.failAlone(store, j, err)
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		return errors.Join(err, ignoreLost(gone))
	case errors.Is(err, ErrCancelled):
		return s.try(ctx, func(ctx context.Context) error { return ignoreLost(s.store.giveUp(ctx, l, nil, false)) })
	case KindOf(err) == KindRebase && j.Attempt+1 < mostAttempts:
		return s.try(ctx, func(ctx context.Context) error {
			// A slot that does not know of the next attempt yet gets none of these shards.
			if err := s.store.reopen(ctx, j.Plan.Token, phaseUpload, nil, j.Attempt+1); err != nil {
				return err
			}
			return s.store.advance(ctx, l, Reading, change{"attempt": j.Attempt + 1})
		})
	case isAway(err) && s.again+1 < s.Tries:
		s.again++
		slog.Warn("a step is repeated", "state", j.State, "reason", err)
		return s.try(ctx, func(ctx context.Context) error { return ignoreLost(s.store.giveUp(ctx, l, nil, false)) })
	}
	return s.fail(j, failureOf(err))
}

// failAlone fails a job that nobody has planned and of which no other slot is there to do it.
func (s *slot) failAlone(ctx context.Context, j *job, err error) {
	living, e := s.store.living(ctx)
	if e == nil && len(living) <= 1 {
		e = s.fail(j, failureOf(err))
	}
	if e != nil {
		slog.Debug("the job could not be failed", "reason", e)
	}
}

func ignoreLost(err error) error {
	if errors.Is(err, ErrLost) {
		return nil
	}
	return err
}

// isAway reports whether it was the database that did not answer.
func isAway(err error) bool {
	return fault.Code(err) == fault.NoDatabase || mongo.IsNetworkError(err) || mongo.IsTimeout(err)
}

// try calls fn again while the database does not answer, for a while.
func (s *slot) try(ctx context.Context, fn func(context.Context) error) error {
	began := time.Now()
	for {
		err := fn(ctx)
		switch {
		case err == nil, ctx.Err() != nil:
			return err
		case !isAway(err) && !isStepping(err):
			return err
		case time.Since(began) >= s.Away:
			return fault.Wrap(err, fault.FiftyOne, fault.NoDatabase,
				"FiftyOne's database did not answer for %s, so this slot has left the job: check that MongoDB runs, then resume the job.", s.Away)
		}
		pause(ctx, s.Poll)
	}
}

// isStepping reports whether a replica set is about to have another primary.
func isStepping(err error) bool {
	var server mongo.ServerError
	return errors.As(err, &server) && (server.HasErrorLabel("RetryableWriteError") || server.HasErrorCode(codeNotPrimary) ||
		server.HasErrorCode(codeNotPrimaryNoSecondaryOk) || server.HasErrorCode(codePrimarySteppedDown) || server.HasErrorCode(codeShutdown))
}

// Codes of MongoDB.
const (
	codeShutdown                = 91
	codePrimarySteppedDown      = 189
	codeNotPrimary              = 10107
	codeNotPrimaryNoSecondaryOk = 13435
)
