package metadata

import (
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestMetadataKeepsItsOrderAndDropsListsThatDoNotFit(t *testing.T) {
	base := &Object{}
	base.Set("z", 1)
	base.Text("a", "")
	long := `["` + strings.Repeat("x", Limit) + `"]`
	lists := []List{
		{Key: "first", Path: "f1", Size: 5, JSON: func() ([]byte, error) { return []byte(`["a"]`), nil }},
		{Key: "huge", Path: "f2", Size: int64(len(long)), JSON: func() ([]byte, error) { return nil, errors.New("must not be read") }},
		{Key: "last", Path: "f3", Size: 5, JSON: func() ([]byte, error) { return []byte(`["b"]`), nil }},
	}
	full, slim, err := Fill(base, lists)
	require.NoError(t, err)
	assert.JSONEq(t, `{"z":1,"a":null,"first":["a"],"last":["b"],"lists_in_files":{"huge":"f2"}}`, string(full))
	assert.True(t, strings.HasPrefix(string(full), `{"z":1,"a":null,"first"`))
	assert.JSONEq(t, `{"z":1,"a":null,"lists_in_files":{"first":"f1","huge":"f2","last":"f3"}}`, string(slim))

	full, _, err = Fill(base, nil)
	require.NoError(t, err)
	assert.JSONEq(t, `{"z":1,"a":null}`, string(full))
}

func TestRoundedAsPythonRounds(t *testing.T) {
	for _, c := range []struct {
		in       float64
		decimals int
		want     float64
	}{{2.675, 2, 2.67}, {0.125, 2, 0.12}, {0.9995, 3, 1}, {1.0 / 3, 3, 0.333}, {20, 2, 20}} {
		assert.InDelta(t, c.want, Rounded(c.in, c.decimals), 1e-12, "%v", c.in)
	}
}
