package wandb

import (
	"context"
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/secret"
)

func TestTheKeyBelongsToTheBaseURLOnly(t *testing.T) {
	for base, addresses := range map[string]map[string]bool{
		"https://wandb.test": {
			"https://wandb.test/graphql": true, "https://WANDB.test/files/x": true, "http://wandb.test/graphql": false,
			"https://wandb.test:444/graphql": false, "https://wandb.test.evil/graphql": false, "https://evil/https://wandb.test/": false,
			"https://wandb.test@evil/graphql": false, "https://user@wandb.test/graphql": false, "https://wandb.test": false,
		},
		"https://example.com/wandb": {
			"https://example.com/wandb/graphql": true, "https://example.com/graphql": false, "https://example.com/wandbx/graphql": false,
		},
	} {
		for address, want := range addresses {
			u, err := url.Parse(address)
			require.NoError(t, err)
			assert.Equal(t, want, underBase(base, u), address)
		}
	}
}

func TestSizesOfParts(t *testing.T) {
	const mb = 1 << 20
	for size, want := range map[int64]int64{
		2 << 30: 100 * mb, 10_000 * 100 * mb: 100 * mb, 10_000*100*mb + 1: 100*mb + 4096, 5 << 40: 549756928,
	} {
		got := partSize(size, 100*mb)
		assert.Equal(t, want, got)
		assert.LessOrEqual(t, (size+got-1)/got, int64(maxParts))
	}
}

func TestWaitsThatAServerAsksFor(t *testing.T) {
	for name, c := range map[string]struct {
		headers []string
		want    time.Duration
		ok      bool
	}{
		"none":             {nil, 0, false},
		"seconds":          {[]string{"Retry-After", "3"}, 3 * time.Second, true},
		"fraction":         {[]string{"Retry-After", " 0.25 "}, 250 * time.Millisecond, true},
		"zero":             {[]string{"Retry-After", "0"}, 0, true},
		"past":             {[]string{"Retry-After", "Wed, 21 Oct 2015 07:28:00 GMT"}, 0, true},
		"negative":         {[]string{"Retry-After", "-5"}, 0, false},
		"nonsense":         {[]string{"Retry-After", "soon"}, 0, false},
		"not a number":     {[]string{"Retry-After", "NaN"}, 0, false},
		"for ever":         {[]string{"Retry-After", "1e300"}, 24 * time.Hour, true},
		"limit used up":    {[]string{"RateLimit-Remaining", "0", "RateLimit-Reset", "1.5"}, 1500 * time.Millisecond, true},
		"limit not yet":    {[]string{"RateLimit-Remaining", "1", "RateLimit-Reset", "1.5"}, 0, false},
		"reset alone":      {[]string{"RateLimit-Reset", "1.5"}, 0, false},
		"both, after wins": {[]string{"Retry-After", "2", "RateLimit-Remaining", "0", "RateLimit-Reset", "9"}, 2 * time.Second, true},
	} {
		h := http.Header{}
		for i := 0; i < len(c.headers); i += 2 {
			h.Set(c.headers[i], c.headers[i+1])
		}
		got, ok := serverWait(&reply{header: h})
		assert.Equal(t, c.ok, ok, name)
		assert.Equal(t, c.want, got, name)
	}
}

func TestWaitsGrowUpToTheirBoundAndEnd(t *testing.T) {
	timings := DefaultTimings()
	x := exchange{client: &Client{timings: timings}, end: &endpoint{}}
	var total time.Duration
	last := time.Duration(0)
	for x.next(&reply{status: 503, header: http.Header{}}, nil) {
		nominal := min(timings.RetryWait<<(x.tries-1), timings.RetryWaitMax)
		assert.GreaterOrEqual(t, x.wait, nominal)
		assert.LessOrEqual(t, x.wait, nominal+nominal/4)
		assert.GreaterOrEqual(t, x.wait, last*3/4)
		last = x.wait
		total += x.wait
		x.firstFailure = x.firstFailure.Add(-x.wait) // as if it had passed
	}
	assert.LessOrEqual(t, total, timings.Patience)
	assert.Greater(t, total, timings.Patience/2)
}

func TestDocumentsAreThere(t *testing.T) {
	files, err := documents.ReadDir("graphql")
	require.NoError(t, err)
	for _, f := range files {
		raw, err := documents.ReadFile("graphql/" + f.Name())
		require.NoError(t, err)
		op := f.Name()[:len(f.Name())-len(".graphql")]
		assert.Regexp(t, `^(query|mutation) `+op+`\b`, string(raw), "a document is named after its operation")
	}
}

// recorder answers every request with nothing and keeps it.
type recorder struct{ last *http.Request }

// RoundTrip implements http.RoundTripper.
func (r *recorder) RoundTrip(req *http.Request) (*http.Response, error) {
	r.last = req
	return &http.Response{StatusCode: http.StatusOK, Body: http.NoBody}, nil
}

func TestARequestToAnotherServerGetsNoKeyWhoeverSendsIt(t *testing.T) {
	next := new(recorder)
	transport := &authTransport{
		base: "https://wandb.test", next: next,
		credentials: func(context.Context) (secret.String, error) { return "Basic x", nil },
	}
	for address, want := range map[string]string{"https://wandb.test/graphql": "Basic x", "https://elsewhere.test/graphql": ""} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, nil)
		require.NoError(t, err)
		resp, err := transport.RoundTrip(req)
		require.NoError(t, err)
		require.NoError(t, resp.Body.Close())
		assert.Equal(t, want, next.last.Header.Get("Authorization"))
		assert.Empty(t, req.Header.Get("Authorization"), "the caller's request is left as it is")
	}
}

func TestTheBarDoesNotGoBackAndEndsWithTheCall(t *testing.T) {
	var seen []int64
	meter := newUploadMeter(func(p UploadProgress) { seen = append(seen, p.BytesDone) }, 2, 5*reportEvery)
	meter.move(3 * reportEvery)
	meter.move(-3 * reportEvery)
	meter.skip(reportEvery)
	meter.move(2 * reportEvery)
	meter.move(2 * reportEvery)
	meter.stop()
	meter.move(9 * reportEvery)
	assert.Equal(t, []int64{3 * reportEvery, 3 * reportEvery, 3 * reportEvery, 4 * reportEvery}, seen)
}
