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

	"github.com/hashicorp/go-retryablehttp"

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

// reply is an answer with its body read.
type reply struct {
	status int
	header http.Header
	body   []byte
}

// exchange is one request with all its tries.
type exchange struct {
	client *Client
	end    *endpoint
	// what names the request in notices.
	what string
	// once leaves a failure of which it is not known whether the server did what was
	// asked to the caller.
	once bool

	reply        reply
	tries        int
	firstFailure time.Time
	demanded     time.Duration
	wait         time.Duration
	gaveUp       bool
}

// send sends a request, and again while that makes sense and patience lasts. The
// answer may have any status. An error is the context's, a *fault.Error, or one of
// the network, which never shows an address's query or headers.
func (x *exchange) send(ctx context.Context, req *retryablehttp.Request) (*reply, error) {
	if !x.end.isStore {
		if err := sleep(ctx, x.client.gate.wait()); err != nil {
			return nil, err
		}
	}
	req.SetResponseHandler(x.read)
	resp, err := x.open(ctx, req)
	if err != nil {
		return nil, err
	}
	_ = resp.Body.Close()
	return &x.reply, nil
}

// open sends a request, and again while that makes sense, until an answer begins: the
// caller reads and closes it.
func (x *exchange) open(ctx context.Context, req *retryablehttp.Request) (*http.Response, error) {
	rc := &retryablehttp.Client{
		HTTPClient: x.end.http, RetryMax: math.MaxInt32, ErrorHandler: retryablehttp.PassthroughErrorHandler,
		CheckRetry: x.check,
		Backoff:    func(_, _ time.Duration, _ int, _ *http.Response) time.Duration { return x.wait },
	}
	resp, err := rc.Do(req)
	if ctx.Err() == nil && err == nil {
		return resp, nil
	}
	if resp != nil {
		_ = resp.Body.Close()
	}
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	if err = innerError(err); isContextError(err) {
		err = errTryEnded
	}
	return nil, err
}

// read takes in an answer that will not be asked for again.
func (x *exchange) read(resp *http.Response) error {
	defer func() { _ = resp.Body.Close() }()
	limit := int64(maxAPIReply)
	if x.end.isStore {
		limit = maxStoreReply
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, limit+1))
	if err != nil {
		return err
	}
	if int64(len(body)) > limit && !x.end.isStore {
		return fault.New(fault.WandB, "server_error",
			"The answer of the W&B server at %s to %s is larger than %d MB, which cannot be right.", x.client.host(), x.what, limit>>20)
	}
	x.reply = reply{status: resp.StatusCode, header: resp.Header, body: body}
	return nil
}

// check decides after each try whether there is another one. It is asked twice
// about a try whose answer was read.
func (x *exchange) check(ctx context.Context, resp *http.Response, err error) (bool, error) {
	if ctx.Err() != nil {
		return false, ctx.Err()
	}
	if x.gaveUp {
		return false, nil
	}
	if resp != nil {
		x.end.reached.Store(true)
		if err == nil && !x.end.isStore {
			x.noteRateLimit(resp.Header)
		}
	}
	switch {
	case err == nil && !retryStatus(resp.StatusCode):
		return false, nil
	case err != nil && !retryError(err):
		return false, nil
	case x.once && (err != nil && !isDialError(err) || err == nil && resp.StatusCode != http.StatusTooManyRequests):
		return false, nil
	}
	if !x.next(resp, err) {
		x.gaveUp = true
		return false, nil
	}
	x.client.notice(x.client.clean(fmt.Sprintf("%s: %s; trying again in %s.", x.what, shortReason(resp, err), x.wait.Round(100*time.Millisecond))))
	return true, nil
}

// next sets the wait before the next try, and is false when there is none.
func (x *exchange) next(resp *http.Response, err error) bool {
	t, now := x.client.timings, time.Now()
	x.tries++
	if x.firstFailure.IsZero() {
		x.firstFailure = now
	}
	if x.tries >= maxTries {
		return false
	}
	if asked, ok := serverWait(resp); ok {
		x.wait = min(asked, t.ServerWaitMax)
		x.demanded += x.wait
		// A server that says when to come back is not a dead one.
		x.firstFailure = x.firstFailure.Add(x.wait)
		return x.demanded <= t.ServerPatience
	}
	wait, patience := t.RetryWait, t.Patience
	if err != nil && !x.end.reached.Load() && (isDialError(err) || isTimeout(err)) {
		wait, patience = wait/4, t.FirstPatience
	}
	wait = min(wait<<min(x.tries-1, maxTries), t.RetryWaitMax)
	x.wait = wait + time.Duration(rand.Int64N(int64(wait/4)+1)) // So that clients do not come back all at once.
	return now.Add(x.wait).Sub(x.firstFailure) <= patience
}

// noteRateLimit closes the gate while a rate limit is used up.
func (x *exchange) noteRateLimit(h http.Header) {
	if d, ok := rateLimitReset(h); ok {
		x.client.gate.close(min(d, x.client.timings.ServerWaitMax))
	}
}

// retryStatus tells whether an answer with this status may be better next time.
func retryStatus(status int) bool {
	switch status {
	case http.StatusRequestTimeout, http.StatusTooEarly, http.StatusTooManyRequests:
		return true
	case http.StatusNotImplemented:
		return false
	}
	return status >= 500 || status < 100
}

// retryError tells whether a try that brought no answer may be better next time.
func retryError(err error) bool {
	var s *serverError
	if errors.As(err, &s) {
		return retryStatus(s.status)
	}
	return fault.As(err) == nil && !isTLSError(err) && (proxyStatus(err) == 0 || proxyStatus(err) >= 500)
}

// isDialError tells whether a connection did not come about.
func isDialError(err error) bool {
	var op *net.OpError
	var dns *net.DNSError
	return errors.As(err, &dns) || errors.As(err, &op) && (op.Op == "dial" || op.Op == "proxyconnect")
}

func isTimeout(err error) bool {
	var t net.Error
	return errors.As(err, &t) && t.Timeout() || errors.Is(err, errStalled) || errors.Is(err, errTryEnded)
}

// serverWait is how long the server asks to wait: Retry-After in seconds, with a
// fraction or not, or as a date; else the reset of a rate limit that is used up.
func serverWait(resp *http.Response) (time.Duration, bool) {
	if resp == nil {
		return 0, false
	}
	after := strings.TrimSpace(resp.Header.Get("Retry-After"))
	if d, ok := seconds(after); ok {
		return d, true
	}
	if at, err := http.ParseTime(after); err == nil {
		return max(time.Until(at), 0), true
	}
	return rateLimitReset(resp.Header)
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
