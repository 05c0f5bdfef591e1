// Package view reads a FiftyOne view straight from MongoDB: it runs the view's
// aggregation pipeline and hands out the raw documents in the view's own order.
package view

import (
	"slices"
	"strings"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/secret"
)

// Query is a view as MongoDB sees it.
type Query struct {
	// URI is MongoDB's connection string; it may hold a password.
	URI secret.String
	// Database and Collection are what the pipeline runs on.
	Database, Collection string
	// Pipeline is the view's stages.
	Pipeline []bson.Raw

	rows *byID // nil for all
}

// ParsePipeline reads the wire form of a pipeline: one BSON document
// {"pipeline": [stage, ...]}.
func ParsePipeline(raw []byte) ([]bson.Raw, error) {
	var doc struct {
		Pipeline []bson.Raw `bson:"pipeline"`
	}
	if len(raw) == 0 {
		return nil, nil
	}
	if err := bson.Unmarshal(raw, &doc); err != nil {
		return nil, err
	}
	return doc.Pipeline, nil
}

// Projection is the $project stage that keeps only the given paths (and _id).
// A path below another one that is kept whole is left out, since MongoDB
// refuses both together.
func Projection(paths []string) bson.D {
	sorted := slices.Clone(paths)
	slices.Sort(sorted)
	keep := bson.D{{Key: "_id", Value: 1}}
	for _, p := range slices.Compact(sorted) {
		if p == "_id" || p == "" || hasAncestor(sorted, p) {
			continue
		}
		keep = append(keep, bson.E{Key: p, Value: 1})
	}
	return bson.D{{Key: "$project", Value: keep}}
}

// hasAncestor reports whether paths hold a proper prefix of p that ends at a dot.
func hasAncestor(paths []string, p string) bool {
	for i := strings.LastIndexByte(p, '.'); i > 0; i = strings.LastIndexByte(p[:i], '.') {
		if _, found := slices.BinarySearch(paths, p[:i]); found {
			return true
		}
	}
	return false
}

// With is the query with more stages behind its own.
func (q Query) With(stages ...bson.D) (Query, error) {
	q.Pipeline = slices.Clone(q.Pipeline)
	for _, s := range stages {
		raw, err := bson.Marshal(s)
		if err != nil {
			return q, err
		}
		q.Pipeline = append(q.Pipeline, raw)
	}
	return q, nil
}

// stages is the pipeline with more stages behind it.
func (q Query) stages(more ...any) bson.A {
	all := make(bson.A, 0, len(q.Pipeline)+len(more))
	for _, s := range q.Pipeline {
		all = append(all, s)
	}
	return append(all, more...)
}
