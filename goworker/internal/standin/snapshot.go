package standin

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"
)

// saveEvery is the shortest time between two saves; a save that takes long is followed by a longer pause.
const saveEvery = 2 * time.Second

// loadData reads the state that a server left, and its manifests from the files.
func loadData(path string, blobs blobStore) (*data, error) {
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return newData(), nil
	}
	if err != nil {
		return nil, err
	}
	d := newData()
	if err := json.Unmarshal(text, d); err != nil {
		return nil, fmt.Errorf("reading the state in %s: %w", path, err)
	}
	d.index()
	for _, a := range sorted(d.Artifacts, func(a *artifact) bool { return a.State != pending }, func(a *artifact) int64 { return a.N }) {
		if a.Manifest == nil || a.Manifest.Stored == "" {
			continue // deleted before it was committed
		}
		contents, err := readManifest(blobs, a.Manifest.Digest)
		if err != nil {
			return nil, fmt.Errorf("reading the manifest of artifact %s: %w", a.ID, err)
		}
		a.setContents(contents)
		if c := d.Collections[a.Collection]; c != nil && a.State == committed {
			c.remember(a)
		}
	}
	return d, nil
}

// save writes the state if it changed since the last time.
func (s *Server) save() error {
	if !s.dirty.Swap(false) {
		return nil
	}
	s.mu.RLock()
	text, err := json.Marshal(s.data)
	s.mu.RUnlock()
	if err != nil {
		return err
	}
	tmp := s.statePath() + ".new"
	if err := os.WriteFile(tmp, text, 0o600); err != nil {
		return err
	}
	return os.Rename(tmp, s.statePath())
}

func (s *Server) saveLoop() {
	wait := saveEvery
	for {
		select {
		case <-s.stopped.Done():
			return
		case <-time.After(wait):
		}
		start := time.Now()
		if err := s.save(); err != nil {
			s.stats.refused("saving the state: " + err.Error())
		}
		wait = max(saveEvery, 20*time.Since(start))
	}
}

// change runs fn with the data locked for writing.
func (s *Server) change(fn func(d *data) error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.dirty.Store(true)
	return fn(s.data)
}

// read runs fn with the data locked for reading.
func (s *Server) read(fn func(d *data)) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	fn(s.data)
}
