package wandb_test

import (
	"bytes"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"go.uber.org/goleak"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/standin"
)

func TestMain(m *testing.M) {
	if url := os.Getenv(childVariable); url != "" {
		beKilled(url)
	}
	judge, err := standin.NewJudge()
	if err != nil {
		panic(err)
	}
	sent.judge = judge
	goleak.VerifyTestMain(judged{m})
}

// sent is what the tests of this package had the client send: the operations, and what W&B's
// schema, as far as the stand-in has it, says against a document or its variables.
var sent struct {
	judge *standin.Judge

	mu      sync.Mutex
	ops     map[string]bool
	against map[string]bool
}

// record judges the body of a GraphQL request.
func record(body []byte) {
	op, err := sent.judge.Check(body)
	sent.mu.Lock()
	defer sent.mu.Unlock()
	if sent.ops == nil {
		sent.ops, sent.against = map[string]bool{}, map[string]bool{}
	}
	sent.ops[op] = true
	if err != nil {
		sent.against[err.Error()] = true
	}
}

// recorded has the GraphQL requests to a handler judged.
func recorded(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/graphql" {
			if body, err := io.ReadAll(r.Body); err == nil {
				record(body)
				r.Body = io.NopCloser(bytes.NewReader(body))
			}
		}
		next.ServeHTTP(w, r)
	})
}

// judged runs the tests, then judges what they sent. Every document of graphql/ has to have
// been sent: what no test sends is checked by nobody.
type judged struct{ *testing.M }

// Run implements goleak.TestingM.
func (j judged) Run() int {
	code := j.M.Run()
	sent.mu.Lock()
	defer sent.mu.Unlock()
	for text := range sent.against {
		fmt.Println("FAIL: W&B would refuse what was sent:", text)
		code = 1
	}
	chosen := flag.Lookup("test.run").Value.String() + flag.Lookup("test.skip").Value.String() + flag.Lookup("test.list").Value.String()
	if code != 0 || chosen != "" {
		return code
	}
	files, _ := filepath.Glob("graphql/*.graphql")
	newer, _ := filepath.Glob("graphql/newer/*.graphql")
	if len(files) == 0 {
		fmt.Println("FAIL: there are no documents in graphql/")
		code = 1
	}
	for _, file := range slices.Concat(files, newer) {
		if op := strings.TrimSuffix(filepath.Base(file), ".graphql"); !sent.ops[op] {
			fmt.Fprintln(os.Stdout, "FAIL: no test sends the document", op)
			code = 1
		}
	}
	return code
}
