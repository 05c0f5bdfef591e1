package standin

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"path"
	"slices"
	"strings"
)

// answer is an answer of the real server, which a fault can replay byte for byte.
type answer struct {
	ID string `json:"id"`
	// Op is what asked for it: an operation of the worker, PUT, GET, file_stream or oidc.
	// ServerOp is the server's name for that, such as upsertBucket or "PUT manifest".
	Op       string `json:"op"`
	ServerOp string `json:"server_op"`
	// Status is 0 where no answer came.
	Status  int               `json:"status"`
	Headers map[string]string `json:"headers"`
	Body    string            `json:"body"`
	// Times is how often it came; 0 is always.
	Times int `json:"times"`
}

// answerLine is the most bytes of a line of a file of answers.
const answerLine = 1 << 20

// readAnswers reads a file of answers, one JSON a line; none without a file.
func readAnswers(file string) (map[string]answer, error) {
	out := map[string]answer{}
	if file == "" {
		return out, nil
	}
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, answerLine)
	for lines.Scan() {
		if strings.TrimSpace(lines.Text()) == "" {
			continue
		}
		var a answer
		if err := json.Unmarshal(lines.Bytes(), &a); err != nil || a.ID == "" {
			return nil, fmt.Errorf("%s: a line is not an answer with an id: %s", file, lines.Text())
		}
		out[a.ID] = a
	}
	return out, lines.Err()
}

// kind is the kind of request that an answer is for.
func (a answer) kind() string {
	switch a.Op {
	case "PUT":
		return KindUpload
	case "GET":
		return KindDownload
	case "file_stream":
		return KindFileStream
	}
	return KindGraphQL
}

// meets reports whether an answer is for a request, by what asked and by the field or the kind
// of object that was asked for. A request for any object of the storage is met by "PUT" and "GET".
func (a answer) meets(names []string) bool {
	for _, name := range names {
		switch {
		case a.ServerOp == "PUT manifest":
			if name == a.ServerOp {
				return true
			}
		case name == a.Op, name == a.ServerOp && a.kind() == KindGraphQL && !slices.Contains([]string{"project", "any", "validation"}, name):
			return true
		}
	}
	return false
}

// replay makes the fault that replays an answer.
func (s *Server) replay(f *Fault) error {
	a, ok := s.answers[f.Answer]
	if !ok {
		return fmt.Errorf("no answer has the id %q; %d are known", f.Answer, len(s.answers))
	}
	if f.Kind == "" {
		f.Kind = a.kind()
	}
	if f.Count == 0 {
		f.Count = a.Times
	}
	if f.Count == 0 {
		f.Count = -1
	}
	f.Mode, f.Status, f.answer = ModeAnswer, a.Status, &a
	return nil
}

// answerWith sends an answer of the real server as it was. A good one to a request that
// sends something takes it in first.
func answerWith(w http.ResponseWriter, r *http.Request, kind string, a *answer, really func(http.ResponseWriter)) {
	if a.Status/100 == 2 && (kind == KindUpload || kind == KindFileStream) {
		really(newRecorder())
	}
	_, _ = io.Copy(io.Discard, io.LimitReader(r.Body, maxDiscard)) // so that the client reads the answer
	for name, value := range a.Headers {
		w.Header().Set(name, value)
	}
	if len(a.Headers) == 0 {
		w.Header()["Content-Type"] = nil // else one would be guessed
	}
	w.WriteHeader(a.Status)
	_, _ = w.Write([]byte(a.Body))
}

// objectNames are the names that the answers have for a request to the storage.
func objectNames(method, storageKey string) []string {
	first, _, _ := strings.Cut(storageKey, "/")
	what := map[string]string{artifactObjects: "artifact file", "manifests": "manifest", "runs": "run file", "multipart": "artifact file"}[first]
	if what == "" {
		return []string{method}
	}
	return []string{method, method + " " + what, path.Base(storageKey)}
}

// Answers are the ids of the answers that can be replayed, sorted.
func (s *Server) Answers() []string { return slices.Sorted(maps.Keys(s.answers)) }
