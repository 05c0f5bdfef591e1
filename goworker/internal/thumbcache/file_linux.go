package thumbcache

import (
	"encoding/binary"
	"io/fs"
	"syscall"
	"time"
)

// FileState identifies a file's content without reading it: any change of the file
// changes it. It is nil while the file's last change is so fresh that another one could
// leave the same times behind.
func FileState(path string, info fs.FileInfo) []byte {
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return nil
	}
	changed := time.Unix(stat.Ctim.Unix())
	if time.Since(changed) < settled || time.Since(info.ModTime()) < settled {
		return nil
	}
	b := binary.LittleEndian.AppendUint64(nil, uint64(info.Size()))
	for _, n := range []int64{info.ModTime().UnixNano(), changed.UnixNano(), int64(stat.Ino), int64(stat.Dev)} { //nolint:gosec,unconvert // bits only; the types differ between systems
		b = binary.LittleEndian.AppendUint64(b, uint64(n))
	}
	return append(b, path...)
}
