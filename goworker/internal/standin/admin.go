package standin

import (
	"fmt"
	"io"
	"mime"
	"net/http"
)

// adminHandler serves what tests ask of a stand-in in another process; no key is needed.
func (s *Server) adminHandler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /__admin/faults", func(w http.ResponseWriter, _ *http.Request) { writeJSON(w, http.StatusOK, s.Faults()) })
	mux.HandleFunc("POST /__admin/faults", s.postFaults)
	mux.HandleFunc("DELETE /__admin/faults", func(w http.ResponseWriter, _ *http.Request) {
		s.ClearFaults()
		w.WriteHeader(http.StatusNoContent)
	})
	mux.HandleFunc("GET /__admin/stats", func(w http.ResponseWriter, _ *http.Request) { writeJSON(w, http.StatusOK, s.Stats()) })
	mux.HandleFunc("DELETE /__admin/stats", func(w http.ResponseWriter, _ *http.Request) {
		s.ResetStats()
		w.WriteHeader(http.StatusNoContent)
	})
	mux.HandleFunc("GET /__admin/state", func(w http.ResponseWriter, _ *http.Request) { writeJSON(w, http.StatusOK, s.State()) })
	mux.HandleFunc("GET /__admin/config", func(w http.ResponseWriter, _ *http.Request) { writeJSON(w, http.StatusOK, s.config()) })
	mux.HandleFunc("POST /__admin/config", s.postConfig)
	mux.HandleFunc("GET /__admin/answers", func(w http.ResponseWriter, _ *http.Request) { writeJSON(w, http.StatusOK, s.Answers()) })
	mux.HandleFunc("GET /__admin/file/{entity}/{project}/{collection}/{alias}/{path...}", s.getAdminFile)
	return mux
}

// adminBody reads the JSON of an admin request. The media type is asked for because a page of
// some site cannot send it without asking first.
func adminBody(w http.ResponseWriter, r *http.Request) ([]byte, bool) {
	if media, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type")); media != "application/json" {
		http.Error(w, "the body must be application/json", http.StatusUnsupportedMediaType)
		return nil, false
	}
	text, err := io.ReadAll(io.LimitReader(r.Body, 1<<20))
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
	}
	return text, err == nil
}

func (s *Server) postFaults(w http.ResponseWriter, r *http.Request) {
	text, ok := adminBody(w, r)
	if !ok {
		return
	}
	faults, err := decodeFaults(text)
	for _, f := range faults {
		if err == nil {
			err = s.AddFault(f)
		}
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

func (s *Server) getAdminFile(w http.ResponseWriter, r *http.Request) {
	text, err := s.ReadFile(r.PathValue("entity"), r.PathValue("project"), r.PathValue("collection"), r.PathValue("alias"), r.PathValue("path"))
	if err != nil {
		http.Error(w, err.Error(), http.StatusNotFound)
		return
	}
	w.Header().Set("Content-Type", "application/octet-stream")
	_, _ = w.Write(text)
}

// ReadFile gives the bytes of a file of a committed version; alias may be vN. An empty path gives the manifest.
func (s *Server) ReadFile(entity, project, collection, alias, path string) ([]byte, error) {
	var digest string
	s.read(func(d *data) {
		m := d.Collections[key(entity, project, collection)].member(d, alias)
		if m == nil {
			return
		}
		if path == "" {
			digest = m.artifact.Manifest.Digest
		} else if e, ok := m.artifact.contents[path]; ok && e.Ref == "" {
			digest = e.Digest
		}
	})
	if digest == "" {
		return nil, fmt.Errorf("no file %q in %s/%s/%s:%s", path, entity, project, collection, alias)
	}
	file, err := s.blobs.open(digest)
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }()
	return io.ReadAll(file)
}
