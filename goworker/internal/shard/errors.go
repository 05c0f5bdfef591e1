package shard

import "errors"

// Kind is how a slot goes on behind an error of its work.
type Kind int

// The kinds of errors. Of any other, view_changed and file_changed fail the job; the rest costs the shard one of its tries.
const (
	KindLeave Kind = iota + 1
	KindRebase
)

type kindError struct {
	kind Kind
	error
}

// Unwrap is the error itself.
func (e kindError) Unwrap() error { return e.error }

// Leave marks an error that is this slot's own and not the job's, such as a key that sees no project or media that are not on
// this machine: the slot ends with it, the shard is open again and keeps its tries, and the other slots go on.
func Leave(err error) error { return kindError{KindLeave, err} }

// Rebase marks an error of Commit that says that another job has committed to the artifact meanwhile: the shards keep what was read, the
// artifact is announced again and all shards are uploaded again, of which W&B then has most.
func Rebase(err error) error { return kindError{KindRebase, err} }

// RereadError is an error of Announce that says that some shards have to be read again, because what was read of all changes what they
// become: the plan's state becomes State, the Shards are open for reading again, and Announce is called again behind them. A job does
// so at most three times.
type RereadError struct {
	State  []byte
	Shards []int
}

// Error implements error.
func (*RereadError) Error() string { return "shard: some shards have to be read again" }

// KindOf is the kind of an error that Leave or Rebase has marked; 0 for any other.
func KindOf(err error) Kind {
	var k kindError
	if errors.As(err, &k) {
		return k.kind
	}
	return 0
}

// ErrLost says that another slot has the lease by now: whatever this one still does is refused.
var ErrLost = errors.New("shard: another slot has the lease")

// ErrNoJob says that there is no document of the job, or no longer.
var ErrNoJob = errors.New("shard: there is no such job")

// ErrCancelled says that the job was cancelled.
var ErrCancelled = errors.New("shard: the job was cancelled")
