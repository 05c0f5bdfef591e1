package standin

import (
	"compress/gzip"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/standin/gqlexec"
)

// apiPaths are the first parts of paths that are the API's; all others are pages.
var apiPaths = []string{"graphql", "files", "artifactsV2", "sdk", "oidc"}

// apiHandler serves the API, the pages and the admin endpoints.
func (s *Server) apiHandler() http.Handler {
	api := http.NewServeMux()
	api.HandleFunc("POST /graphql", s.graphqlEndpoint)
	api.HandleFunc("POST /files/{entity}/{project}/{run}/file_stream", s.fileStreamEndpoint)
	api.HandleFunc("GET /files/{entity}/{project}/{run}/{name...}", s.runFileEndpoint)
	api.HandleFunc("GET /artifactsV2/{region}/{rest...}", s.directEndpoint)
	counted, admin, shown := s.behindAccessProxy(s.counted(api)), s.adminHandler(), s.pages.handler()
	byPath := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		first, _, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
		switch {
		case slices.Contains(apiPaths, first):
			counted.ServeHTTP(w, r)
		case first == "__admin":
			admin.ServeHTTP(w, r)
		default:
			shown.ServeHTTP(w, r)
		}
	})
	return onlyLoopback(http.NewCrossOriginProtection().Handler(byPath))
}

// onlyLoopback refuses requests that were meant for another host: a page of some site whose
// name was made to point here would send its own name.
func onlyLoopback(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host := r.Host
		if name, _, err := net.SplitHostPort(host); err == nil {
			host = name
		}
		if !isLoopback(strings.Trim(host, "[]")) {
			http.Error(w, "this server answers to loopback names only", http.StatusForbidden)
			return
		}
		h.ServeHTTP(w, r)
	})
}

// authorized reports whether a request carries a key that is let in.
func (s *Server) authorized(r *http.Request) bool {
	_, password, ok := r.BasicAuth()
	return ok && s.keys[sha256.Sum256([]byte(password))]
}

// restricted answers 401 to requests without a key; it is false then.
func (s *Server) restricted(w http.ResponseWriter, r *http.Request) bool {
	if s.authorized(r) {
		return true
	}
	s.stats.refused("401: " + r.Method + " " + r.URL.Path)
	writeJSON(w, http.StatusUnauthorized, map[string]string{"error": "user is not logged in"})
	return false
}

// errTooLarge is what readBody gives for a body over the limit.
var errTooLarge = errors.New("the request is larger than the server takes")

// readBody reads a request's body of at most limit bytes, unpacked if it is packed.
func (s *Server) readBody(r *http.Request, limit int64) ([]byte, error) {
	body := io.Reader(io.LimitReader(r.Body, limit+1))
	if r.Header.Get("Content-Encoding") == "gzip" {
		packed, err := gzip.NewReader(body)
		if err != nil {
			return nil, err
		}
		body = io.LimitReader(packed, limit+1)
	}
	text, err := io.ReadAll(body)
	if err == nil && int64(len(text)) > limit {
		_, _ = io.CopyN(io.Discard, r.Body, 4*limit) // so that the client reads the answer
		return nil, errTooLarge
	}
	return text, err
}

func writeJSON(w http.ResponseWriter, status int, value any) {
	text, err := json.Marshal(value)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(text)
}

// refusal makes an error with an HTTP status.
func refusal(status int, message string) error {
	return &gqlexec.Error{Message: message, Status: status}
}

func badRequest(message string) error { return refusal(http.StatusBadRequest, message) }

func notFound(message string) error { return refusal(http.StatusNotFound, message) }

// writeError answers a request that is not GraphQL with an error.
func (s *Server) writeError(w http.ResponseWriter, err error) {
	status := http.StatusInternalServerError
	var known *gqlexec.Error
	if errors.As(err, &known) {
		status = known.Status
	}
	s.stats.refused(err.Error())
	writeJSON(w, status, map[string]string{"error": err.Error()})
}
