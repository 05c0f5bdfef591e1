package wandb

import "sync"

// UploadProgress is how far LogArtifact is. Files that the server has already count
// as done; their bytes do not count at all, so that BytesTotal may shrink.
type UploadProgress struct {
	FilesDone, FilesTotal, BytesDone, BytesTotal int64
}

// reportEvery is the number of bytes after which progress within files is reported.
const reportEvery = 1 << 20

// uploadMeter adds up the progress of many goroutines and reports it from one at a time.
type uploadMeter struct {
	report func(UploadProgress)

	mu                         sync.Mutex
	now                        UploadProgress
	sent                       int64 // bytes on their way or there; those of a failed try are taken off again
	reported                   int64
	uploaded, unchanged, bytes int64
}

func newUploadMeter(report func(UploadProgress), files, bytes int64) *uploadMeter {
	if report == nil {
		report = func(UploadProgress) {}
	}
	return &uploadMeter{report: report, now: UploadProgress{FilesTotal: files, BytesTotal: bytes}}
}

// move counts bytes that were sent, or that have to be sent again.
func (m *uploadMeter) move(n int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.sent += n
	if m.sent-m.reported >= reportEvery {
		m.tell()
	}
}

// stop ends the reports: net/http may still read from the body of an upload that is
// given up when the call that it belonged to has returned.
func (m *uploadMeter) stop() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.report = func(UploadProgress) {}
}

// done counts a file that went up.
func (m *uploadMeter) done(size int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.uploaded++
	m.bytes += size
	m.now.FilesDone++
	m.tell()
}

// skip counts a file that the server has.
func (m *uploadMeter) skip(size int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.unchanged++
	m.now.FilesDone++
	m.now.BytesTotal -= size
	m.tell()
}

// twin counts a file whose bytes came with another one.
func (m *uploadMeter) twin(size int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.uploaded++
	m.now.FilesDone++
	m.now.BytesTotal -= size
	m.tell()
}

// tell reports; a failed try does not make the bar go back.
func (m *uploadMeter) tell() {
	m.reported = m.sent
	m.now.BytesDone = max(m.now.BytesDone, m.sent)
	m.report(m.now)
}
