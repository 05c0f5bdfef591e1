package shard

import "time"

// Machine is what has to be the same in all slots, since it changes the bytes that rows become.
type Machine struct {
	// Build is the version of the worker.
	Build string
	// Go is the release of Go that it was built with, whose package compress/flate packs the PNGs.
	Go string
	// Arch is its architecture, as GOARCH: floating-point operations are fused on some and not on others.
	Arch string
	// FFmpeg is the version of ffmpeg where pictures come from videos, else empty.
	FFmpeg string
}

// Options says how a slot works. Zero values are the defaults.
type Options struct {
	// Slot is the slot's number, Host and PID say where it is: for people.
	Slot int
	Host string
	PID  int
	// Operation is the id of the delegated operation that runs the slot; empty for none.
	Operation string
	// Machine is compared with that of the slot that planned the job.
	Machine Machine
	// Size is the number of rows of a shard: 20,000. The slot that plans decides.
	Size int64
	// Lease is how long a slot that shows no heartbeat keeps what it has: 60 s. Heartbeats come four times as often.
	Lease time.Duration
	// Poll is how often the slot looks at the job while it works, and the longest pause between two looks while it waits for others: 1 s.
	Poll time.Duration
	// Away is how long the slot tries on when the store does not answer: 10 minutes.
	Away time.Duration
	// Tries is how often a phase of a shard is begun before the job fails: 4.
	Tries int
	// Progress takes how far the job is, about once each Poll; from one goroutine at a time.
	Progress func(Counts)
	// Point is called where a test stops or kills a slot; nil outside tests.
	Point func(name string)
}

// Counts is how far a job is.
type Counts struct {
	State            State
	Slots            int // that show heartbeats
	Shards           int
	Read, Uploaded   int   // shards
	Rows, RowsRead   int64 // RowsRead counts whole shards
	Files, FileBytes int64 // that went up
}

// State is where a job is.
type State string

// The states. Each leads to the next one; all but Committed, Done and Cancelled may lead to Failed, and all before Committed to Cancelled.
const (
	Planning  State = "planning"
	Reading   State = "reading"
	Uploading State = "uploading"
	Committed State = "committed"
	Done      State = "done"
	Failed    State = "failed"
	Cancelled State = "cancelled"
)

// Over reports whether nothing is left to do.
func (s State) Over() bool { return s == Done || s == Failed || s == Cancelled }
