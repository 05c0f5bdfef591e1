package sharing

import (
	"context"
	"crypto/md5"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"runtime"
	"strconv"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/artifact"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/collect"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/publish"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/racetest"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/shard"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/view"
)

// thumbnails are the entries of shards of so many rows, each with a picture of its own, made when they are asked for.
type thumbnails struct {
	shard.Reads
	each int
}

func (m thumbnails) Pieces(ctx context.Context, n int, kind string, fn func([]byte) error) error {
	if kind != entryPieces {
		return nil
	}
	var raw []byte
	for i := range m.each {
		sum := md5.Sum(fmt.Append(nil, n, i))
		raw = appendEntry(raw, artifact.Entry{Path: "media/images/" + hex.EncodeToString(sum[:10]) + ".jpg", Digest: base64.StdEncoding.EncodeToString(sum[:]), Size: 5000})
	}
	return fn(packed(raw))
}

// nothing is a content without rows.
type nothing struct{ publish.Content }

func (nothing) Tally() publish.Tally   { return publish.Tally{} }
func (nothing) AddTally(publish.Tally) {}

func heapInUse() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// TestMemoryOfManyEntries merges shards of 20,000 pictures, of which the lead has no bytes: a million took 112 MB.
func TestMemoryOfManyEntries(t *testing.T) {
	racetest.Skip(t)
	const shards, each = 10, 20_000
	before := heapInUse()
	c := &collect.Collector{Files: &artifact.Files{}}
	m := &mergedShards{}
	for n := range shards {
		require.NoError(t, m.add(t.Context(), c, nothing{}, thumbnails{each: each}, n, &shardState{}))
	}
	require.Equal(t, shards*each, c.Files.Len())
	digest := c.Files.Digest()
	all := newBirths(c.Files)
	for i := 0; i < c.Files.Len(); i += 7 {
		all.set(c.Files.At(i).Path, []string{"id"}, []uint32{0}, 0)
	}
	used := (heapInUse() - before) / (shards * each)
	t.Logf("%d bytes an entry", used)
	assert.Less(t, used, uint64(150), "bytes an entry")
	assert.Len(t, digest, 32)
	assert.Equal(t, "id", all.of(c.Files.At(0).Path))
	runtime.KeepAlive(c)
}

// numbered are the entries of shards of so many rows, which differ in their paths only.
type numbered struct {
	shard.Reads
	each int
}

func (m numbered) Pieces(ctx context.Context, n int, kind string, fn func([]byte) error) error {
	if kind != entryPieces {
		return nil
	}
	digest := base64.StdEncoding.EncodeToString(make([]byte, md5.Size))
	var raw []byte
	for i := range m.each {
		raw = appendEntry(raw, artifact.Entry{Path: strconv.Itoa(n*m.each + i), Digest: digest})
	}
	return fn(packed(raw))
}

// TestMoreEntriesThanAnArtifactMayHave merges shards, none of which has too many, with the sentence of a job that one worker does.
func TestMoreEntriesThanAnArtifactMayHave(t *testing.T) {
	racetest.Skip(t)
	const each = artifact.MaxEntries / 10
	c := &collect.Collector{Files: &artifact.Files{}}
	m := &mergedShards{}
	for n := range 10 {
		require.NoError(t, m.add(t.Context(), c, nothing{}, numbered{each: each}, n, &shardState{}))
	}
	err := m.add(t.Context(), c, nothing{}, numbered{each: each}, 10, &shardState{})
	assert.Equal(t, artifact.TooMany(), err)
	assert.Equal(t, artifact.MaxEntries, c.Files.Len())
}

// failsOnce is a content whose description cannot be made at first.
type failsOnce struct {
	nothing
	made *int
}

func (failsOnce) Close() error { return nil }

func (f failsOnce) Publication(context.Context, int64) (*publish.Publication, error) {
	if *f.made++; *f.made == 1 {
		return nil, errors.New("the database was away")
	}
	return &publish.Publication{Description: "made"}, nil
}

// TestALeadThatFailedOnceTriesAgain: what could not be made is not taken for made at the next try.
func TestALeadThatFailedOnceTriesAgain(t *testing.T) {
	spool, err := artifact.NewSpool(t.TempDir())
	require.NoError(t, err)
	t.Cleanup(func() { _ = spool.Close() })
	made := 0
	open := func(context.Context, *collect.Reader) (publish.Content, error) { return failsOnce{made: &made}, nil }
	w := &Work{Publisher: publish.Publisher{Spec: publish.Spec{Open: open}, Session: &publish.Session{}, Source: &view.Source{}}, spool: spool}
	plan := shard.Plan{State: []byte(`{}`)}
	_, _, err = w.content(t.Context(), plan, noShards{})
	require.EqualError(t, err, "the database was away")
	for range 2 {
		_, l, err := w.content(t.Context(), plan, noShards{})
		require.NoError(t, err)
		require.NotNil(t, l.pub)
		assert.Equal(t, "made", l.pub.Description)
	}
	assert.Equal(t, 2, made, "what was made is kept")
}

// noShards is what was read of a job without shards.
type noShards struct{ shard.Reads }

func (noShards) Len() int { return 0 }
