package evaluated

import (
	"context"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestMasksOnADiskThatDoesNotAnswer: a job that is cancelled ends, though nothing is known of any file yet.
func TestMasksOnADiskThatDoesNotAnswer(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	answer := make(chan struct{})
	t.Cleanup(func() { close(answer) })
	m := startMaskFiles(ctx, time.Time{}, func(string) (os.FileInfo, error) {
		<-answer
		return nil, os.ErrNotExist
	})
	added := make(chan struct{})
	go func() {
		defer close(added)
		for i := range 40 * masksAtOnce {
			m.add(fmt.Sprintf("/masks/%d.png", i))
		}
	}()
	cancel()
	<-added
	assert.Zero(t, m.count())
	m.end()
}

// TestMasksAreAllLookedAt has more files than are looked at at once.
func TestMasksAreAllLookedAt(t *testing.T) {
	file, err := os.Stat(".")
	require.NoError(t, err)
	m := startMaskFiles(t.Context(), file.ModTime().Add(-time.Hour), func(path string) (os.FileInfo, error) {
		if path == "/masks/7.png" {
			return nil, os.ErrNotExist
		}
		return file, nil
	})
	for i := range 40 * masksAtOnce {
		m.add(fmt.Sprintf("/masks/%d.png", i))
	}
	m.add("not/absolute.png")
	assert.EqualValues(t, 40*masksAtOnce-1, m.count())
}
