package standin

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/standin/gqlexec"
)

// The streams of a run.
const (
	historyStream = "wandb-history.jsonl"
	eventsStream  = "wandb-events.jsonl"
	summaryStream = "wandb-summary.json"
	outputStream  = "output.log"
)

// lineMax is the most bytes in a line of a stream.
const lineMax = 10<<20 - 100<<10

// streamPost is the body of a file_stream request.
type streamPost struct {
	Files      map[string]streamChunk `json:"files"`
	Uploaded   []string               `json:"uploaded"`
	Dropped    *int                   `json:"dropped"`
	Preempting bool                   `json:"preempting"`
	Complete   bool                   `json:"complete"`
	ExitCode   *int64                 `json:"exitcode"`
}

type streamChunk struct {
	Offset  *int     `json:"offset"`
	Content []string `json:"content"`
}

func (s *Server) fileStreamEndpoint(w http.ResponseWriter, r *http.Request) {
	s.stats.count(countFileStream)
	body, err := s.readBody(r, s.limits.Load().MaxFileStream)
	if errors.Is(err, errTooLarge) {
		s.refuseStream(w, http.StatusRequestEntityTooLarge, err.Error())
		return
	}
	if err != nil {
		s.writeError(w, badRequest(err.Error()))
		return
	}
	s.withFaults(w, r, KindFileStream, r.URL.Path, func(w http.ResponseWriter) {
		if strings.HasPrefix(r.Header.Get("Authorization"), "Bearer ") {
			s.writeError(w, refusal(http.StatusUnauthorized, "Malformed token"))
			return
		}
		if !s.restricted(w, r) {
			return
		}
		post, err := s.decodePost(body)
		var refused streamRefusal
		if errors.As(err, &refused) {
			s.refuseStream(w, refused.status, refused.why)
			return
		}
		if err != nil {
			s.writeError(w, err)
			return
		}
		answer, err := s.stream(r.PathValue("entity"), r.PathValue("project"), r.PathValue("run"), post)
		if err != nil {
			s.writeError(w, err)
			return
		}
		writeJSON(w, http.StatusOK, answer)
	}, "file_stream")
}

// streamRefusal is a refusal of which only the status is known: 413 and 422 have no body.
type streamRefusal struct {
	status int
	why    string
}

// Error is what was wrong.
func (r streamRefusal) Error() string { return r.why }

func (s *Server) refuseStream(w http.ResponseWriter, status int, why string) {
	s.stats.refused(fmt.Sprintf("file_stream: %d: %s", status, why))
	w.WriteHeader(status)
}

// streamLimits are the limits of file_stream's answer, as they were seen.
var streamLimits = json.RawMessage(`{"code_saving_enabled":true,"name":"default","private_projects":false,"rate_limit":"400/s","restricted":false,` +
	`"sweeps_enabled":false,"system_metrics":"2/m","teams_enabled":false}`)

// decodePost reads and checks a post; whatever it does not know is refused.
func (s *Server) decodePost(body []byte) (streamPost, error) {
	var post streamPost
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&post); err != nil {
		return post, badRequest("invalid file_stream body: " + err.Error())
	}
	if post.Complete && post.ExitCode == nil {
		return post, badRequest("complete needs an exitcode")
	}
	for name, chunk := range post.Files {
		if !slices.Contains([]string{historyStream, eventsStream, summaryStream, outputStream}, name) {
			return post, badRequest("unknown stream " + name)
		}
		if chunk.Offset == nil || *chunk.Offset < 0 {
			return post, badRequest(name + " needs an offset")
		}
		for _, line := range chunk.Content {
			if len(line) > lineMax {
				return post, streamRefusal{http.StatusRequestEntityTooLarge, "a line of " + name + " is too long"}
			}
			if name != outputStream && !isStreamJSON(line) {
				return post, badRequest("a line of " + name + " is not a JSON object")
			}
			if name == summaryStream && s.longType(line) {
				return post, streamRefusal{http.StatusUnprocessableEntity, "a long value of _type in the summary"}
			}
		}
	}
	return post, nil
}

// isStreamJSON reports whether a line is a JSON object; W&B's own client writes bare NaN and infinities into it.
func isStreamJSON(line string) bool {
	_, err := decodeLine(line)
	return err == nil
}

// longType reports whether a summary has a value of the key _type, anywhere, that is too long.
func (s *Server) longType(line string) bool {
	most := s.limits.Load().TypeMax
	var long func(value any) bool
	long = func(value any) bool {
		switch value := value.(type) {
		case map[string]any:
			if name, ok := value["_type"].(string); ok && utf8.RuneCountInString(name) > most {
				return true
			}
			return slices.ContainsFunc(slices.Collect(maps.Values(value)), long)
		case []any:
			return slices.ContainsFunc(value, long)
		}
		return false
	}
	summary, _ := decodeLine(line) // checked before
	return long(summary)
}

// stream takes a post for a run in.
func (s *Server) stream(entity, project, name string, post streamPost) (any, error) {
	var answer any
	err := s.change(func(d *data) error {
		r, err := d.runByName(s, entity, project, name)
		if err != nil {
			return err
		}
		for stream, chunk := range post.Files {
			if *chunk.Offset > len(r.Streams[stream]) && stream != summaryStream {
				return badRequest(fmt.Sprintf("%s has %d lines: a post at line %d would leave a gap", stream, len(r.Streams[stream]), *chunk.Offset))
			}
		}
		r.StreamPosts++
		if !post.Complete && (r.State == "finished" || r.State == "failed") {
			r.PostsAfterEnd++
		}
		for _, name := range post.Uploaded {
			if f := r.Files[name]; f != nil {
				f.Named = true
			}
		}
		r.Heartbeat = now()
		for stream, chunk := range post.Files {
			r.write(stream, chunk)
		}
		switch {
		case post.Complete:
			r.ExitCode = post.ExitCode
			if *post.ExitCode == 0 {
				r.setState("finished")
			} else {
				r.setState("failed")
			}
		case post.Preempting:
			r.setState("preempting")
		default:
			r.ExitCode = nil
			r.setState("running")
		}
		out := gqlexec.Object{"exitcode": r.ExitCode, "limits": streamLimits}
		if r.Stopped {
			out["stopped"] = true
		}
		answer = out
		return nil
	})
	return answer, err
}

// write puts lines into a stream, over what is there. The summary is one line, always the whole.
func (r *run) write(stream string, chunk streamChunk) {
	if len(chunk.Content) == 0 {
		return
	}
	if stream == summaryStream {
		summary, _ := decodeLine(chunk.Content[len(chunk.Content)-1]) // checked by decodePost
		text, _ := json.Marshal(summary)
		r.Summary = string(text)
		return
	}
	lines, at := r.Streams[stream], *chunk.Offset
	n := copy(lines[at:], chunk.Content)
	r.Streams[stream] = append(lines, chunk.Content[n:]...)
}

// runFileEndpoint answers with where a file of a run is stored.
func (s *Server) runFileEndpoint(w http.ResponseWriter, r *http.Request) {
	s.stats.count(countRunFile)
	s.withFaults(w, r, KindDownload, r.URL.Path, func(w http.ResponseWriter) {
		if !s.restricted(w, r) {
			return
		}
		storageKey := "runs/" + key(r.PathValue("entity"), r.PathValue("project"), r.PathValue("run"), r.PathValue("name"))
		if _, err := s.allowed(r.PathValue("entity")); err != nil {
			s.writeError(w, err)
			return
		}
		if s.digestOf(storageKey) == "" {
			s.writeError(w, notFound("the run has no such file"))
			return
		}
		http.Redirect(w, r, s.signedURL(http.MethodGet, storageKey), http.StatusTemporaryRedirect)
	})
}
