package wandb

import "sync"

// UploadProgress is how far LogArtifact is. Files that the server has already count
// as done; their bytes do not count at all, so that BytesTotal may shrink.
type UploadProgress struct {
	FilesDone, FilesTotal, BytesDone, BytesTotal int64
}

// reportEvery is the number of bytes after which progress within files is reported.
const reportEvery = 1 << 20

// tracker adds up the progress of many goroutines and reports it from one at a time.
type tracker struct {
	report func(UploadProgress)

	mu                         sync.Mutex
	now                        UploadProgress
	sent                       int64 // bytes on their way or there; those of a failed try are taken off again
	reported                   int64
	uploaded, unchanged, bytes int64
}

func newTracker(report func(UploadProgress), files, bytes int64) *tracker {
	if report == nil {
		report = func(UploadProgress) {}
	}
	return &tracker{report: report, now: UploadProgress{FilesTotal: files, BytesTotal: bytes}}
}

// move counts bytes that were sent, or that have to be sent again.
func (t *tracker) move(n int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.sent += n
	if t.sent-t.reported >= reportEvery {
		t.tell()
	}
}

// stop ends the reports: net/http may still read from the body of an upload that is
// given up when the call that it belonged to has returned.
func (t *tracker) stop() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.report = func(UploadProgress) {}
}

// done counts a file that went up.
func (t *tracker) done(size int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.uploaded++
	t.bytes += size
	t.now.FilesDone++
	t.tell()
}

// skip counts a file that the server has.
func (t *tracker) skip(size int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.unchanged++
	t.now.FilesDone++
	t.now.BytesTotal -= size
	t.tell()
}

// twin counts a file whose bytes came with another one.
func (t *tracker) twin(size int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.uploaded++
	t.now.FilesDone++
	t.now.BytesTotal -= size
	t.tell()
}

// tell reports; a failed try does not make the bar go back.
func (t *tracker) tell() {
	t.reported = t.sent
	t.now.BytesDone = max(t.now.BytesDone, t.sent)
	t.report(t.now)
}
