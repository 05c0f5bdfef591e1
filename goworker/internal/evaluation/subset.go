package evaluation

import (
	"bytes"
	"slices"

	"go.mongodb.org/mongo-driver/v2/bson"
)

// IDSet is a set of ids, of 12 bytes each. It is filled first and asked then.
type IDSet struct {
	list   []bson.ObjectID
	sorted bool
}

// Add puts an id into the set.
func (s *IDSet) Add(id bson.ObjectID) { s.list, s.sorted = append(s.list, id), false }

// Len is how many ids were added.
func (s *IDSet) Len() int {
	if s == nil {
		return 0
	}
	return len(s.list)
}

// Has reports whether an id is in the set. A nil set is empty.
func (s *IDSet) Has(id bson.ObjectID) bool {
	if s == nil || len(s.list) == 0 {
		return false
	}
	if !s.sorted {
		slices.SortFunc(s.list, compareIDs)
		s.sorted = true
	}
	_, found := slices.BinarySearchFunc(s.list, id, compareIDs)
	return found
}

func compareIDs(a, b bson.ObjectID) int { return bytes.Compare(a[:], b[:]) }

// Subset is a part of an evaluation, as FiftyOne's use_subset takes it from a view: the matches whose ground truth is in the view, and for
// detections those whose prediction is in the view and a false positive.
type Subset struct {
	// Truth are the ids of the view's ground truth labels; for regressions those of its samples or frames.
	Truth IDSet
	// FalsePositives are the ids of the view's predictions that the evaluation calls "fp".
	FalsePositives IDSet
	// NoTruth reports that a sample or frame of the view has no ground truth label. FiftyOne keeps all matches without one then, for
	// types other than detections.
	NoTruth bool
}

func (s *Subset) keeps(r *row, t Type) bool {
	switch {
	case s == nil:
		return true
	case r.hasTruth && s.Truth.Has(r.truthID):
		return true
	case t == Detection:
		return r.hasPredID && s.FalsePositives.Has(r.predID)
	}
	return !r.hasTruth && s.NoTruth
}
