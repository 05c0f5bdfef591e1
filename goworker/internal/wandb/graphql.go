package wandb

import (
	"bytes"
	"context"
	"embed"
	"encoding/json"
	"io"
	"net/http"
	"strings"
)

// The documents, one operation each, in files named after it. They ask for no
// field that is not used: an older server refuses a document for one unknown field.
//
//go:embed graphql/*.graphql
var documents embed.FS

// Names of the operations that are used in more than one place.
const (
	opCreateArtifact = "CreateArtifact"
	opCommit         = "CommitArtifact"
)

// gqlError is one error of a GraphQL answer.
type gqlError struct {
	Message string `json:"message"`
	// Path leads to the field that failed; a document that was refused has none.
	Path       []any `json:"path"`
	Extensions struct {
		Code string `json:"code"`
	} `json:"extensions"`
}

// callOptions are how one operation differs from others.
type callOptions struct {
	once, slow bool
	// text is the document of an operation that has no file.
	text string
}

// graphql runs an operation and reads its data into out. Variables that are null or
// absent are left as they are by the server. Errors are the context's, a
// *serverError, a *fault.Error or one of the network: explain makes them fit for people.
func (c *Client) graphql(ctx context.Context, op string, variables, out any) error {
	return c.call(ctx, op, variables, out, callOptions{slow: op == opCommit || op == "CompleteMultipart"})
}

func (c *Client) call(ctx context.Context, op string, variables, out any, opts callOptions) error {
	text, err := opts.text, error(nil)
	if text == "" {
		if text, err = document(op); err != nil {
			return err
		}
	}
	body, err := json.Marshal(map[string]any{"query": text, "variables": variables, "operationName": op})
	if err != nil {
		return err
	}
	end := c.api
	if opts.slow {
		end = c.slowAPI
	}
	x := exchange{client: c, end: end, what: op, once: opts.once}
	r, err := x.post(ctx, "/graphql", body)
	if err != nil {
		return err
	}
	return c.heard(readGraphQL(op, r, strings.HasPrefix(strings.TrimSpace(text), "mutation"), out))
}

// heard notes that W&B itself has answered. From then on an answer in another form is
// that of something in between, no matter what it looks like.
func (c *Client) heard(err error) error {
	if e := refusal(err); e != nil && c.spoke.Load() {
		e.notWandB = false
	}
	if err == nil {
		c.spoke.Store(true)
	}
	return err
}

// post sends JSON to a path under the base URL.
func (x *exchange) post(ctx context.Context, path string, body []byte) (*reply, error) {
	return x.send(ctx, &request{
		method: http.MethodPost, address: x.client.settings.BaseURL + path, size: int64(len(body)),
		header: http.Header{"Content-Type": {"application/json"}, "Accept": {"application/json"}},
		body:   func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(body)), nil },
	})
}

// readGraphQL takes the data out of an answer. Errors may come with any status,
// and with data that is half filled: then the data does not count.
func readGraphQL(op string, r *reply, mutation bool, out any) error {
	var answer struct {
		Data   json.RawMessage `json:"data"`
		Errors []gqlError      `json:"errors"`
	}
	err := json.Unmarshal(r.body, &answer)
	if r.status == http.StatusOK && err == nil && len(answer.Errors) == 0 && len(answer.Data) > 0 {
		if err := json.Unmarshal(answer.Data, out); err != nil {
			return &serverError{op: op, status: r.status, messages: []string{"its answer is in a form that this plugin does not know"}}
		}
		return nil
	}
	e := readRefusal(op, r, mutation)
	e.validation = len(answer.Errors) > 0
	for _, one := range answer.Errors {
		e.validation = e.validation && len(one.Path) == 0
	}
	switch status, known := statusOfMeaning[e.means]; {
	case known:
		e.status = status
	case r.status == http.StatusOK && err == nil && e.means == meansStatus:
		e.status = statusOfErrors(answer.Errors)
	}
	return e
}

// refusal is the server's refusal or failure that err is, nil for any other error.
// One that a fault was made of does not count: it has been dealt with.
func refusal(err error) *serverError {
	e, _ := err.(*serverError) // Not errors.As: it would look into the fault.
	return e
}

// statusOf is the status of a refusal, 0 for any other error.
func statusOf(err error) int {
	if e := refusal(err); e != nil {
		return e.status
	}
	return 0
}
