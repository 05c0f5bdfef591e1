package standin

import (
	"bytes"
	"encoding/json"
	"fmt"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/standin/gqlexec"
)

// Judge checks requests against the schema without answering them.
type Judge struct{ gql *gqlexec.Executor }

// NewJudge makes a judge.
func NewJudge() (*Judge, error) {
	gql, err := gqlexec.New(schema, gqlexec.Config{Scalars: scalars})
	return &Judge{gql}, err
}

// Check reads the body of a GraphQL request, and says of which operation it is and what the
// schema has against its document or its variables.
func (j *Judge) Check(body []byte) (operation string, err error) {
	var req graphqlRequest
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.UseNumber()
	if err := decoder.Decode(&req); err != nil {
		return "", err
	}
	op, failures := j.gql.Prepare(req.Query, req.OperationName)
	if failures != nil {
		return req.OperationName, fmt.Errorf("%s: %s", req.OperationName, failures[0].Message)
	}
	if err := j.gql.Check(op, req.Variables); err != nil {
		return op.Name, fmt.Errorf("%s: %w", op.Name, err)
	}
	return op.Name, nil
}
