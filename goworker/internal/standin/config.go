package standin

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"time"
)

// config is the limits and the behaviour in the form of the admin endpoint /__admin/config
// and of the command's flag --config. Times are in seconds.
type config struct {
	UploadURLTTL   seconds `json:"upload_url_ttl"`
	DownloadURLTTL seconds `json:"download_url_ttl"`
	CrashAfter     seconds `json:"crash_after"`
	Hang           seconds `json:"hang"`
	PageMax        int     `json:"page_max"`
	MaxBatch       int     `json:"max_batch"`
	MaxBody        int64   `json:"max_body"`
	MaxFileStream  int64   `json:"max_filestream"`
	ConfigMax      int     `json:"config_max"`
	TypeMax        int     `json:"type_max"`
	Behaviour
}

// seconds is a time that is written as a number of seconds.
type seconds time.Duration

// MarshalJSON writes the number of seconds.
func (s seconds) MarshalJSON() ([]byte, error) { return json.Marshal(time.Duration(s).Seconds()) }

// UnmarshalJSON reads a number of seconds.
func (s *seconds) UnmarshalJSON(text []byte) error {
	var n float64
	if err := json.Unmarshal(text, &n); err != nil {
		return err
	}
	*s = seconds(n * float64(time.Second))
	return nil
}

func (s *Server) config() config {
	l := s.limits.Load()
	return config{
		UploadURLTTL: seconds(l.UploadURLTTL), DownloadURLTTL: seconds(l.DownloadURLTTL), CrashAfter: seconds(l.CrashAfter), Hang: seconds(l.Hang),
		PageMax: l.PageMax, MaxBatch: l.MaxBatch, MaxBody: l.MaxBody, MaxFileStream: l.MaxFileStream, ConfigMax: l.ConfigMax, TypeMax: l.TypeMax,
		Behaviour: s.Behaviour(),
	}
}

// Configure changes the limits and the behaviour that a JSON object names, and leaves the
// others: upload_url_ttl, download_url_ttl, crash_after and hang in seconds; page_max,
// max_batch, max_body, max_filestream, config_max, type_max; and the names of Behaviour.
// Zero gives a limit its default.
func (s *Server) Configure(text []byte) error {
	c := s.config()
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&c); err != nil {
		return fmt.Errorf("the configuration is not valid: %w", err)
	}
	if err := s.SetBehaviour(c.Behaviour); err != nil {
		return err
	}
	s.SetLimits(Limits{
		UploadURLTTL: time.Duration(c.UploadURLTTL), DownloadURLTTL: time.Duration(c.DownloadURLTTL),
		CrashAfter: time.Duration(c.CrashAfter), Hang: time.Duration(c.Hang),
		PageMax: c.PageMax, MaxBatch: c.MaxBatch, MaxBody: c.MaxBody, MaxFileStream: c.MaxFileStream, ConfigMax: c.ConfigMax, TypeMax: c.TypeMax,
	})
	return nil
}

func (s *Server) postConfig(w http.ResponseWriter, r *http.Request) {
	text, ok := adminBody(w, r)
	if !ok {
		return
	}
	if err := s.Configure(text); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}
