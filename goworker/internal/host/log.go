package host

import (
	"io"
	"log/slog"
	"strings"
)

// NewLogger writes lines as hclog's JSON format has them, which go-plugin's own
// lines have too, so that the host reads one format: @level, @message and
// @timestamp beside the line's attributes.
func NewLogger(w io.Writer, level slog.Leveler) *slog.Logger {
	return slog.New(slog.NewJSONHandler(w, &slog.HandlerOptions{Level: level, ReplaceAttr: toHclog}))
}

func toHclog(groups []string, a slog.Attr) slog.Attr {
	if len(groups) > 0 {
		return a
	}
	switch a.Key {
	case slog.TimeKey:
		a.Key = "@timestamp"
	case slog.MessageKey:
		a.Key = "@message"
	case slog.LevelKey:
		a.Key = "@level"
		a.Value = slog.StringValue(strings.ToLower(a.Value.String()))
	}
	return a
}
