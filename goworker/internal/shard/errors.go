package shard

import "errors"

// kind is how the loop takes an error.
type kind int

const (
	leaves kind = iota + 1
	final
	again
	rebase
)

type kindError struct {
	kind kind
	error
}

// Unwrap is the error itself.
func (e kindError) Unwrap() error { return e.error }

// Leave marks an error that is this slot's own and none of the job, such as a key that sees no project or media that are not on
// this machine: the slot ends with it, the shard is open again and keeps its tries, and the other slots go on.
func Leave(err error) error { return kindError{leaves, err} }

// Final marks an error that no other try can mend, such as rows that have changed: the job fails with it.
func Final(err error) error { return kindError{final, err} }

// Again marks an error of Commit after which the lead looks at the job's state and repeats the step, such as a manifest of another lead.
func Again(err error) error { return kindError{again, err} }

// Rebase marks an error of Commit that says that another job has committed to the artifact meanwhile: the shards keep what was read, the
// artifact is announced again and all shards are uploaded again, of which W&B then has most.
func Rebase(err error) error { return kindError{rebase, err} }

// rereadError asks for other readings of some shards.
type rereadError struct {
	state  []byte
	shards []int
}

// Error implements error.
func (rereadError) Error() string { return "shard: some shards have to be read again" }

// Reread is an error of Announce that says that some shards have to be read again, since what was read of all changes what they become: the plan's state
// becomes this one, those shards are open for reading again, and Announce is called again behind them. A job does so at most three times.
func Reread(state []byte, shards []int) error { return rereadError{state, shards} }

func kindOf(err error) kind {
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
