package shard

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

func TestHeld(t *testing.T) {
	t.Parallel()
	assert.True(t, Held(t.Context()), "outside of a lease")
	b := &beat{lease: time.Hour}
	one, other := &lease{}, &lease{}
	ctx, release := b.hold(t.Context(), one)
	defer release()
	beside, releaseOther := b.hold(t.Context(), other)
	defer releaseOther()
	assert.True(t, Held(ctx))
	b.held[one].kept = b.held[one].kept.Add(-time.Hour) // the process was stopped for the time of the lease
	assert.False(t, Held(ctx))
	assert.True(t, Held(beside), "another lease is another matter")
}
