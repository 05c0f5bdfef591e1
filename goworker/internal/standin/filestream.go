package standin

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"

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
	body, err := s.readBody(r)
	if err != nil {
		status := http.StatusBadRequest
		if errors.Is(err, errTooLarge) {
			status = http.StatusRequestEntityTooLarge
		}
		s.writeError(w, refusal(status, err.Error()))
		return
	}
	s.withFaults(w, r, KindFileStream, r.URL.Path, func(w http.ResponseWriter) {
		if !s.restricted(w, r) {
			return
		}
		post, err := decodePost(body)
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
	})
}

// decodePost reads and checks a post; whatever it does not know is refused.
func decodePost(body []byte) (streamPost, error) {
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
				return post, refusal(http.StatusRequestEntityTooLarge, "a line of "+name+" is too long")
			}
			if name != outputStream && !isStreamJSON(line) {
				return post, badRequest("a line of " + name + " is no JSON object")
			}
		}
	}
	return post, nil
}

// isStreamJSON says whether a line is a JSON object; W&B's own client writes bare NaN and infinities into it.
func isStreamJSON(line string) bool {
	_, err := decodeLine(line)
	return err == nil
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
		answer = gqlexec.Object{"exitcode": r.ExitCode, "limits": gqlexec.Object{}, "stopped": r.Stopped}
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
