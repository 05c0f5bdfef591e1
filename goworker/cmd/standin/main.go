// Command standin serves a local stand-in for W&B until it is interrupted. It listens on
// loopback only; its API key is in files that only its user can read, never in its arguments.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/secret"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/standin"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:]); err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "standin:", err)
		os.Exit(1)
	}
}

// run serves until ctx is done.
func run(ctx context.Context, args []string) error {
	flags := flag.NewFlagSet("standin", flag.ContinueOnError)
	addr := flags.String("addr", "127.0.0.1:0", "loopback `host:port` of the API and the pages; port 0 is any free one")
	storage := flags.String("storage-addr", "", "loopback `host:port` of the file storage (default: a free port of another loopback address)")
	dir := flags.String("dir", "", "`directory` for the state and the files; it is made if it is missing")
	keyFile := flags.String("key-file", "", "`file` with the API keys that are let in, one a line; it is made with a throw-away key if it is missing")
	readyFile := flags.String("ready-file", "", "`file` to write url, key and entity to, as JSON, once it serves (default: ready.json in the directory)")
	entity := flags.String("entity", "", "`name` of the user and of the default entity (default: local-user)")
	teams := flags.String("teams", "", "further entities that the user may use, `comma-separated`")
	forbidden := flags.String("forbidden", "forbidden-team", "entities that exist but answer 403, `comma-separated`")
	organizations := flags.String("organizations", "", "organizations, which own no runs, `comma-separated`")
	answers := flags.String("answers", "", "`file` of answers of the real server that faults can replay, one JSON a line")
	config := flags.String("config", "{}", "limits and behaviour that differ from the defaults, as the `JSON` that /__admin/config takes and shows")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if *dir == "" || flags.NArg() > 0 {
		return errors.New("--dir must be given, and nothing but flags (see --help)")
	}
	keys, err := readKeys(*keyFile)
	if err != nil {
		return err
	}
	server, err := standin.New(standin.Options{
		Dir: *dir, Keys: keys, Entity: *entity, Teams: list(*teams), Forbidden: list(*forbidden),
		Organizations: list(*organizations), Answers: *answers, Addr: *addr, StorageAddr: *storage,
	})
	if err != nil {
		return err
	}
	if err := server.Configure([]byte(*config)); err != nil {
		return err
	}
	if err := server.Start(); err != nil {
		return err
	}
	if *readyFile == "" {
		*readyFile = filepath.Join(*dir, "ready.json")
	}
	err = writeReady(*readyFile, server)
	if err == nil {
		fmt.Printf("A stand-in for W&B serves %s\nIts API key is in %s\n", server.URL(), *readyFile)
		<-ctx.Done()
	}
	return errors.Join(err, os.Remove(*readyFile), server.Close())
}

func list(text string) []string {
	return strings.FieldsFunc(text, func(r rune) bool { return r == ',' || r == ' ' })
}

// readKeys reads the keys of a file, or makes the file with a new key; none without a file.
func readKeys(path string) ([]secret.String, error) {
	if path == "" {
		return nil, nil
	}
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		text = []byte(standin.NewKey().Reveal() + "\n")
		err = os.WriteFile(path, text, 0o600)
	}
	var keys []secret.String
	for _, line := range strings.Fields(string(text)) {
		keys = append(keys, secret.String(line))
	}
	if err == nil && len(keys) == 0 {
		err = fmt.Errorf("there is no key in %s", path)
	}
	return keys, err
}

// writeReady tells whoever waits for the file where the server is.
func writeReady(path string, server *standin.Server) error {
	text, err := json.Marshal(map[string]any{
		"url": server.URL(), "storage_url": server.StorageURL(), "key": server.Key().Reveal(), "entity": server.Entity(), "pid": os.Getpid(),
	})
	if err != nil {
		return err
	}
	tmp := path + ".new"
	_ = os.Remove(tmp) // so that it cannot be there with other rights
	if err := os.WriteFile(tmp, text, 0o600); err != nil {
		return err
	}
	return os.Rename(tmp, path)
}
