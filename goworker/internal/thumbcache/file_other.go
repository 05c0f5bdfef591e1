//go:build !linux

package thumbcache

import (
	"encoding/binary"
	"io/fs"
	"time"
)

// FileState identifies a file's content without reading it, by its path, size and time
// of change. It is nil while that time is so fresh that another change could leave it the same.
func FileState(path string, info fs.FileInfo) []byte {
	if time.Since(info.ModTime()) < settled {
		return nil
	}
	b := binary.LittleEndian.AppendUint64(nil, uint64(info.Size()))
	b = binary.LittleEndian.AppendUint64(b, uint64(info.ModTime().UnixNano()))
	return append(b, path...)
}
