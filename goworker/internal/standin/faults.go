package standin

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/standin/gqlexec"
)

// The kinds of requests that a fault can be put on.
const (
	KindGraphQL    = "graphql"    // matched by the operation's name
	KindUpload     = "upload"     // PUTs to the storage, matched by the storage key
	KindDownload   = "download"   // GETs of files, matched by the storage key or the path
	KindFileStream = "filestream" // matched by the path
	KindAny        = "any"
)

// What a fault does.
const (
	ModeStatus       = "status"        // answers Status, without doing anything
	ModeGraphQLError = "graphql_error" // answers 200 with a GraphQL error, without doing anything
	ModeDrop         = "drop"          // closes the connection, without doing anything
	ModeDropAfter    = "drop_after"    // does it, then closes the connection without an answer
	ModeCut          = "cut"           // closes the connection half way through the upload, or through the answer
	ModeHang         = "hang"          // never answers
	ModeHold         = "hold"          // waits until ClearFaults, then goes on as if there had been no fault
	ModeLatency      = "latency"       // waits Latency, then goes on; adds to whatever else is due
	ModeCorrupt      = "corrupt"       // changes the first byte of the answer's body
	ModeTruncate     = "truncate"      // answers with the first half of the body, as if that were all
	ModeAnswer       = "answer"        // replays Answer; it need not be given
)

var (
	faultKinds = []string{KindGraphQL, KindUpload, KindDownload, KindFileStream, KindAny}
	faultModes = []string{
		ModeStatus, ModeGraphQLError, ModeDrop, ModeDropAfter, ModeCut, ModeHang, ModeHold, ModeLatency, ModeCorrupt, ModeTruncate, ModeAnswer,
	}
)

// Fault is something that goes wrong on purpose.
type Fault struct {
	Kind string `json:"kind"`
	// Match is a regular expression for what Kind says; empty matches all.
	Match string `json:"match,omitempty"`
	Mode  string `json:"mode"`
	// Count is how often it happens: once if 0, always if negative. Skip requests pass before.
	Count int `json:"count,omitempty"`
	Skip  int `json:"skip,omitempty"`
	// Status is the HTTP status of ModeStatus: 500 if 0.
	Status int `json:"status,omitempty"`
	// Message and Code (GraphQL's extensions.code) are the words of the answer.
	Message string `json:"message,omitempty"`
	Code    string `json:"code,omitempty"`
	// Headers are sent with the answer: Retry-After, RateLimit-Remaining, RateLimit-Reset.
	Headers map[string]string `json:"headers,omitempty"`
	// LatencyMS is the wait in milliseconds before anything else, in every mode.
	LatencyMS float64 `json:"latency_ms,omitempty"`

	// Answer is the id of an answer of the real server (Options.Answers), which is replayed byte
	// for byte. It meets the requests that it was an answer to, as often as it came.
	Answer string `json:"answer,omitempty"`
	// Op narrows what is met to an operation, a field that it asks for first (upsertBucket), or
	// PUT, GET, "PUT manifest", "PUT artifact file", "PUT run file", file_stream.
	Op string `json:"op,omitempty"`

	match   *regexp.Regexp
	answer  *answer
	cleared <-chan struct{}
}

// meets reports whether a fault is for a request, whose names are of every form that Op may have.
func (f *Fault) meets(names []string) bool {
	switch {
	case f.Op != "":
		return slices.Contains(names, f.Op)
	case f.answer != nil:
		return f.answer.meets(names)
	}
	return true
}

type faultList struct {
	mu      sync.Mutex
	items   []*Fault
	cleared chan struct{} // closed by clear: what the faults so far hold goes on
}

// clear removes all faults and lets go of the requests that they hold.
func (l *faultList) clear() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.items = nil
	if l.cleared != nil {
		close(l.cleared)
		l.cleared = nil
	}
}

// AddFault puts a fault on the requests to come. Faults are tried in the order of adding.
func (s *Server) AddFault(f Fault) error {
	if f.Answer != "" {
		if err := s.replay(&f); err != nil {
			return err
		}
	}
	if !slices.Contains(faultKinds, f.Kind) {
		return fmt.Errorf("the kind of a fault is one of %v", faultKinds)
	}
	if !slices.Contains(faultModes, f.Mode) {
		return fmt.Errorf("the mode of a fault is one of %v", faultModes)
	}
	var err error
	if f.match, err = regexp.Compile(f.Match); err != nil {
		return err
	}
	if f.Count == 0 {
		f.Count = 1
	}
	if f.Status == 0 && f.Mode != ModeAnswer {
		f.Status = http.StatusInternalServerError
	}
	if f.Message == "" && f.Status == http.StatusTooManyRequests {
		f.Message = "rate limit exceeded"
	} else if f.Message == "" {
		f.Message = "injected fault"
	}
	f.Headers = maps.Clone(f.Headers)
	s.faults.mu.Lock()
	defer s.faults.mu.Unlock()
	s.faults.items = append(s.faults.items, &f)
	if s.faults.cleared == nil {
		s.faults.cleared = make(chan struct{})
	}
	f.cleared = s.faults.cleared
	return nil
}

// ClearFaults removes all faults. Requests that ModeHold holds are answered now.
func (s *Server) ClearFaults() { s.faults.clear() }

// Faults are the faults that are still due, with what is left of their Count and Skip.
func (s *Server) Faults() []Fault {
	s.faults.mu.Lock()
	defer s.faults.mu.Unlock()
	out := []Fault{}
	for _, f := range s.faults.items {
		out = append(out, *f)
	}
	return out
}

// take gives the wait and the fault that are due for a request, and counts them.
func (l *faultList) take(kind, what string, names []string) (wait time.Duration, due *Fault, fired int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, f := range l.items {
		if (f.Kind != kind && f.Kind != KindAny) || !f.match.MatchString(what) || !f.meets(names) || (due != nil && f.Mode != ModeLatency) {
			continue
		}
		if f.Skip > 0 {
			f.Skip--
			continue
		}
		if f.Count > 0 {
			f.Count--
		}
		if f.Count == 0 {
			f.Count = spent
		}
		fired++
		wait += time.Duration(f.LatencyMS * float64(time.Millisecond))
		if f.Mode != ModeLatency {
			due = f
		}
	}
	l.items = slices.DeleteFunc(l.items, func(f *Fault) bool { return f.Count == spent })
	return wait, due, fired
}

// maxDiscard is the most of a body that is read to be thrown away.
const maxDiscard = 64 << 20

// noAnswer keeps a request without an answer until the client leaves or the server has had
// enough, and closes the connection.
func (s *Server) noAnswer(r *http.Request) {
	_, _ = io.Copy(io.Discard, io.LimitReader(r.Body, maxDiscard)) // else the server does not see that the client left
	select {
	case <-time.After(s.limits.Load().Hang):
	case <-r.Context().Done():
	}
	panic(http.ErrAbortHandler)
}

// hold keeps a request until the faults are cleared. If the client leaves before that, or the
// server closes, nothing of the request is done.
func hold(r *http.Request, cleared <-chan struct{}) {
	// Only when the body has been read does the server see that the client left.
	var start bytes.Buffer
	_, _ = io.Copy(&start, io.LimitReader(r.Body, maxDiscard))
	r.Body = struct {
		io.Reader
		io.Closer
	}{io.MultiReader(&start, r.Body), r.Body}
	select {
	case <-cleared:
	case <-r.Context().Done():
		panic(http.ErrAbortHandler)
	}
}

// spent marks a fault that has happened as often as it should.
const spent = -1 << 31

// withFaults answers a request, or does what the faults that are due for it do. What is the
// name that Fault.Match is for; names are those that Fault.Op may have, beside it.
func (s *Server) withFaults(w http.ResponseWriter, r *http.Request, kind, what string, answer func(http.ResponseWriter), names ...string) {
	wait, f, fired := s.faults.take(kind, what, append(names, what))
	s.stats.faulted(fired)
	if wait > 0 {
		select {
		case <-time.After(wait):
		case <-r.Context().Done():
			panic(http.ErrAbortHandler)
		}
	}
	if f == nil {
		answer(w)
		return
	}
	for name, value := range f.Headers {
		w.Header().Set(name, value)
	}
	switch f.Mode {
	case ModeAnswer:
		if f.Status == 0 {
			s.noAnswer(r)
		}
		answerWith(w, r, kind, f.answer, answer)
		return
	case ModeStatus:
		s.answerFault(w, kind, f)
	case ModeGraphQLError:
		writeJSON(w, http.StatusOK, graphqlErrors(f.Message, f.Code))
	case ModeHold:
		hold(r, f.cleared)
		answer(w)
		return
	case ModeHang:
		_, _ = io.Copy(io.Discard, r.Body) // else the server does not see that the client left
		<-r.Context().Done()
	case ModeDropAfter:
		answer(newRecorder())
	case ModeCut:
		s.cut(w, r, kind, answer)
	case ModeCorrupt, ModeTruncate:
		s.alter(w, f.Mode, answer)
		return
	}
	if f.Mode != ModeStatus && f.Mode != ModeGraphQLError {
		panic(http.ErrAbortHandler)
	}
}

// answerFault gives an error in the form that its kind of request has.
func (s *Server) answerFault(w http.ResponseWriter, kind string, f *Fault) {
	switch kind {
	case KindGraphQL:
		if f.Status == http.StatusTooManyRequests || f.Status >= 500 {
			writeJSON(w, f.Status, map[string]string{"error": f.Message})
			return
		}
		writeJSON(w, f.Status, graphqlErrors(f.Message, f.Code))
	case KindUpload, KindDownload:
		s.refuseStorage(w, &storageError{status: f.Status, code: f.Code, message: f.Message})
	default:
		writeJSON(w, f.Status, map[string]string{"error": f.Message})
	}
}

func (s *Server) cut(w http.ResponseWriter, r *http.Request, kind string, answer func(http.ResponseWriter)) {
	if kind == KindUpload {
		_, _ = io.CopyN(io.Discard, r.Body, max(r.ContentLength/2, 0))
		return
	}
	rec := newRecorder()
	answer(rec)
	maps.Copy(w.Header(), rec.header)
	w.Header().Set("Content-Length", strconv.Itoa(rec.body.Len()))
	w.WriteHeader(rec.status)
	_, _ = w.Write(rec.body.Bytes()[:rec.body.Len()/2])
	_ = http.NewResponseController(w).Flush()
}

func (s *Server) alter(w http.ResponseWriter, mode string, answer func(http.ResponseWriter)) {
	rec := newRecorder()
	answer(rec)
	body := rec.body.Bytes()
	if mode == ModeTruncate {
		body = body[:len(body)/2]
	} else if len(body) > 0 {
		body[0] ^= 1
	}
	maps.Copy(w.Header(), rec.header)
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(rec.status)
	_, _ = w.Write(body)
}

// graphqlErrors is an answer with one error, as W&B gives it for the fields that a document
// asks for first: these are null.
func graphqlErrors(message, code string, roots ...string) any {
	failure := gqlexec.Failure{Message: message, Code: code}
	data := map[string]any{}
	for _, root := range roots {
		if failure.Path == nil {
			failure.Path = []any{root}
		}
		data[root] = nil
	}
	out := graphqlAnswer{Errors: []gqlexec.Failure{failure}}
	if len(roots) > 0 {
		out.Data, _ = json.Marshal(data)
	}
	return out
}

// decodeFaults reads one fault or a list of them.
func decodeFaults(text []byte) ([]Fault, error) {
	var list []Fault
	if json.Unmarshal(text, &list) == nil {
		return list, nil
	}
	var one Fault
	if err := json.Unmarshal(text, &one); err != nil {
		return nil, errors.New("the body is neither a fault nor a list of faults")
	}
	return []Fault{one}, nil
}
