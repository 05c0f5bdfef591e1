package shard

import (
	"context"
	"time"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/fault"
)

// Store keeps the state of one job. There are two: [NewMongo] and [NewMemory].
//
// Whoever does a step has a lease for it: a shard's reading, a shard's upload, or the lead. A lease is its holder (a random id of the
// slot's process) and a token that grows with each lease. The token alone is not enough, since a server that crashes may forget
// the newest lease and give its token out again. What a holder stores is refused with ErrLost when somebody else has the lease by now.
type Store interface {
	// open makes what the store needs, and says who asks from now on.
	open(ctx context.Context, me sign, lease time.Duration) error
	job(ctx context.Context) (*job, error)
	states(ctx context.Context) (states, error)

	// signOn shows that the slot lives, for the time of a lease. signOff shows that it has ended.
	signOn(ctx context.Context) error
	signOff(ctx context.Context, note string) error
	// living are the processes that show heartbeats.
	living(ctx context.Context) ([]string, error)

	// lead gives the lead of a job in this state; nil where another slot has it.
	lead(ctx context.Context, state State) (*lease, error)
	// claim gives a shard that nobody works on; nil where there is none.
	claim(ctx context.Context, c claim) (*task, error)
	// keep renews a lease.
	keep(ctx context.Context, l *lease) error
	// sure renews the lead right before the commit. From then on the job cannot be cancelled, unless this lead is lost. ErrCancelled.
	sure(ctx context.Context, l *lease) error
	// done stores the outcome of a shard's phase, and giveUp that there is none: the shard is open again.
	done(ctx context.Context, l *lease, out any) error
	giveUp(ctx context.Context, l *lease, why *failure, counted bool) error
	// advance ends the lead by taking the job on to another state.
	advance(ctx context.Context, l *lease, to State, c change) error
	// amend changes the job's document and keeps the lead.
	amend(ctx context.Context, l *lease, c change) error
	// end takes a job that is not committed to Failed or Cancelled, and reports whether it was this call that did.
	end(ctx context.Context, to State, why *failure) (bool, error)

	addShards(ctx context.Context, plan string, shards []Shard) error
	// undone is how many shards lack the outcome of a phase, and the failure of one that has no tries left.
	undone(ctx context.Context, plan string, p phase, tries int) (int, *failure, error)
	// reopen opens a phase of shards (nil: of all) for another turn.
	reopen(ctx context.Context, plan string, p phase, shards []int, turn int) error
	counts(ctx context.Context, plan string) (Counts, error)
	result(ctx context.Context, plan string, n int) (*result, error)

	// putBulk and bulk store and give what is too large for a document: by name, in order.
	putBulk(ctx context.Context, name string, part int, data []byte) error
	bulk(ctx context.Context, name string, from, to int, fn func(data []byte) error) error
	dropBulk(ctx context.Context) error
}

// phase is what is done to a shard.
type phase string

const (
	phaseRead   phase = "read"
	phaseUpload phase = "up"
	phaseLead   phase = "lead"
)

// lease is the right to do a step.
type lease struct {
	phase phase
	plan  string // of a shard
	n     int
	state State // of the job when the lead was taken
	by    string
	token int64
}

// claim is which shard a slot asks for.
type claim struct {
	plan  string
	phase phase
	// turn is the newest that the slot knows: a shard of a newer one is not for it.
	turn int
	// tries is how often a phase of a shard may be begun.
	tries int
	// own asks for one that the slot has read itself.
	own bool
	// holds are those on which the slot works: it gets none of them again.
	holds []int
}

// task is a shard with a lease.
type task struct {
	lease *lease
	shard Shard
	read  ReadOut // for phaseUpload
}

// sign is who a slot is.
type sign struct {
	ID        string // random, of this process
	Slot      int
	Host      string
	PID       int
	Operation string
}

// job is what the loop looks at again and again of a job's document.
type job struct {
	State  State `bson:"state"`
	Cancel bool  `bson:"cancel"`
	// Committing says that a lead may have committed whose answer is not stored yet.
	Committing bool      `bson:"committing"`
	Size       int64     `bson:"size"` // rows of a shard; 0 leaves it to the options of the lead
	Plan       planDoc   `bson:"plan"`
	Machine    Machine   `bson:"machine"`
	Attempt    int       `bson:"attempt"`
	Rereads    int       `bson:"rereads"` // changes of the plan's state: the turn of phaseRead, as Attempt is that of phaseUpload
	Unchanged  bool      `bson:"unchanged"`
	Error      *failure  `bson:"error"`
	Moved      moveOfJob `bson:"moved"`
}

// cancelled reports whether the job has to end.
func (j *job) cancelled() bool {
	return j.Cancel && !j.Committing && j.State != Committed && !j.State.Over()
}

// turn is how often a phase has begun again.
func (j *job) turn(p phase) int {
	if p == phaseRead {
		return j.Rereads
	}
	return j.Attempt
}

// planDoc is a plan without its state. Token names the plan: shards and row ids of another token are those of a lead that lost its lease.
type planDoc struct {
	Token  string `bson:"token"`
	Mode   Mode   `bson:"mode"`
	Rows   int64  `bson:"rows"`
	Shards int    `bson:"shards"`
}

// moveOfJob is the lead that took a job to its state.
type moveOfJob struct {
	By    string `bson:"by"`
	Token int64  `bson:"token"`
}

// states are the parts of a job's document that may be large.
type states struct {
	Plan      []byte `bson:"plan_state"`
	Announced []byte `bson:"announced_state"`
	Outcome   []byte `bson:"outcome"`
}

// result is what is stored of a shard.
type result struct {
	Read   ReadOut
	Up     UpOut
	pieces string // the name under which those of its reading are
}

// change is what a step puts into the job's document: fields of job and states by their names in BSON.
type change map[string]any

// failure is a fault in the job's document.
type failure struct {
	Source  int    `bson:"source"`
	Code    string `bson:"code"`
	Message string `bson:"message"`
}

func failureOf(err error) *failure {
	if f := fault.As(err); f != nil {
		return &failure{int(f.Source), f.Code, f.Message}
	}
	return &failure{int(fault.Plugin), fault.Internal, err.Error()}
}

func (f *failure) fault() error {
	if f == nil {
		return fault.New(fault.Plugin, fault.Internal, "The job failed, and nothing is known of why: please report this.")
	}
	return fault.New(fault.Source(f.Source), f.Code, "%s", f.Message)
}

// wordless is the failure of a shard whose slots ended without a word each time.
func wordless(n, tries int) *failure {
	return failureOf(fault.New(fault.Plugin, fault.ShardFailed,
		"The worker ended without an error in each of %d tries of shard %d, as it does when memory runs out: see the services' logs and the system's.", tries, n))
}
