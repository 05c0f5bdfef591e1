package wandb

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"strings"
)

// clientIDLength and clientIDLetters are the form of W&B's client ids.
const (
	clientIDLength  = 128
	clientIDLetters = "abcdefghijklmnopqrstuvwxyz0123456789"
)

// derivedClientID makes an id of what identifies a version, so that a retry after a
// crash finds the artifact that it left pending, where the server remembers it.
func derivedClientID(parts ...string) string {
	seed := strings.Join(parts, "\x00")
	return clientID(func(block uint32) [sha256.Size]byte {
		return sha256.Sum256(binary.BigEndian.AppendUint32([]byte(seed+"\x00"), block))
	})
}

// NewClientID makes an id for a version, or for a sequence of them, that nobody else has.
func NewClientID() string {
	return clientID(func(uint32) (block [sha256.Size]byte) {
		_, _ = rand.Read(block[:]) // never fails: it ends the process instead
		return block
	})
}

// clientID takes its letters from blocks of random bytes.
func clientID(blockOf func(number uint32) [sha256.Size]byte) string {
	id := make([]byte, 0, clientIDLength)
	for number := uint32(0); len(id) < clientIDLength; number++ {
		for _, b := range blockOf(number) {
			// Bytes that would make the first letters likelier are passed over.
			if limit := 256 / len(clientIDLetters) * len(clientIDLetters); int(b) < limit && len(id) < clientIDLength {
				id = append(id, clientIDLetters[int(b)%len(clientIDLetters)])
			}
		}
	}
	return string(id)
}
