package poster

import (
	"bytes"
	"context"
	"os/exec"
	"strings"
	"time"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/child"
)

// versionTime is how long ffmpeg may take to say its version.
const versionTime = 10 * time.Second

// ProgramVersion is the version of ffmpeg, such as "7.0.2": another one may give other pictures of the same video. It is empty where
// there is no such program, or it does not tell.
func ProgramVersion(ctx context.Context, program string) (string, error) {
	if program == "" {
		return "", nil
	}
	limited, cancel := context.WithTimeout(ctx, versionTime)
	defer cancel()
	var out bytes.Buffer
	cmd := exec.CommandContext(limited, program, "-hide_banner", "-version")
	cmd.Stdout = &out
	if err := child.Run(cmd, child.Limits{Memory: MaxMemory, CPU: versionTime}); err != nil {
		return "", ctx.Err()
	}
	// "ffmpeg version 7.0.2-static https://… Copyright (c) …"
	words := strings.Fields(out.String())
	if len(words) < 3 || words[1] != "version" {
		return "", nil
	}
	return words[2], nil
}
