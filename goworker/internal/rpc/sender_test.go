package rpc

import (
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	pb "github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/gen/wandbworker/v1"
)

func progressEvent(rows int64) *pb.RunResponse {
	return &pb.RunResponse{Event: &pb.RunResponse_Progress{Progress: &pb.Progress{RowsDone: rows}}}
}

func createdEvent() *pb.RunResponse {
	return &pb.RunResponse{Event: &pb.RunResponse_RunCreated{RunCreated: &pb.RunCreated{RunId: "r"}}}
}

func resultEvent() *pb.RunResponse {
	return &pb.RunResponse{Event: &pb.RunResponse_RunFinished{RunFinished: &pb.RunFinished{}}}
}

// recorder is a stream that keeps the rows of each Progress, -1 for the others.
type recorder struct {
	mu  sync.Mutex
	got []int64
	at  []time.Duration
}

func (r *recorder) sender() *sender {
	start := time.Now()
	return newSender(func(event *pb.RunResponse) error {
		r.mu.Lock()
		defer r.mu.Unlock()
		rows := int64(-1)
		if p := event.GetProgress(); p != nil {
			rows = p.GetRowsDone()
		}
		r.got = append(r.got, rows)
		r.at = append(r.at, time.Since(start))
		return nil
	})
}

func (r *recorder) rows() []int64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]int64(nil), r.got...)
}

func TestProgressIsThinnedToTheLatest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var r recorder
		s := r.sender()
		for i := range int64(1000) {
			require.NoError(t, s.send(progressEvent(i)))
			time.Sleep(1100 * time.Microsecond) // never at the very moment at which one is due
		}
		require.NoError(t, s.send(resultEvent()))
		require.NoError(t, s.close())
		got := r.rows()
		assert.LessOrEqual(t, len(got), 13, "ten a second, the last one and the result")
		assert.Equal(t, []int64{0, 90, 181}, got[:3], "the latest one each time")
		assert.Equal(t, []int64{999, -1}, got[len(got)-2:], "the last one is sent, before the result")
		for i := 1; i < len(got)-2; i++ {
			assert.GreaterOrEqual(t, r.at[i]-r.at[i-1], progressEvery)
		}
	})
}

func TestProgressOfASlowJobArrivesByItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var r recorder
		s := r.sender()
		require.NoError(t, s.send(progressEvent(1)))
		require.NoError(t, s.send(progressEvent(2)))
		assert.Equal(t, []int64{1}, r.rows())
		time.Sleep(progressEvery)
		synctest.Wait()
		assert.Equal(t, []int64{1, 2}, r.rows(), "the job says nothing more, but the second one was due")
		time.Sleep(time.Second)
		require.NoError(t, s.send(progressEvent(3)))
		assert.Equal(t, []int64{1, 2, 3}, r.rows(), "after a pause there is no reason to wait")
	})
}

func TestOtherEventsKeepTheirPlace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var r recorder
		s := r.sender()
		for _, event := range []*pb.RunResponse{progressEvent(1), progressEvent(2), createdEvent(), progressEvent(3)} {
			require.NoError(t, s.send(event))
		}
		require.NoError(t, s.close())
		assert.Equal(t, []int64{1, 2, -1, 3}, r.rows())
		time.Sleep(time.Second)
		assert.Equal(t, []int64{1, 2, -1, 3}, r.rows(), "nothing is sent after the handler has returned")
	})
}

func TestNothingFollowsTheLastEvent(t *testing.T) {
	var r recorder
	s := r.sender()
	assert.False(t, s.concluded())
	require.NoError(t, s.send(resultEvent()))
	assert.True(t, s.concluded())
	require.ErrorIs(t, s.send(progressEvent(1)), errSenderClosed)
	require.ErrorIs(t, s.send(resultEvent()), errSenderClosed)
	require.NoError(t, s.close())
	assert.Equal(t, []int64{-1}, r.rows())
}

func TestABrokenStreamIsToldToTheJob(t *testing.T) {
	broken := errors.New("broken")
	calls := 0
	s := newSender(func(*pb.RunResponse) error { calls++; return broken })
	require.ErrorIs(t, s.send(createdEvent()), broken)
	require.ErrorIs(t, s.send(progressEvent(1)), broken)
	require.ErrorIs(t, s.close(), broken)
	assert.Equal(t, 1, calls)
}

func TestEventsOfManyGoroutinesComeOneByOne(t *testing.T) {
	var inside, sent atomic.Int64
	s := newSender(func(*pb.RunResponse) error {
		assert.Equal(t, int64(1), inside.Add(1))
		sent.Add(1)
		inside.Add(-1)
		return nil
	})
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			for range 200 {
				assert.NoError(t, s.send(createdEvent()))
				assert.NoError(t, s.send(progressEvent(1)))
			}
		})
	}
	group.Wait()
	require.NoError(t, s.close())
	assert.GreaterOrEqual(t, sent.Load(), int64(1600))
}

// TestOneLastEvent: whatever a job's result is, it is the last event, and no failure is sent behind it.
func TestOneLastEvent(t *testing.T) {
	message := (&pb.RunResponse{}).ProtoReflect()
	fields := message.Descriptor().Oneofs().ByName("event").Fields()
	for i := range fields.Len() {
		event := &pb.RunResponse{}
		field := fields.Get(i)
		event.ProtoReflect().Set(field, event.ProtoReflect().NewField(field))
		goesOn := field.Name() == "progress" || field.Name() == "run_created" || field.Name() == "id_chunk"
		assert.Equal(t, !goesOn, concludes(event), field.Name())
	}
	assert.False(t, concludes(&pb.RunResponse{}))
}
