package standin

import (
	"bytes"
	"io"
	"maps"
	"net/http"
	"slices"
	"sync"
	"time"
)

// Names under which requests other than GraphQL operations are counted.
const (
	countUpload     = "PUT file"
	countDownload   = "GET file"
	countFileStream = "file_stream"
	countRunFile    = "GET run file"
	countDirect     = "GET artifactsV2"
)

// keptRefusals bounds the list of refusals.
const keptRefusals = 200

// Stats say what was asked of the server since the start or the last reset; the pages
// and the admin endpoints do not count.
type Stats struct {
	// Requests counts by GraphQL operation, or by what else was asked.
	Requests map[string]int `json:"requests"`
	// Statuses counts answers by HTTP status; 0 is a dropped connection.
	Statuses map[int]int `json:"statuses"`
	// Total is the number of requests.
	Total int `json:"total"`
	// Series is the length of the longest chain of requests of which each began after
	// the one before had ended: what latency multiplies.
	Series int `json:"series"`
	// MaxConcurrent and MaxUploads are the most requests, and PUTs, at one time.
	MaxConcurrent int `json:"max_concurrent"`
	MaxUploads    int `json:"max_uploads"`
	// MaxBatch is the most files in one createArtifactFiles.
	MaxBatch int `json:"max_batch"`
	// BytesUp and BytesDown are the bytes of stored and of served files, BytesGraphQL those of GraphQL requests.
	BytesUp      int64 `json:"bytes_up"`
	BytesDown    int64 `json:"bytes_down"`
	BytesGraphQL int64 `json:"bytes_graphql"`
	// FaultsFired counts injected faults.
	FaultsFired int `json:"faults_fired"`
	// Refusals are the last things that were refused, in words.
	Refusals []string `json:"refusals"`
	// Seconds is how long this was counted.
	Seconds float64 `json:"seconds"`
}

type statistics struct {
	mu        sync.Mutex
	s         Stats
	since     time.Time
	active    int
	uploads   int
	completed int // the longest chain that has ended
	epoch     int // so that a request that began before a reset does not count after it
}

// Stats are the counts so far.
func (s *Server) Stats() Stats {
	s.stats.mu.Lock()
	defer s.stats.mu.Unlock()
	out := s.stats.s
	out.Requests, out.Statuses = maps.Clone(out.Requests), maps.Clone(out.Statuses)
	out.Refusals = slices.Clone(out.Refusals)
	out.Seconds = time.Since(s.stats.since).Seconds()
	return out
}

// ResetStats starts counting from zero.
func (s *Server) ResetStats() { s.stats.reset() }

func (t *statistics) reset() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.s = Stats{Requests: map[string]int{}, Statuses: map[int]int{}, Refusals: []string{}}
	t.since = time.Now()
	t.completed = 0
	t.epoch++
}

func (t *statistics) update(fn func(s *Stats)) {
	t.mu.Lock()
	defer t.mu.Unlock()
	fn(&t.s)
}

func (t *statistics) count(name string)  { t.update(func(s *Stats) { s.Requests[name]++ }) }
func (t *statistics) received(n int64)   { t.update(func(s *Stats) { s.BytesUp += n }) }
func (t *statistics) sent(n int64)       { t.update(func(s *Stats) { s.BytesDown += n }) }
func (t *statistics) faulted(n int)      { t.update(func(s *Stats) { s.FaultsFired += n }) }
func (t *statistics) batch(n int)        { t.update(func(s *Stats) { s.MaxBatch = max(s.MaxBatch, n) }) }
func (t *statistics) graphqlBytes(n int) { t.update(func(s *Stats) { s.BytesGraphQL += int64(n) }) }
func (t *statistics) refused(text string) {
	t.update(func(s *Stats) {
		s.Refusals = append(s.Refusals, text)
		s.Refusals = s.Refusals[max(0, len(s.Refusals)-keptRefusals):]
	})
}

// begin counts a request in; what it gives back counts it out, with its status.
func (t *statistics) begin() func(status int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.s.Total++
	t.active++
	t.s.MaxConcurrent = max(t.s.MaxConcurrent, t.active)
	chain, epoch := t.completed+1, t.epoch
	return func(status int) {
		t.mu.Lock()
		defer t.mu.Unlock()
		t.active--
		if t.epoch == epoch {
			t.completed = max(t.completed, chain)
			t.s.Series = max(t.s.Series, chain)
			t.s.Statuses[status]++
		}
	}
}

func (t *statistics) uploading() func() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.uploads++
	t.s.MaxUploads = max(t.s.MaxUploads, t.uploads)
	return func() {
		t.mu.Lock()
		defer t.mu.Unlock()
		t.uploads--
	}
}

// counted counts the requests of a handler.
func (s *Server) counted(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		end := s.stats.begin()
		status := &statusWriter{ResponseWriter: w}
		defer func() { end(status.code) }() // also when the connection is dropped by a panic
		h.ServeHTTP(status, r)
		if status.code == 0 {
			status.code = http.StatusOK
		}
	})
}

// statusWriter remembers the status of an answer.
type statusWriter struct {
	http.ResponseWriter
	code int
}

// WriteHeader implements http.ResponseWriter.
func (w *statusWriter) WriteHeader(code int) {
	w.code = code
	w.ResponseWriter.WriteHeader(code)
}

// Write implements http.ResponseWriter.
func (w *statusWriter) Write(p []byte) (int, error) {
	if w.code == 0 {
		w.code = http.StatusOK
	}
	return w.ResponseWriter.Write(p)
}

// ReadFrom implements io.ReaderFrom, which lets files be sent without copying them.
func (w *statusWriter) ReadFrom(r io.Reader) (int64, error) {
	if w.code == 0 {
		w.code = http.StatusOK
	}
	return io.Copy(w.ResponseWriter, r)
}

// Unwrap lets http.ResponseController reach the connection.
func (w *statusWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// recorder holds an answer that is not sent as it is.
type recorder struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func newRecorder() *recorder { return &recorder{header: http.Header{}, status: http.StatusOK} }

// Header implements http.ResponseWriter.
func (r *recorder) Header() http.Header { return r.header }

// WriteHeader implements http.ResponseWriter.
func (r *recorder) WriteHeader(status int) { r.status = status }

// Write implements http.ResponseWriter.
func (r *recorder) Write(p []byte) (int, error) { return r.body.Write(p) }
