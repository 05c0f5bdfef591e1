package shard

import "errors"

// IsLeave reports whether an error is one of Leave's.
func IsLeave(err error) bool { return kindOf(err) == leaves }

// IsRebase reports whether an error is one of Rebase's.
func IsRebase(err error) bool { return kindOf(err) == rebase }

// RereadOf is what an error of Reread's asks for; false for any other error.
func RereadOf(err error) (state []byte, shards []int, ok bool) {
	var again rereadError
	ok = errors.As(err, &again)
	return again.state, again.shards, ok
}
