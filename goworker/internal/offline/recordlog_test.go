package offline

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

// readLog is a reader of the format that shares nothing with the writer.
func readLog(t *testing.T, data []byte) [][]byte {
	t.Helper()
	require.Equal(t, []byte{0x3a, 0x57, 0x26, 0x42, 0xe1, 0xbe, 0x00}, data[:7])
	var records [][]byte
	var record []byte
	open := false
	for at := 7; at < len(data); {
		if left := blockSize - at%blockSize; left < headerSize {
			require.Equal(t, make([]byte, left), data[at:at+left])
			at += left
			continue
		}
		sum, size, kind := binary.LittleEndian.Uint32(data[at:]), int(binary.LittleEndian.Uint16(data[at+4:])), data[at+6]
		require.LessOrEqual(t, at%blockSize+headerSize+size, blockSize, "a chunk goes beyond its block")
		payload := data[at+headerSize : at+headerSize+size]
		require.Equal(t, crc32.ChecksumIEEE(append([]byte{kind}, payload...)), sum)
		require.Equal(t, open, kind == chunkMiddle || kind == chunkLast)
		record = append(record, payload...)
		open = kind == chunkFirst || kind == chunkMiddle
		if !open {
			records = append(records, record)
			record = nil
		}
		at += headerSize + size
	}
	require.False(t, open)
	return records
}

func TestRecordsOfEverySizeAreReadAgain(t *testing.T) {
	// Around the ends of blocks, where chunks are cut and bytes are passed over.
	random := rand.New(rand.NewPCG(1, 2))
	for _, first := range []int{0, 1, blockSize - 30, blockSize - 22, blockSize - 21, blockSize - 20, blockSize - 15, blockSize - 14, blockSize - 13, blockSize, 3 * blockSize, 100_000} {
		t.Run(fmt.Sprint(first), func(t *testing.T) {
			var out bytes.Buffer
			l := newRecordLog(&out)
			var want [][]byte
			for _, size := range []int{first, 0, 5, 40_000, 1} {
				record := make([]byte, size)
				for i := range record {
					record[i] = byte(random.Uint32())
				}
				l.begin(size)
				for rest := record; len(rest) > 0; { // in pieces
					n := min(len(rest), 1+random.IntN(9_000))
					_, err := l.Write(rest[:n])
					require.NoError(t, err)
					rest = rest[n:]
				}
				want = append(want, record)
			}
			got := readLog(t, out.Bytes())
			require.Len(t, got, len(want))
			for i := range want {
				require.True(t, bytes.Equal(want[i], got[i]), i)
			}
		})
	}
}

func TestMoreThanWasSaidIsAnError(t *testing.T) {
	l := newRecordLog(&bytes.Buffer{})
	l.begin(3)
	_, err := l.Write([]byte("four"))
	require.Error(t, err)
}
