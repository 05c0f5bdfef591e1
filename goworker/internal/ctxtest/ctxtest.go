// Package ctxtest has a context for tests of code that asks its context now and then whether to go on.
package ctxtest

import "context"

// Countdown is a context that is done once its Err has been called more than a number of times. It is for one
// goroutine.
type Countdown struct {
	context.Context
	// Left is how many more times it says that it is not done.
	Left int
}

// Err implements context.Context.
func (c *Countdown) Err() error {
	if c.Left--; c.Left < 0 {
		return context.Canceled
	}
	return nil
}
