package standin

import (
	"net/http"
	"strings"
)

// behindAccessProxy serves as if an access proxy stood before the server: a request without the
// header of Behaviour.AccessHeader gets the proxy's page, and never reaches the server.
func (s *Server) behindAccessProxy(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		name, value, wanted := strings.Cut(s.behaviour.Load().AccessHeader, ":")
		if wanted && r.Header.Get(name) != strings.TrimSpace(value) {
			s.stats.refused("access proxy: " + r.Method + " " + r.URL.Path)
			w.Header().Set("Content-Type", "text/html")
			w.WriteHeader(http.StatusForbidden)
			_, _ = w.Write([]byte("<!doctype html><title>Access denied</title>"))
			return
		}
		h.ServeHTTP(w, r)
	})
}
