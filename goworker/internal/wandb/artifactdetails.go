package wandb

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
)

// MaxDetails is how many artifacts can be asked for in one request.
const MaxDetails = 20

// DetailQuery is a version of which more is to be known than a list says.
type DetailQuery struct {
	// ID is the server's id of the version.
	ID string
	// Metadata asks for the metadata, which may have many megabytes.
	Metadata bool
}

// ArtifactDetails asks, in one request, for single facts about up to MaxDetails
// versions: which of the paths they have as files and, where it is asked for, the
// metadata. Versions that are not there are left out.
func (c *Client) ArtifactDetails(ctx context.Context, queries []DetailQuery, paths []string) (map[string]*ArtifactVersion, error) {
	queries = queries[:min(len(queries), MaxDetails)]
	if len(queries) == 0 {
		return nil, nil
	}
	var head, body strings.Builder
	vars := map[string]any{"files": paths}
	for i, q := range queries {
		fmt.Fprintf(&head, ", $i%d: ID!, $m%d: Boolean!", i, i)
		fmt.Fprintf(&body, "  a%d: artifact(id: $i%d) { ...version ...stored metadata @include(if: $m%d) }\n", i, i, i)
		vars[fmt.Sprintf("i%d", i)], vars[fmt.Sprintf("m%d", i)] = q.ID, q.Metadata
	}
	text, err := withFragments("query ArtifactDetails($files: [String!]" + head.String() + ") {\n" + body.String() + "}\n")
	if err != nil {
		return nil, err
	}
	var answer map[string]json.RawMessage
	const doing = "reading the artifacts' metadata"
	if err := c.call(ctx, "ArtifactDetails", vars, &answer, callOptions{text: text, slow: true}); err != nil {
		return nil, c.explain(doing, err)
	}
	out := map[string]*ArtifactVersion{}
	for _, raw := range answer {
		var n *fullNode
		if err := json.Unmarshal(raw, &n); err != nil {
			return nil, c.explain(doing, &serverError{op: "ArtifactDetails", status: 200, messages: []string{"its answer is in a form that this plugin does not know"}})
		}
		if n != nil && n.listed() {
			out[n.ID] = c.artifactVersionOf(n, nil, Place{})
		}
	}
	return out, nil
}
