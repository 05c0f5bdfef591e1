package wandb

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/fault"
)

// maxTries bounds the tries of one request, whatever the waits were.
const maxTries = 20

// Bounds of the answers that are read, in bytes. An answer of the API may hold the
// signed addresses of a whole batch of files.
const (
	maxAPIReply   = 64 << 20
	maxStoreReply = 64 << 10
)

// errTryEnded stands for the context's error of a try whose time was up, which
// net/http sometimes gives as it is: it must not be taken for the caller's.
var errTryEnded = errors.New("the time for the request was up")

// reply is an answer. Its body was read, or is a stream for the caller to read and close.
type reply struct {
	status int
	header http.Header
	body   []byte
	stream io.ReadCloser
}

// close ends the stream, if there is one. A nil reply has none.
func (r *reply) close() {
	if r != nil && r.stream != nil {
		_ = r.stream.Close()
	}
}

// exchange is one request with all its tries.
type exchange struct {
	client *Client
	end    *endpoint
	// what names the request in notices.
	what string
	// once leaves a failure after which the server may have done what was asked to
	// the caller: repeating such a request could do it twice.
	once bool
	// single has no second try, whatever happens.
	single bool
	// watch, if set, is called when a try begins, and gives what is called when it ends.
	watch func() func(took time.Duration, pushedBack bool)

	tries, waits int
	// quiet is whether the next try gets no notice.
	quiet        bool
	firstFailure time.Time
	demanded     time.Duration
	wait         time.Duration
}

// send sends a request, and again while that makes sense and patience lasts, and
// reads the answer, which may have any status. An error is the context's, a
// *fault.Error, or one of the network, which never shows an address's query or
// headers. A context that has ended sends nothing.
func (x *exchange) send(ctx context.Context, req *request) (*reply, error) {
	return x.run(ctx, req, func(int) bool { return false })
}

// open is send for an answer that the caller reads: one of status 2xx, whose body the
// caller closes. Any other answer is a reply.
func (x *exchange) open(ctx context.Context, req *request) (*reply, error) {
	return x.run(ctx, req, isSuccess)
}

// run is the loop of tries. A try whose status is left to the caller ends it.
func (x *exchange) run(ctx context.Context, req *request, leave func(status int) bool) (*reply, error) {
	for {
		if err := x.pause(ctx); err != nil {
			return nil, err
		}
		r, err := x.watched(ctx, req, leave)
		if ctx.Err() != nil {
			r.close()
			return nil, ctx.Err()
		}
		if !x.mayPass(r, err) || !x.next(r, err) {
			return r, err
		}
		if !x.quiet {
			x.client.notice(x.client.clean(fmt.Sprintf("%s: %s; trying again in %s%s.", x.what, shortReason(r, err), x.wait.Round(100*time.Millisecond), x.bound(r))))
		}
		if err := sleep(ctx, x.wait); err != nil {
			return nil, err
		}
	}
}

// watched is a try with its end reported to watch. One that the server refused for other reasons than its load is not
// reported: it says nothing about how fast the server is.
func (x *exchange) watched(ctx context.Context, req *request, leave func(status int) bool) (*reply, error) {
	ended, began := func(time.Duration, bool) {}, time.Now()
	if x.watch != nil {
		ended = x.watch()
	}
	r, err := x.try(ctx, req, leave)
	if ctx.Err() == nil && isContextError(err) {
		err = errTryEnded
	}
	switch {
	case ctx.Err() != nil:
	case pushedBack(r, err):
		ended(time.Since(began), true)
	case err == nil && isSuccess(r.status):
		ended(time.Since(began), false)
	}
	return r, err
}

// pushedBack reports whether a try failed because of the load on the server, as far as one can tell.
func pushedBack(r *reply, err error) bool {
	if err != nil {
		return retryError(err)
	}
	_, asked := serverWait(r)
	return retryStatus(r.status) || asked && !isSuccess(r.status)
}

func isSuccess(status int) bool { return status >= 200 && status <= 299 }

// bound says for how long a rate limit is borne.
func (x *exchange) bound(r *reply) string {
	if !limited(r) {
		return ""
	}
	return fmt.Sprintf(", for up to %s", inMinutes(x.client.timings.ServerPatience))
}

// pause waits while the server's rate limit is used up.
func (x *exchange) pause(ctx context.Context) error {
	if x.end.isStore {
		return ctx.Err()
	}
	return sleep(ctx, x.client.gate.wait())
}

// try sends the request once. The answer's body is read unless its status is left to
// the caller.
func (x *exchange) try(ctx context.Context, req *request, leave func(status int) bool) (*reply, error) {
	one, err := req.open(ctx)
	if err != nil {
		return nil, err
	}
	resp, err := x.end.http.Do(one)
	if err != nil {
		return nil, innerError(err)
	}
	x.end.reached.Store(true)
	if !x.end.isStore {
		x.noteRateLimit(resp.Header)
	}
	r := &reply{status: resp.StatusCode, header: resp.Header}
	if leave(r.status) {
		r.stream = resp.Body
		return r, nil
	}
	defer func() { _ = resp.Body.Close() }()
	r.body, err = x.read(resp.Body)
	if err != nil {
		return nil, err
	}
	return r, nil
}

// read reads an answer's body, within bounds.
func (x *exchange) read(body io.Reader) ([]byte, error) {
	limit := int64(maxAPIReply)
	if x.end.isStore {
		limit = maxStoreReply
	}
	raw, err := io.ReadAll(io.LimitReader(body, limit+1))
	if err != nil {
		return nil, err
	}
	if int64(len(raw)) > limit && !x.end.isStore {
		return nil, fault.New(fault.WandB, fault.ServerError,
			"The answer of the W&B server at %s to %s is larger than %d MB, which cannot be right.", x.client.host(), x.what, limit>>20)
	}
	return raw, nil
}

// mayPass reports whether another try may go better and does no harm.
func (x *exchange) mayPass(r *reply, err error) bool {
	if x.single {
		return false
	}
	if err != nil {
		return retryError(err) && (!x.once || isDialError(err))
	}
	if !retryStatus(r.status) {
		x.end.failing.end()
		return false
	}
	if x.once && !limited(r) {
		return false
	}
	if x.end.isStore {
		return !isFull(r)
	}
	// Words that are known are a decision, whatever the status says.
	return limited(r) || newServerError(x.what, r).means == meansStatus
}

// next sets the wait before the next try, and is false when there is none.
func (x *exchange) next(r *reply, err error) bool {
	t, now := x.client.timings, time.Now()
	if x.firstFailure.IsZero() {
		x.firstFailure = now
	}
	x.quiet = false
	if asked, ok := x.asked(r); ok {
		x.wait = min(asked, t.ServerWaitMax)
		x.demanded += x.wait
		// A server that says when to come back is not a dead one.
		x.firstFailure = x.firstFailure.Add(x.wait)
		x.end.failing.end()
		return x.demanded <= t.ServerPatience
	}
	x.tries++
	if x.tries >= maxTries {
		return false
	}
	wait, patience := t.RetryWait, t.Patience
	// A server that was never reached is given up within seconds, with an error that says it all.
	x.quiet = err != nil && !x.end.reached.Load() && (isDialError(err) || isTimeout(err) || !x.end.isStore)
	if x.quiet {
		wait, patience = wait/4, t.FirstPatience
	}
	x.wait = backoff(wait, t.RetryWaitMax, x.tries)
	since := x.firstFailure
	if x.end.isStore { // Many requests at once go to it: they share their patience.
		since = x.end.failing.since(since, now, patience)
	}
	return now.Add(x.wait).Sub(since) <= patience
}

// asked is how long the server asks to wait. Such waits have a patience of their own,
// and so does a rate limit that says no time, as W&B's does.
func (x *exchange) asked(r *reply) (time.Duration, bool) {
	d, ok := serverWait(r)
	if !ok && !limited(r) {
		return 0, false
	}
	x.waits++
	if !ok {
		d = backoff(x.client.timings.RetryWait, x.client.timings.RetryWaitMax, x.waits)
	} else if x.waits > maxTries {
		d = max(d, x.client.timings.RetryWait) // A server that always says "at once" is not asked for ever.
	}
	return d, true
}

// limited reports whether a rate limit refused the request.
func limited(r *reply) bool { return r != nil && r.status == http.StatusTooManyRequests }

// backoff is the wait after a number of failures: it doubles up to a bound, and gains up
// to a quarter at random, so that clients do not come back all at once.
func backoff(first, most time.Duration, failures int) time.Duration {
	wait := min(first<<min(failures-1, maxTries), most)
	return wait + time.Duration(rand.Int64N(int64(wait/4)+1))
}

// noteRateLimit closes the gate while a rate limit is used up.
func (x *exchange) noteRateLimit(h http.Header) {
	if d, ok := rateLimitReset(h); ok {
		x.client.gate.close(min(d, x.client.timings.ServerWaitMax))
	}
}

// retryStatus reports whether an answer with this status may be better next time.
func retryStatus(status int) bool {
	switch status {
	case http.StatusRequestTimeout, http.StatusTooEarly, http.StatusTooManyRequests:
		return true
	case http.StatusNotImplemented:
		return false
	}
	return status >= 500 || status < 100
}

// retryError reports whether a try that brought no answer may be better next time.
func retryError(err error) bool {
	var s *serverError
	if errors.As(err, &s) {
		return retryStatus(s.status)
	}
	var p *proxyError
	if errors.As(err, &p) {
		return p.status >= 500
	}
	return fault.As(err) == nil && !isTLSError(err) && !isSocksLogin(err)
}

// isDialError reports whether a connection did not come about.
func isDialError(err error) bool {
	var op *net.OpError
	var dns *net.DNSError
	return errors.As(err, &dns) || errors.As(err, &op) && (op.Op == "dial" || op.Op == "proxyconnect" || op.Op == "socks connect")
}

func isTimeout(err error) bool {
	var t net.Error
	return errors.As(err, &t) && t.Timeout() || errors.Is(err, errStalled) || errors.Is(err, errTryEnded)
}

// serverWait is how long the server asks to wait: Retry-After in seconds, with a
// fraction or not, or as a date; else the reset of a rate limit that is used up.
func serverWait(r *reply) (time.Duration, bool) {
	if r == nil {
		return 0, false
	}
	after := strings.TrimSpace(r.header.Get("Retry-After"))
	if d, ok := seconds(after); ok {
		return d, true
	}
	if at, err := http.ParseTime(after); err == nil {
		return max(time.Until(at), 0), true
	}
	return rateLimitReset(r.header)
}

// rateLimitReset is the time until a rate limit is lifted that is used up.
func rateLimitReset(h http.Header) (time.Duration, bool) {
	remaining, err := strconv.ParseFloat(strings.TrimSpace(h.Get("RateLimit-Remaining")), 64)
	if err != nil || remaining > 0 {
		return 0, false
	}
	return seconds(h.Get("RateLimit-Reset"))
}

func seconds(text string) (time.Duration, bool) {
	f, err := strconv.ParseFloat(strings.TrimSpace(text), 64)
	if err != nil || math.IsNaN(f) || f < 0 {
		return 0, false
	}
	return time.Duration(min(f, 24*3600) * float64(time.Second)), true
}

// sleep waits, or ends with the context.
func sleep(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}
