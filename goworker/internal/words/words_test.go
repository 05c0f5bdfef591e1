package words

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestNumbersForPeople(t *testing.T) {
	for want, n := range map[string]int64{"0": 0, "999": 999, "1,000": 1000, "12,345,678": 12_345_678, "-1,234": -1234, "-999": -999} {
		assert.Equal(t, want, Thousands(n))
	}
	for want, n := range map[string]int64{"0 B": 0, "999 B": 999, "1.0 kB": 1000, "4.2 MB": 4_200_000, "3.0 TB": 3_000_000_000_000} {
		assert.Equal(t, want, Bytes(n))
	}
}
