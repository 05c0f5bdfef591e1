package standin

import (
	"encoding/base64"
	"fmt"
	"strings"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/standin/gqlexec"
)

// defaultPage is how many items a list gives if it is not told.
const defaultPage = 50

// connection gives the page of items that the arguments first and after ask for, as a
// Relay connection. Node makes an item's edge.
func connection[T any](s *Server, items []T, args gqlexec.Args, edge func(T) gqlexec.Object) (any, error) {
	start := 0
	if after := str(args, "after"); after != "" {
		raw, err := base64.StdEncoding.DecodeString(after)
		if _, scanErr := fmt.Sscanf(string(raw), "after:%d", &start); err != nil || scanErr != nil || start < 0 {
			return nil, badRequest("invalid cursor " + after)
		}
		start = min(start, len(items))
	}
	size := defaultPage
	if first, ok := args["first"].(int64); ok {
		if first < 0 {
			return nil, badRequest("first must not be negative")
		}
		size = int(min(first, 1<<30))
	}
	end := min(start+min(size, s.limits.Load().PageMax), len(items))
	edges := make([]gqlexec.Object, 0, end-start)
	for i, item := range items[start:end] {
		e := edge(item)
		e["cursor"] = cursor(start + i + 1)
		edges = append(edges, e)
	}
	info := gqlexec.Object{"hasNextPage": end < len(items), "hasPreviousPage": start > 0}
	if len(edges) > 0 {
		info["startCursor"], info["endCursor"] = cursor(start+1), cursor(end)
	}
	return gqlexec.Object{"edges": edges, "pageInfo": info, "totalCount": len(items)}, nil
}

func cursor(n int) string {
	return base64.StdEncoding.EncodeToString(fmt.Appendf(nil, "after:%d", n))
}

// node is the edge of an item that is its own node.
func node[T any](item T) gqlexec.Object { return gqlexec.Object{"node": item} }

// splitAlias cuts "name:alias", where no alias means latest.
func splitAlias(name string) (collection, alias string) {
	collection, alias, ok := strings.Cut(name, ":")
	if !ok {
		alias = "latest"
	}
	return collection, alias
}
