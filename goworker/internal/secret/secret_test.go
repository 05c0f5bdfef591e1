package secret_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/secret"
)

func TestSecretIsHiddenInEveryForm(t *testing.T) {
	const text = "swordfish"
	type holder struct {
		Key secret.String
	}
	h := holder{Key: text}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d"} {
		for _, value := range []any{secret.String(text), h, &h, []secret.String{text}} {
			assert.NotContains(t, fmt.Sprintf(verb, value), text, verb)
			assert.NotContains(t, fmt.Sprintf(verb, value), fmt.Sprintf("%x", text), verb)
		}
	}
	raw, err := json.Marshal(h)
	require.NoError(t, err)
	assert.NotContains(t, string(raw), text)

	var log bytes.Buffer
	slog.New(slog.NewJSONHandler(&log, nil)).Info("m", "key", secret.String(text), "holder", h)
	assert.NotContains(t, log.String(), text)
}

func TestSecretCanBeRevealedAndEmptyStaysEmpty(t *testing.T) {
	assert.Equal(t, "swordfish", secret.String("swordfish").Reveal())
	assert.Equal(t, "", secret.String("").String())
}
