package wandb

import (
	"context"
	"errors"
	"io"
	"net/http"
	"sync"
	"time"
)

// streak is the time during which a server failed for everybody who asked. An artifact's files go up
// in many requests: that each had its own patience with a store that is down would add up.
type streak struct {
	mu          sync.Mutex
	began, last time.Time // zero where the last answer was good
}

// since notes a failure at the time now, of a request that first failed at the time
// first, and gives the beginning of the streak. Where the last failure is further back
// than patience, its requests were given up or cancelled: a new streak begins.
func (s *streak) since(first, now time.Time, patience time.Duration) time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.began.IsZero() || first.Before(s.began) || now.Sub(s.last) > patience {
		s.began = first
	}
	s.last = now
	return s.began
}

// end notes an answer that is not a failure.
func (s *streak) end() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.began, s.last = time.Time{}, time.Time{}
}

// errStalled is the error of an upload that stood still for too long.
var errStalled = errors.New("the transfer stood still for too long")

// stallTransport ends a request on which nothing moves: neither is more of its body
// taken, nor does its answer come. A time-out for the whole would cut off large files.
type stallTransport struct {
	userAgent string
	limit     time.Duration
	next      http.RoundTripper
}

// RoundTrip implements http.RoundTripper.
func (t *stallTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	ctx, cancel := context.WithCancelCause(r.Context())
	timer := time.AfterFunc(t.limit, func() { cancel(errStalled) })
	progress := func() { timer.Reset(t.limit) }

	r = r.Clone(ctx)
	r.Header.Set("User-Agent", t.userAgent)
	if r.Body != nil && r.Body != http.NoBody {
		r.Body = &watchedBody{ReadCloser: r.Body, progress: progress}
		if again := r.GetBody; again != nil {
			r.GetBody = func() (io.ReadCloser, error) {
				body, err := again()
				return &watchedBody{ReadCloser: body, progress: progress}, err
			}
		}
	}
	resp, err := t.next.RoundTrip(r)
	if err != nil {
		timer.Stop()
		if cause := context.Cause(ctx); errors.Is(cause, errStalled) {
			err = cause
		}
		cancel(nil)
		return nil, err
	}
	progress()
	resp.Body = &watchedBody{ReadCloser: resp.Body, progress: progress, done: func() { timer.Stop(); cancel(nil) }}
	return resp, nil
}

// watchedBody reports every read that brought something, and its end.
type watchedBody struct {
	io.ReadCloser
	progress, done func()
}

// Read implements io.Reader.
func (b *watchedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if n > 0 {
		b.progress()
	}
	return n, err
}

// Close implements io.Closer.
func (b *watchedBody) Close() error {
	if b.done != nil {
		b.done()
	}
	return b.ReadCloser.Close()
}
