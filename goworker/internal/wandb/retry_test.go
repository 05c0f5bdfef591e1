package wandb_test

import (
	"context"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/fault"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/wandb"
)

// status answers with a status, headers and words.
func status(code int, words string, headers ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		for i := 0; i < len(headers); i += 2 {
			w.Header().Set(headers[i], headers[i+1])
		}
		reply(w, code, obj{"error": words})
	}
}

func TestWhatMayPassIsTriedAgain(t *testing.T) {
	half := func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "1000")
		_, _ = w.Write([]byte(`{"data":`))
	}
	for name, answer := range map[string]http.HandlerFunc{
		"408": status(408, ""), "425": status(425, ""), "429": status(429, ""), "500": status(500, ""), "502": status(502, ""),
		"503": status(503, ""), "504": status(504, ""), "599": status(599, ""), "dropped": drop, "half an answer": half,
	} {
		t.Run(name, func(t *testing.T) {
			srv := newServer(t)
			srv.on("Viewer", 3, answer)
			v, err := srv.client().Viewer(t.Context())
			require.NoError(t, err)
			assert.NotEmpty(t, v.ID)
			assert.Equal(t, []string{"me", "me"}, []string{v.Username, v.Entity})
			assert.Contains(t, v.Teams, "team")
			assert.Equal(t, 4, srv.count("Viewer"))
		})
	}
}

func TestWhatWillNotPassIsNotTriedAgain(t *testing.T) {
	for _, code := range []int{400, 401, 403, 404, 405, 409, 410, 413, 422, 501} {
		srv := newServer(t)
		srv.on("Viewer", 1, status(code, "no"))
		_, err := srv.client().Viewer(t.Context())
		assert.Error(t, err, code)
		assert.Equal(t, 1, srv.count("Viewer"), code)
	}
}

func TestPatienceEnds(t *testing.T) {
	srv := newServer(t)
	srv.on("Viewer", 1000, status(503, "closed for today"))
	_, err := srv.client().Viewer(t.Context())
	require.Equal(t, "server_error", fault.Code(err))
	assert.Contains(t, err.Error(), "closed for today")
	assert.Contains(t, err.Error(), "503")
	assert.Greater(t, srv.count("Viewer"), 3)
	assert.LessOrEqual(t, srv.count("Viewer"), 20)
}

func TestTheServersWaitsAreKept(t *testing.T) {
	for name, headers := range map[string][]string{
		"seconds":        {"Retry-After", "0.04"},
		"rate limit":     {"RateLimit-Remaining", "0", "RateLimit-Reset", "0.04"},
		"capped":         {"Retry-After", "86400"}, // at 100 ms in these tests
		"capped, as day": {"Retry-After", time.Now().Add(24 * time.Hour).UTC().Format(http.TimeFormat)},
	} {
		t.Run(name, func(t *testing.T) {
			srv := newServer(t)
			var times []time.Time
			var mu sync.Mutex
			note := func() { mu.Lock(); times = append(times, time.Now()); mu.Unlock() }
			srv.on("Viewer", 2, func(w http.ResponseWriter, r *http.Request) { note(); status(429, "slow down", headers...)(w, r) })
			srv.on("Viewer", 1, func(w http.ResponseWriter, _ *http.Request) {
				note()
				reply(w, 200, obj{"data": obj{"viewer": obj{"id": "u"}}})
			})
			_, err := srv.client().Viewer(t.Context())
			require.NoError(t, err)
			require.Len(t, times, 3)
			for i := 1; i < len(times); i++ {
				assert.GreaterOrEqual(t, times[i].Sub(times[i-1]), 40*time.Millisecond)
			}
		})
	}
}

func TestADateInThePastIsNoWait(t *testing.T) {
	srv := newServer(t)
	srv.on("Viewer", 1, status(503, "", "Retry-After", time.Now().Add(-time.Hour).UTC().Format(http.TimeFormat)))
	timings := quick()
	timings.RetryWait, timings.RetryWaitMax, timings.Patience = time.Hour, time.Hour, 2*time.Hour
	_, err := srv.client(wandb.WithTimings(timings)).Viewer(t.Context())
	assert.NoError(t, err)
}

func TestAServerThatOnlyDelaysIsGivenUp(t *testing.T) {
	srv := newServer(t)
	srv.on("Viewer", 1000, status(429, "busy", "Retry-After", "10"))
	_, err := srv.client().Viewer(t.Context())
	require.Equal(t, "rate_limited", fault.Code(err))
	assert.Contains(t, err.Error(), "busy")
	assert.Equal(t, 6, srv.count("Viewer"), "five waits of 100 ms make up the patience of 500 ms")
}

func TestWaitsThatTheServerAskedForDoNotUseUpThePatience(t *testing.T) {
	srv := newServer(t)
	srv.on("Viewer", 3, status(429, "", "Retry-After", "0.6"))
	srv.on("Viewer", 2, status(500, ""))
	timings := quick()
	timings.ServerWaitMax, timings.ServerPatience, timings.Patience = time.Second, time.Minute, 1500*time.Millisecond
	_, err := srv.client(wandb.WithTimings(timings)).Viewer(t.Context())
	assert.NoError(t, err)
}

func TestAUsedUpRateLimitHoldsBackTheNextRequests(t *testing.T) {
	srv := newServer(t)
	srv.on("Viewer", 1, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("RateLimit-Remaining", "0")
		w.Header().Set("RateLimit-Reset", "0.08")
		reply(w, 200, obj{"data": obj{"viewer": obj{"id": "u"}}})
	})
	c := srv.client()
	start := time.Now()
	_, err := c.Viewer(t.Context())
	require.NoError(t, err)
	_, err = c.Viewer(t.Context())
	require.NoError(t, err)
	assert.GreaterOrEqual(t, time.Since(start), 60*time.Millisecond)
}

func TestAServerThatHangsIsATimeout(t *testing.T) {
	srv := newServer(t)
	release := make(chan struct{})
	srv.on("Viewer", 1000, func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-release:
		case <-r.Context().Done():
		}
	})
	timings := quick()
	timings.Try = 20 * time.Millisecond
	_, err := srv.client(wandb.WithTimings(timings)).Viewer(t.Context())
	close(release)
	assert.Equal(t, "timeout", fault.Code(err), "%v", err)
	assert.Equal(t, fault.WandB, fault.As(err).Source)
}

func TestACancelEndsEverything(t *testing.T) {
	for name, answer := range map[string]http.HandlerFunc{
		"while the server hangs": func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() },
		"while waiting":          status(503, "", "Retry-After", "3600"),
	} {
		t.Run(name, func(t *testing.T) {
			srv := newServer(t)
			ctx, cancel := context.WithCancel(t.Context())
			srv.on("Viewer", 1000, func(w http.ResponseWriter, r *http.Request) {
				time.AfterFunc(10*time.Millisecond, cancel)
				answer(w, r)
			})
			timings := quick()
			timings.ServerWaitMax, timings.ServerPatience, timings.Try = time.Hour, time.Hour, time.Hour
			_, err := srv.client(wandb.WithTimings(timings)).Viewer(ctx)
			assert.Equal(t, context.Canceled, err, "it comes as it is")
		})
	}
}

func TestTheCallersDeadlineComesAsItIs(t *testing.T) {
	srv := newServer(t)
	srv.on("Viewer", 1000, func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	_, err := srv.client().Viewer(ctx)
	assert.Equal(t, context.DeadlineExceeded, err)
}

func TestEveryFurtherTryIsNoticed(t *testing.T) {
	srv := newServer(t)
	srv.on("Viewer", 2, status(503, ""))
	srv.on("Viewer", 1, drop)
	var mu sync.Mutex
	var notices []string
	_, err := srv.client(wandb.WithNotices(func(s string) { mu.Lock(); notices = append(notices, s); mu.Unlock() })).Viewer(t.Context())
	require.NoError(t, err)
	require.Len(t, notices, 3)
	assert.Contains(t, notices[0], "Viewer: the server answered with status 503; trying again in")
	assert.Contains(t, notices[2], "the connection broke off")
}

func TestAnAnswerWithoutEndIsNotReadToTheEnd(t *testing.T) {
	srv := newServer(t)
	srv.on("Viewer", 1, func(w http.ResponseWriter, _ *http.Request) {
		chunk := []byte(strings.Repeat(" ", 1<<20))
		for range 70 {
			if _, err := w.Write(chunk); err != nil {
				return
			}
		}
	})
	timings := quick()
	timings.Try, timings.SlowTry, timings.Stall = time.Minute, time.Minute, time.Minute
	_, err := srv.client(wandb.WithTimings(timings)).Viewer(t.Context())
	assert.Equal(t, "server_error", fault.Code(err), "%v", err)
	assert.Contains(t, err.Error(), strconv.Itoa(64)+" MB")
}

func TestAnEndedContextSendsNothing(t *testing.T) {
	srv := newServer(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := srv.client().Viewer(ctx)
	assert.Equal(t, context.Canceled, err)
	assert.Zero(t, srv.count("Viewer"))
}
