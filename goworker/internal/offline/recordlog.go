package offline

import (
	"encoding/binary"
	"hash/crc32"
	"io"
)

// A W&B transaction log (".wandb") is framed as LevelDB's logs are: blocks of 32 KiB, which hold chunks of records.
// Unlike LevelDB's, its checksum is the plain IEEE CRC-32 over type and payload.
const (
	blockSize  = 32 << 10
	headerSize = 7 // of a chunk: checksum 4, length 2, type 1
	fileHeader = ":W&B\xe1\xbe\x00"
)

// The types of chunks.
const (
	chunkFull = iota + 1
	chunkFirst
	chunkMiddle
	chunkLast
)

// recordLog writes a transaction log. A record's length is given first, so that one of any size takes the memory of
// one block. The first error sticks.
type recordLog struct {
	out   io.Writer
	at    int // in the block
	chunk []byte
	left  int // bytes of the record that are still to come
	begun bool
	err   error
}

func newRecordLog(out io.Writer) *recordLog {
	l := &recordLog{out: out, chunk: make([]byte, headerSize, blockSize)}
	l.raw([]byte(fileHeader))
	return l
}

// begin starts a record of so many bytes, which Write then gets.
func (l *recordLog) begin(size int) {
	l.left, l.begun = size, false
	if size == 0 {
		l.flush()
	}
}

// Write implements io.Writer: the bytes of the record.
func (l *recordLog) Write(p []byte) (int, error) {
	done := 0
	for len(p) > 0 && l.err == nil {
		n := min(len(p), l.free(), l.left)
		if n == 0 {
			l.err = io.ErrShortWrite // more bytes than begin said
			break
		}
		l.chunk = append(l.chunk, p[:n]...)
		l.left -= n
		done += n
		p = p[n:]
		if l.left == 0 || l.free() == 0 {
			l.flush()
		}
	}
	return done, l.err
}

// free is how many more bytes the chunk takes. A block's last bytes that hold no chunk are passed over.
func (l *recordLog) free() int {
	if len(l.chunk) == headerSize && blockSize-l.at < headerSize {
		l.raw(make([]byte, blockSize-l.at))
	}
	return blockSize - l.at - len(l.chunk)
}

// flush writes the chunk.
func (l *recordLog) flush() {
	if blockSize-l.at < headerSize {
		l.raw(make([]byte, blockSize-l.at))
	}
	kind := byte(chunkMiddle)
	switch {
	case !l.begun && l.left == 0:
		kind = chunkFull
	case !l.begun:
		kind = chunkFirst
	case l.left == 0:
		kind = chunkLast
	}
	l.begun = true
	l.chunk[6] = kind
	binary.LittleEndian.PutUint16(l.chunk[4:], uint16(len(l.chunk)-headerSize)) //nolint:gosec // a block at most
	binary.LittleEndian.PutUint32(l.chunk, crc32.ChecksumIEEE(l.chunk[6:]))
	l.raw(l.chunk)
	l.chunk = l.chunk[:headerSize]
}

func (l *recordLog) raw(p []byte) {
	if l.err == nil {
		_, l.err = l.out.Write(p)
		l.at = (l.at + len(p)) % blockSize
	}
}
