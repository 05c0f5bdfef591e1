package wandb

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/fault"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/wandb/config"
)

// A post to a run's file stream behind its end sets the run to running again, and five
// minutes later W&B marks it as crashed. So the end is the last thing that W&B handles:
// where a heartbeat may still be on its way when the end is posted, the end is posted
// once more behind it.

// finishGrace is for how long the end waits for the answer to a heartbeat before it
// is posted, and keepLooks is how often a run is looked at after an end that a sign of
// life without an answer may follow.
const (
	finishGrace = 500 * time.Millisecond
	keepLooks   = 2
)

// FinishRun ends a run that the caller created: as finished with exit code 0, else as failed. The
// values are its summary and its only step: tables show in the run's workspace from then on. If the
// server takes the end but not the values, the run is ended all the same and the fault is
// table_not_shown. Heartbeats of this client end with it, whether they were stopped or not.
func (c *Client) FinishRun(ctx context.Context, ref config.RunRef, exitCode int, values ...RunValue) error {
	end := map[string]any{"complete": true, "exitcode": exitCode}
	beats := c.beats.of(ref)
	unanswered := beats.inFlight(ctx)
	shown := c.end(ctx, ref, end, values)
	if shown != nil && fault.Code(shown) != fault.TableNotShown || !unanswered {
		return shown
	}
	select {
	case <-beats.ended:
	case <-ctx.Done():
		return ctx.Err()
	}
	again := c.stream(ctx, ref, end, false)
	if again == nil && beats.doubtful() {
		again = c.keepEnded(ctx, ref, end)
	}
	return errors.Join(shown, c.explain("ending the run "+ref.ID, again))
}

// FinishAbandonedRun ends a run whose process died or gave up. It looks at the run before,
// since the process may have ended it, and afterwards, since a heartbeat of the process
// may still have been on its way.
func (c *Client) FinishAbandonedRun(ctx context.Context, ref config.RunRef, exitCode int) error {
	run, err := c.FindRun(ctx, ref)
	if err != nil {
		return err
	}
	if run == nil {
		return fault.New(fault.WandB, fault.NotFound, "W&B at %s has no run %s in %s/%s any more.", c.host(), ref.ID, ref.Entity, ref.Project)
	}
	if run.State == "finished" {
		exitCode = 0 // it ended well, whatever wakes it
	}
	end := map[string]any{"complete": true, "exitcode": exitCode}
	if run.Alive() {
		if err := c.end(ctx, ref, end, nil); err != nil {
			return err
		}
	}
	return c.explain("ending the run "+ref.ID, c.keepEnded(ctx, ref, end))
}

// end posts the end, with the values if there are any and the server takes them.
func (c *Client) end(ctx context.Context, ref config.RunRef, end map[string]any, values []RunValue) error {
	doing := "ending the run " + ref.ID
	if len(values) == 0 {
		return c.explain(doing, c.stream(ctx, ref, end, false))
	}
	body := valueStream(values, time.Now())
	maps.Copy(body, end)
	err := c.stream(ctx, ref, body, false)
	switch statusOf(err) {
	case http.StatusBadRequest, http.StatusRequestEntityTooLarge, http.StatusUnprocessableEntity:
	default:
		return c.explain(doing, err)
	}
	if err := c.stream(ctx, ref, end, false); err != nil {
		return c.explain(doing, err)
	}
	return fault.Wrap(err, fault.WandB, fault.TableNotShown,
		"The run %s was ended, but its workspace does not show the table: %s The artifact holds it.", ref.ID, fault.As(c.explain("adding the run's values", err)).Message)
}

// keepEnded looks at a run that was ended, and ends it again if something woke it.
func (c *Client) keepEnded(ctx context.Context, ref config.RunRef, end map[string]any) error {
	for look := 1; look <= keepLooks; look++ {
		if err := sleep(ctx, time.Duration(look)*c.timings.RetryWait/2); err != nil {
			return err
		}
		run, _, err := c.findRun(ctx, ref)
		if err == nil && run != nil && run.Alive() {
			err = c.stream(ctx, ref, end, false)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// stream posts to a run's file stream: history, summary, heartbeats, its end. A
// heartbeat has one try: the next one follows soon.
func (c *Client) stream(ctx context.Context, ref config.RunRef, body map[string]any, single bool) error {
	raw, err := json.Marshal(body)
	if err != nil {
		return err
	}
	x := exchange{client: c, end: c.api, what: "The message to the run", single: single}
	r, err := x.post(ctx, streamPath(ref), raw)
	if err != nil {
		return err
	}
	if r.status >= 200 && r.status <= 299 {
		return c.heard(nil)
	}
	e := newServerError("file_stream", r)
	if isGone(e) {
		// The run was there when it was created: somebody deleted it meanwhile.
		e.notWandB = e.notWandB && e.form == formPage
	}
	return c.heard(e)
}

// isGone reports whether a run is not there any more.
func isGone(err error) bool {
	s := statusOf(err)
	return s == http.StatusNotFound || s == http.StatusGone
}

func streamPath(r config.RunRef) string {
	return fmt.Sprintf("/files/%s/%s/%s/file_stream", url.PathEscape(r.Entity), url.PathEscape(r.Project), url.PathEscape(r.ID))
}

// KeepAlive posts heartbeats for a run that the caller created, so that W&B does not take it for
// crashed while a long job goes on. They end with stop, with FinishRun, with Close, or
// when the run was deleted. Stop waits for nothing: FinishRun knows of a heartbeat
// that is still on its way.
func (c *Client) KeepAlive(ref config.RunRef) (stop func()) {
	return c.keepAlive(ref, &heartbeats{within: func(post func()) { post() }})
}

// KeepAliveWithin is KeepAlive for a run that several processes keep alive. The first heartbeat is posted at once: the process that posted
// the last one may have died long ago. Within is called with what posts each of them, and calls it only while no other process can end the run.
func (c *Client) KeepAliveWithin(ref config.RunRef, within func(post func())) (stop func()) {
	return c.keepAlive(ref, &heartbeats{within: within, atOnce: true})
}

func (c *Client) keepAlive(ref config.RunRef, s *heartbeats) (stop func()) {
	s.quit, s.ended = make(chan struct{}), make(chan struct{})
	c.beats.add(ref, s)
	go s.run(c, ref)
	return s.stop
}

// heartbeats are those of one run. A nil one never posted any.
type heartbeats struct {
	within      func(post func())
	atOnce      bool
	once        sync.Once
	quit, ended chan struct{}

	mu    sync.Mutex
	doubt bool // one was sent, and W&B has not answered
}

func (s *heartbeats) run(c *Client, ref config.RunRef) {
	defer close(s.ended)
	tick := time.NewTicker(c.timings.Heartbeat)
	defer tick.Stop()
	said, gone := "", false
	for first := s.atOnce; !gone; first = false {
		if !first {
			select {
			case <-s.quit:
				return
			case <-c.life.Done():
				return
			case <-tick.C:
			}
		}
		if s.stopped() { // Both were ready.
			return
		}
		s.within(func() { said, gone = s.post(c, ref, said) })
	}
}

// post posts one heartbeat. It returns the trouble that was told last, and whether the run is gone.
func (s *heartbeats) post(c *Client, ref config.RunRef, said string) (string, bool) {
	err := c.stream(c.life, ref, map[string]any{}, true)
	s.note(err)
	switch {
	case err == nil || c.life.Err() != nil:
		return "", false
	case isGone(err):
		c.notice("The W&B run " + ref.ID + " has been deleted; it gets no more heartbeats.")
		return "", true
	}
	// The same trouble is told once.
	text := fault.As(c.explain("a heartbeat of the run", err)).Message
	if text != said {
		c.notice(text)
	}
	return text, false
}

// note keeps whether W&B may still handle a heartbeat.
func (s *heartbeats) note(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.doubt = err != nil && refusal(err) == nil && !isDialError(err)
}

func (s *heartbeats) doubtful() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.doubt
}

func (s *heartbeats) stopped() bool {
	select {
	case <-s.quit:
		return true
	default:
		return false
	}
}

func (s *heartbeats) stop() { s.once.Do(func() { close(s.quit) }) }

// inFlight stops the heartbeats, and reports whether W&B may handle one of them after what
// is posted from now on. It waits a little for the answer to one that is on its way.
func (s *heartbeats) inFlight(ctx context.Context) bool {
	if s == nil {
		return false
	}
	s.stop()
	grace := time.NewTimer(finishGrace)
	defer grace.Stop()
	select {
	case <-s.ended:
		return s.doubtful()
	case <-ctx.Done():
	case <-grace.C:
	}
	return true
}

// heartbeatsByRun are the heartbeats that a client posts.
type heartbeatsByRun struct {
	mu sync.Mutex
	m  map[config.RunRef]*heartbeats
}

func (b *heartbeatsByRun) add(ref config.RunRef, s *heartbeats) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.m == nil {
		b.m = map[config.RunRef]*heartbeats{}
	}
	b.m[ref] = s
}

func (b *heartbeatsByRun) of(ref config.RunRef) *heartbeats {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.m[ref]
}
