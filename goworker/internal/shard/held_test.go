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
	ctx, release := b.hold(t.Context(), &lease{})
	defer release()
	assert.True(t, Held(ctx))
	b.kept = b.kept.Add(-time.Hour) // the process was stopped for the time of the lease
	assert.False(t, Held(ctx))
}
