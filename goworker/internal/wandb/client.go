package wandb

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/fault"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/localfile"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/pace"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/wandb/config"
)

// Timings are all the durations that the client goes by.
type Timings struct {
	// RetryWait is the wait before the second try; it doubles with each further one,
	// up to RetryWaitMax, and up to a quarter is added at random.
	RetryWait, RetryWaitMax time.Duration
	// Patience is for how long after its first failure a request is tried again.
	Patience time.Duration
	// FirstPatience replaces it as long as the server has never been reached.
	FirstPatience time.Duration
	// ServerWaitMax caps one wait that the server asks for (Retry-After and the rate
	// limit's reset); ServerPatience caps all such waits of one request together.
	ServerWaitMax, ServerPatience time.Duration
	// Dial is the time to connect, and the time for a TLS handshake.
	Dial time.Duration
	// Try is the time for one try of a request to the API; SlowTry is that of a
	// request for which the server has to go through a whole artifact.
	Try, SlowTry time.Duration
	// Stall is for how long an upload may stand still.
	Stall time.Duration
	// Heartbeat is the time between two heartbeats of a run.
	Heartbeat time.Duration
}

// DefaultTimings are those for real servers. A server that dies in mid-job is
// reported after about two minutes, one that hangs after three.
func DefaultTimings() Timings {
	return Timings{
		RetryWait: 2 * time.Second, RetryWaitMax: 30 * time.Second,
		Patience: 2 * time.Minute, FirstPatience: 5 * time.Second,
		ServerWaitMax: 5 * time.Minute, ServerPatience: 15 * time.Minute,
		Dial: 10 * time.Second, Try: 30 * time.Second, SlowTry: 2 * time.Minute,
		Stall: time.Minute, Heartbeat: 30 * time.Second,
	}
}

// Limits say how much is done at once and how files are cut.
type Limits struct {
	// Uploads is the most transfers that run at the same time; FirstUploads is how many it begins with. The client
	// finds out how many the server bears, see package pace.
	FirstUploads, Uploads int
	// Batches is the number of requests for upload addresses in flight.
	Batches int
	// FirstBatch and MaxBatch are the number of files in the first such request and
	// in the later ones, which grow as far as the server takes them.
	FirstBatch, MaxBatch int
	// Multipart is the size in bytes from which a file goes up in parts, and Part
	// the size of a part. Whole is the most bytes that a store takes in one piece, if it
	// is not Google's, which takes far more.
	Multipart, Part, Whole int64
}

// DefaultLimits are those for real servers.
func DefaultLimits() Limits {
	return Limits{
		FirstUploads: 32, Uploads: 256, Batches: 4, FirstBatch: 32, MaxBatch: 2000,
		Multipart: 2 << 30, Part: 100 << 20, Whole: 5 << 30,
	}
}

// otherConnections are those beside the ones of uploads: requests to the API, heartbeats, downloads.
const otherConnections = 32

// withinHandles lowers the number of uploads to what the process has file handles for: each takes one for its
// file and one for its connection, and the rest of the worker needs some, too.
func (l Limits) withinHandles(handles int) Limits {
	l.Uploads = max(1, min(l.Uploads, (handles-128)/2))
	return l
}

// Option changes a client's defaults.
type Option func(*Client)

// WithTimings replaces the durations.
func WithTimings(t Timings) Option { return func(c *Client) { c.timings = t } }

// WithLimits replaces the limits.
func WithLimits(l Limits) Option { return func(c *Client) { c.limits = l } }

// WithNotices has one sentence sent to f, and not to the log, for each request that will be tried again
// and each heartbeat that failed. f may be called from several goroutines at once.
func WithNotices(f func(string)) Option { return func(c *Client) { c.notice = f } }

// Client talks to one W&B server as one user. It is safe for concurrent use.
type Client struct {
	settings config.Settings
	timings  Timings
	limits   Limits
	notice   func(string)

	transport *http.Transport
	wire      *headerTransport // the transport with the user's headers
	api       *endpoint        // requests with the key, to the base URL
	slowAPI   *endpoint        // the same with more time
	store     *endpoint        // signed addresses, without the key
	gate      gate
	// uploads and batch remember for the client's life what the server bears.
	uploads *pace.Slots
	batch   *pace.Batch
	spoke   atomic.Bool            // W&B itself has answered
	entity  atomic.Pointer[string] // the viewer's default, once it is known
	beats   heartbeatsByRun
	// life ends with Close: heartbeats outlast the call that starts them.
	life    context.Context //nolint:containedctx // There is no other way for Close to end them.
	endLife context.CancelFunc
	scrub   *strings.Replacer
}

// endpoint is a way of sending requests, with what is known of its other end.
type endpoint struct {
	http    *http.Client
	isStore bool
	// reached says that an answer of any kind came back at some time.
	reached *atomic.Bool
	// failing is since when the store has not had a good answer for anybody.
	failing streak
}

// NewClient makes a client for settings that Resolve made. It sends nothing yet.
// Close it when it is no longer needed.
func NewClient(s config.Settings, opts ...Option) (*Client, error) {
	if s.BaseURL == "" || (s.APIKey.Reveal() == "" && s.IdentityTokenFile == "") {
		return nil, fault.New(fault.Plugin, fault.Internal, "The W&B client was started without a server or a key.")
	}
	c := &Client{settings: s, timings: DefaultTimings(), limits: DefaultLimits(), notice: func(text string) { slog.Warn(text) }}
	c.life, c.endLife = context.WithCancel(context.Background())
	for _, o := range opts {
		o(c)
	}
	c.limits = c.limits.withinHandles(localfile.Handles())
	c.uploads = pace.NewSlots(pace.NewController(c.limits.FirstUploads, c.limits.Uploads))
	c.batch = pace.NewBatch(c.limits.FirstBatch, c.limits.MaxBatch)
	c.transport = newTransport(s.Network(), c.timings.Dial, c.limits.Uploads+otherConnections)
	c.wire = &headerTransport{headers: s.ExtraHeaders.List(), base: s.BaseURL, next: c.transport}
	c.scrub = scrubber(s)

	auth := &authTransport{base: s.BaseURL, userAgent: s.UserAgent, identity: s.Identity(), next: c.wire, credentials: c.credentials()}
	stay := func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	reached := new(atomic.Bool)
	c.api = &endpoint{http: &http.Client{Transport: auth, CheckRedirect: stay, Timeout: c.timings.Try}, reached: reached}
	c.slowAPI = &endpoint{http: &http.Client{Transport: auth, CheckRedirect: stay, Timeout: c.timings.SlowTry}, reached: reached}
	c.store = &endpoint{
		http:    &http.Client{Transport: &stallTransport{userAgent: s.UserAgent, limit: c.timings.Stall, next: c.wire}},
		isStore: true, reached: new(atomic.Bool),
	}
	return c, nil
}

// Settings are those that the client was made with.
func (c *Client) Settings() config.Settings { return c.settings }

// Format implements fmt.Formatter: printing a client must not print what is in it,
// since fmt does not ask unexported fields how they want to be shown.
func (c *Client) Format(f fmt.State, _ rune) { _, _ = fmt.Fprint(f, "W&B client for "+c.host()) }

// Close ends all heartbeats and drops the idle connections.
func (c *Client) Close() {
	c.endLife()
	c.transport.CloseIdleConnections()
}

// gate holds requests to the API back while the server's rate limit is used up.
type gate struct {
	mu    sync.Mutex
	until time.Time
}

func (g *gate) close(d time.Duration) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if until := time.Now().Add(d); until.After(g.until) {
		g.until = until
	}
}

func (g *gate) wait() time.Duration {
	g.mu.Lock()
	defer g.mu.Unlock()
	return time.Until(g.until)
}
