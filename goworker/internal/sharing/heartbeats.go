package sharing

import (
	"context"
	"sync"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/shard"
)

// sharedHeartbeats decides when a slot posts heartbeats of the job's run: while it announces, uploads or commits under a lease, or
// several. So the run lives as long
// as any slot works on it, and a slot that has died takes nothing with it. When all has been uploaded, only the lead is left that still posts; it is also
// the one that ends the run, and a heartbeat behind the end would wake the run again.
type sharedHeartbeats struct {
	mu    sync.Mutex // held while one is posted, so that none is on its way when the step ends
	steps map[*byte]func() bool
}

// during allows heartbeats until done is called, which waits for the answer to the last one. Once ctx has ended none is posted, and nobody waits: a slot
// that is stopped has two seconds to say so.
func (s *sharedHeartbeats) during(ctx context.Context) (done func()) {
	step := new(byte)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.steps == nil {
		s.steps = map[*byte]func() bool{}
	}
	s.steps[step] = func() bool { return ctx.Err() == nil && shard.Held(ctx) }
	return func() {
		if ctx.Err() != nil {
			return
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.steps, step)
	}
}

// within posts one if this is the time for it.
func (s *sharedHeartbeats) within(post func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, held := range s.steps {
		if held() {
			post()
			return
		}
	}
}
