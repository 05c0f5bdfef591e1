package wandb

import (
	"bytes"
	"encoding/json"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/pythonjson"
)

// plainObject is a JSON object out of a text that a W&B client wrote, nil if it is not one. NaN and infinities become null.
func plainObject(text string) json.RawMessage {
	raw := []byte(text)
	if !json.Valid(raw) {
		if raw = pythonjson.WithoutNaN(raw); !json.Valid(raw) {
			return nil
		}
	}
	if raw = bytes.TrimSpace(raw); len(raw) == 0 || raw[0] != '{' {
		return nil
	}
	return raw
}
