package pace

import "time"

const (
	// minRound is the fewest observations that a limit is judged by.
	minRound = 16
	// holdRounds is for how many rounds a limit is kept before a higher one is tried again.
	holdRounds = 4
	// workUnit is how many bytes take as much of a slot as a request does by itself. It only matters that large files and
	// small ones can be compared.
	workUnit = 256 << 10
)

// Observation is one transfer that ended, or one try of it that failed.
type Observation struct {
	// Epoch is the controller's when the transfer began.
	Epoch int
	// PushedBack says that the server refused because of its load, or did not answer.
	PushedBack bool
	// Bytes were sent in the time Took, in which so many slots were taken.
	Bytes int64
	Slots int
	Took  time.Duration
	// Waiting says that others waited for a slot when it ended: without that, the limit is not what bounds the rate.
	Waiting bool
}

// Controller decides how many transfers may be in flight. It is a value: Observe returns the next one, which depends on
// the observations alone, not on a clock.
//
// It doubles the limit as long as each doubling raises the rate, which is work per slot and second, times slots. Once a
// higher limit has not raised the rate (each transfer only took longer), it returns to the lower one and tries again later,
// in steps of a quarter. A server that pushes back halves the limit, and so does one that takes more than twice as long as
// before. Observations of transfers that began under another limit do not count: a burst of refusals is one.
type Controller struct {
	limit, most, epoch int
	doubling           bool // nothing has bounded the rate so far
	trying             bool // the limit is being compared with best
	held               int
	best               level // the last limit that was worth its slots; zero if not known
	round              round
}

// level is a limit and the rate that it had.
type level struct {
	limit int
	rate  float64
}

// round adds up observations of one limit.
type round struct {
	n, waiting     int
	work, slotTime float64
}

// NewController begins with first transfers in flight, or with most, which it never exceeds, if that is less.
func NewController(first, most int) Controller {
	most = max(most, 1)
	return Controller{limit: min(max(first, 1), most), most: most, doubling: true, trying: true}
}

// Limit is how many slots may be taken, at least 1.
func (c Controller) Limit() int { return c.limit }

// Epoch changes with the limit.
func (c Controller) Epoch() int { return c.epoch }

// Observe returns the controller after an observation.
func (c Controller) Observe(o Observation) Controller {
	if o.Epoch != c.epoch {
		return c
	}
	if o.PushedBack {
		return c.retreat()
	}
	c.round.n++
	c.round.work += 1 + float64(o.Bytes)/workUnit
	c.round.slotTime += o.Took.Seconds() * float64(max(o.Slots, 1))
	if o.Waiting {
		c.round.waiting++
	}
	if c.round.n < max(c.limit, minRound) {
		return c
	}
	r := c.round
	c.round = round{}
	if 2*r.waiting < r.n {
		return c
	}
	return c.judge(float64(c.limit) * r.work / max(r.slotTime, 1e-9))
}

// judge ends a round with the limit's rate.
func (c Controller) judge(rate float64) Controller {
	now := level{c.limit, rate}
	if c.trying {
		if c.best.limit > 0 && rate < c.best.rate*c.worthwhile() {
			c.trying, c.doubling, c.held = false, false, 0
			return c.to(c.best.limit)
		}
		c.best = now
		return c.try()
	}
	if rate < c.best.rate/2 {
		return c.retreat()
	}
	c.best = now
	if c.held++; c.held < holdRounds {
		return c
	}
	return c.try()
}

// worthwhile is the factor by which the rate has to rise for the limit to be kept: a quarter of what would be ideal.
func (c Controller) worthwhile() float64 {
	return 1 + (float64(c.limit)/float64(c.best.limit)-1)/4
}

// try sets a higher limit, if there is one.
func (c Controller) try() Controller {
	c.held = 0
	c.trying = c.limit < c.most
	if c.doubling {
		return c.to(2 * c.limit)
	}
	return c.to(c.limit + max(1, c.limit/4))
}

// retreat halves the limit and forgets what was known.
func (c Controller) retreat() Controller {
	c.best, c.trying, c.doubling, c.held = level{}, false, false, 0
	if c.limit == 1 {
		c.epoch++ // what is in flight has said what it has to say
	}
	return c.to(c.limit / 2)
}

// to sets the limit.
func (c Controller) to(limit int) Controller {
	limit = min(max(limit, 1), c.most)
	if limit != c.limit {
		c.epoch++
	}
	c.limit, c.round = limit, round{}
	return c
}
