package wandbtest

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Finding is what a server answered to one question about it.
type Finding struct {
	// Asked is what was sent.
	Asked string `json:"asked"`
	// Answer is what came back, as far as it matters.
	Answer string `json:"answer"`
	// ReliesOn is what the client needs of the answer, to judge it by.
	ReliesOn string `json:"relies_on"`
}

// Questions asks a server what its documentation leaves open, mostly in its own words and
// without the client, and removes what that took. Large adds an upload of 2 GiB. The test
// binary has to call ServeChild first: one question is about a process that is killed.
func Questions(t *testing.T, target Target, large bool) []Finding {
	q := newQuestioner(t, target)
	q.bytesTwice()
	q.manyClients()
	q.clientIDs()
	q.filesPerRequest()
	q.withoutLatest()
	q.crossProject()
	q.identity()
	q.partitionedTable()
	q.finishedRun()
	q.rerunAfterKill()
	if large {
		q.twoGiB()
	}
	return q.found
}

type object = map[string]any

type questioner struct {
	*suite
	t     *testing.T
	web   *http.Client
	agent string
	run   string
	found []Finding
}

func newQuestioner(t *testing.T, target Target) *questioner {
	s := newSuite(t, target)
	return &questioner{suite: s, t: t, web: s.read.http, run: s.newRun(t, "questions", nil).ID}
}

func (q *questioner) note(asked, answer, reliesOn string) {
	q.found = append(q.found, Finding{asked, strings.ReplaceAll(answer, q.target.APIKey.Reveal(), "<key>"), reliesOn})
}

// reply is an answer as it came.
type reply struct {
	status int
	body   string
	json   object
}

// replyMax is the most characters of an answer that are shown.
const replyMax = 300

// String is the status and the beginning of the body.
func (r reply) String() string {
	return fmt.Sprintf("%d %s", r.status, r.body[:min(len(r.body), replyMax)])
}

// words is the status and the errors alone: the data may be private.
func (r reply) words() string {
	if errs := dig(r.json, "errors"); errs != nil {
		text, _ := json.Marshal(errs)
		return fmt.Sprintf("%d %s", r.status, text)
	}
	return fmt.Sprintf("%d, no errors", r.status)
}

// dig follows keys, and numbers for lists, into decoded JSON; nil where there is nothing.
func dig(value any, path ...any) any {
	for _, step := range path {
		switch step := step.(type) {
		case string:
			m, _ := value.(object)
			value = m[step]
		case int:
			list, _ := value.([]any)
			if step >= len(list) {
				return nil
			}
			value = list[step]
		}
	}
	return value
}

func (q *questioner) do(method, address string, body io.Reader, size int64, headers map[string]string, key bool) reply {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(q.t.Context()), time.Hour)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, address, body)
	require.NoError(q.t, err)
	req.ContentLength = size
	for name, value := range headers {
		req.Header.Set(name, value)
	}
	if q.agent != "" {
		req.Header.Set("User-Agent", q.agent)
	}
	if key {
		req.SetBasicAuth("api", q.target.APIKey.Reveal())
	}
	resp, err := q.web.Do(req)
	if err != nil {
		return reply{body: "no answer"} // its words may hold a signed address
	}
	defer func() { _ = resp.Body.Close() }()
	raw, _ := io.ReadAll(io.LimitReader(resp.Body, 32<<20))
	r := reply{status: resp.StatusCode, body: string(raw)}
	_ = json.Unmarshal(raw, &r.json)
	return r
}

func (q *questioner) graphql(document string, variables object) reply {
	body, err := json.Marshal(object{"query": document, "variables": variables})
	require.NoError(q.t, err)
	return q.do(http.MethodPost, q.target.BaseURL+"/graphql", bytes.NewReader(body), int64(len(body)), map[string]string{"Content-Type": "application/json"}, true)
}
