package wandbtest

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// WriteReport writes what was found as check-server.md and check-server.json into a directory,
// and gives the Markdown. It names the server's address and holds no key.
func WriteReport(dir, server string, found []Finding) (string, error) {
	var out strings.Builder
	fmt.Fprintf(&out, "# What the W&B server at %s answers\n\n| asked | answer | what the plugin relies on |\n| --- | --- | --- |\n", server)
	cell := strings.NewReplacer("|", `\|`, "\n", " ", "\r", " ")
	for _, f := range found {
		fmt.Fprintf(&out, "| %s | %s | %s |\n", cell.Replace(f.Asked), cell.Replace(f.Answer), cell.Replace(f.ReliesOn))
	}
	text, err := json.MarshalIndent(map[string]any{"server": server, "findings": found}, "", "  ")
	if err != nil {
		return "", err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	if err := os.WriteFile(filepath.Join(dir, "check-server.json"), append(text, '\n'), 0o644); err != nil {
		return "", err
	}
	return out.String(), os.WriteFile(filepath.Join(dir, "check-server.md"), []byte(out.String()), 0o644)
}
