package rpc

import (
	"errors"
	"sync"
	"time"

	pb "github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/gen/wandbworker/v1"
)

// progressEvery is the shortest time between two Progress events. A person sees
// no more than ten a second, and Python reads each of them with some effort.
const progressEvery = 100 * time.Millisecond

var errSenderClosed = errors.New("an event was sent after the job had ended")

// sender brings the events of all goroutines of a job into one stream. Progress
// is thinned: the latest one waits until it is due, or until another event has
// to be sent after it.
type sender struct {
	mu      sync.Mutex
	forward func(*pb.RunResponse) error
	waiting *pb.RunResponse // the latest Progress that was not sent
	due     time.Time       // when the next Progress may be sent
	timer   *time.Timer     // sends waiting when it is due; nil if none waits
	err     error           // the first error of forward
	last    bool            // the last event has been sent
	closed  bool
}

func newSender(forward func(*pb.RunResponse) error) *sender {
	return &sender{forward: forward}
}

// send takes an event. It may be called from any goroutine.
func (s *sender) send(event *pb.RunResponse) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed || s.last {
		return errSenderClosed
	}
	if event.GetProgress() == nil {
		s.flush()
		s.last = concludes(event)
		s.pass(event)
		return s.err
	}
	if wait := time.Until(s.due); wait > 0 {
		s.waiting = event
		if s.timer == nil {
			s.timer = time.AfterFunc(wait, s.onTimer)
		}
		return s.err
	}
	s.waiting = nil
	s.passProgress(event)
	return s.err
}

// close sends what waits. After it, nothing is sent any more.
func (s *sender) close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.flush()
	s.closed = true
	return s.err
}

// concluded reports whether the stream has had its last event.
func (s *sender) concluded() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.last
}

func (s *sender) onTimer() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.closed {
		s.flush()
	}
}

func (s *sender) flush() {
	if s.timer != nil {
		s.timer.Stop()
		s.timer = nil
	}
	if event := s.waiting; event != nil {
		s.waiting = nil
		s.passProgress(event)
	}
}

func (s *sender) passProgress(event *pb.RunResponse) {
	s.pass(event)
	s.due = time.Now().Add(progressEvery)
}

func (s *sender) pass(event *pb.RunResponse) {
	if s.err == nil {
		cleanTexts(event)
		s.err = s.forward(event)
	}
}

// concludes reports whether event is one of those that end the stream.
func concludes(event *pb.RunResponse) bool {
	switch event.GetEvent().(type) {
	case nil, *pb.RunResponse_Progress, *pb.RunResponse_RunCreated, *pb.RunResponse_IdChunk:
		return false
	default:
		return true
	}
}
