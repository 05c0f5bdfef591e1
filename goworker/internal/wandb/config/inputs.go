package config

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"

	"gopkg.in/ini.v1"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/fault"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/localfile"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/secret"
)

// defaultProject is where W&B puts what has no project.
const defaultProject = "uncategorized"

// ActiveRun is the run that is active in the caller's own Python process.
type ActiveRun struct {
	Entity, Project, RunID, BaseURL string
	// OfflineDir is the directory of an offline run, which W&B's own client writes; else empty.
	OfflineDir string
}

// Inputs is everything that settings are made of. The worker's own environment
// is never looked at: Env is the caller's.
type Inputs struct {
	// APIKey, BaseURL, Entity and Project come from arguments and FiftyOne's
	// secrets; empty where these say nothing.
	APIKey                   secret.String
	BaseURL, Entity, Project string
	// Env holds WANDB_*, NETRC, the proxies' and the CA bundles' variables.
	Env map[string]string
	// Dir is the caller's directory, for ./wandb/settings; empty ignores that file.
	Dir string
	// Home is the caller's home directory, for netrc and the global settings file.
	Home string
	// Host and Program are the machine and the script that runs are made by, where the
	// variables do not say; empty for none.
	Host, Program string
	// ActiveRun is set when the job is about the run that is active in the caller's
	// Python: then its entity, project and server count, whatever else is set.
	ActiveRun *ActiveRun
	// Online reaches the server whatever W&B's mode is: the caller asked for that.
	Online bool
	// Offline writes a directory in place of reaching the server, and OfflineDir is where: the caller's directory, or
	// that of WANDB_DIR.
	Offline    bool
	OfflineDir string
	// UserAgent names us to the server.
	UserAgent string

	// read gives the settings files, see ReadOnce.
	read func() (settingsFiles, error)
}

// ReadOnce is the inputs with W&B's settings files as they are when they are first needed: all that is asked of the result,
// and of its copies, is answered from one reading.
func (in Inputs) ReadOnce() Inputs {
	if in.read == nil {
		again := in
		in.read = sync.OnceValues(func() (settingsFiles, error) { return readSettingsFiles(again) })
	}
	return in
}

// files are W&B's settings files.
func (in Inputs) files() (settingsFiles, error) {
	if in.read != nil {
		return in.read()
	}
	return readSettingsFiles(in)
}

// ForRun are the inputs for work on a run, and whether that is the one that is active in the caller's Python: the entity,
// the project and the server of another active run do not count.
func (in Inputs) ForRun(runID string) (of Inputs, here bool) {
	here = in.ActiveRun != nil && in.ActiveRun.RunID == runID
	if !here {
		in.ActiveRun = nil
	}
	return in, here
}

// FirstOf is the first text that is not blank, trimmed.
func FirstOf(texts ...string) string {
	for _, t := range texts {
		if t = strings.TrimSpace(t); t != "" {
			return t
		}
	}
	return ""
}

// settingsFiles holds the [default] sections of W&B's settings files, the local
// one first.
type settingsFiles []settingsFile

type settingsFile struct {
	path   string
	local  bool // it is the one of the caller's directory
	values map[string]string
}

func (fs settingsFiles) find(key string) (settingsFile, bool) {
	for _, f := range fs {
		if strings.TrimSpace(f.values[key]) != "" {
			return f, true
		}
	}
	return settingsFile{}, false
}

func (fs settingsFiles) get(key string) string {
	f, _ := fs.find(key)
	return strings.TrimSpace(f.values[key])
}

func (fs settingsFiles) source(key string) string {
	f, _ := fs.find(key)
	return f.path
}

// DirectoryBelow is where W&B's own client keeps settings and runs below a directory of the user: in the hidden directory
// if there is one.
func DirectoryBelow(directory string) string {
	if info, err := os.Stat(filepath.Join(directory, ".wandb")); err == nil && info.IsDir() {
		return filepath.Join(directory, ".wandb")
	}
	return filepath.Join(directory, "wandb")
}

// readSettingsFiles reads ./wandb/settings and the global settings file. One that
// is not there is empty; one that cannot be read is a fault, since a server that
// it names would be passed over and the key sent elsewhere.
func readSettingsFiles(in Inputs) (settingsFiles, error) {
	var paths []string
	local := ""
	if in.Dir != "" {
		local = filepath.Join(DirectoryBelow(in.Dir), "settings")
		paths = append(paths, local)
	}
	if dir := in.Env["WANDB_CONFIG_DIR"]; dir != "" {
		paths = append(paths, filepath.Join(expandHome(dir, in.Home), "settings"))
	} else if in.Home != "" {
		paths = append(paths, filepath.Join(in.Home, ".config", "wandb", "settings"))
	}
	var out settingsFiles
	for _, path := range paths {
		raw, err := localfile.ReadAll(path, MaxFile)
		if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) {
			continue
		}
		if err != nil {
			return nil, fault.Wrap(err, fault.Settings, fault.BadSettings,
				"W&B's settings file %s cannot be read (%s). Make it readable or remove it.", path, localfile.Reason(err))
		}
		cfg, err := ini.LoadSources(ini.LoadOptions{
			InsensitiveKeys: true, IgnoreInlineComment: true, PreserveSurroundedQuote: true, SkipUnrecognizableLines: true,
		}, raw)
		if err != nil {
			return nil, fault.Wrap(err, fault.Settings, fault.BadSettings,
				"W&B's settings file %s is not in the INI format. Correct it or remove it.", path)
		}
		out = append(out, settingsFile{path: path, local: path == local, values: cfg.Section("default").KeysHash()})
	}
	return out, nil
}

// MaxFile is how large a file of settings, keys or tokens may be, in bytes.
const MaxFile = 4 << 20

// expandHome replaces a leading ~ by the caller's home directory.
func expandHome(path, home string) string {
	if path == "~" || strings.HasPrefix(path, "~/") || strings.HasPrefix(path, `~\`) {
		return filepath.Join(home, path[1:])
	}
	return path
}

// truthy reads a boolean variable as W&B does; anything else is false.
func truthy(text string) bool {
	text = strings.ToLower(strings.TrimSpace(text))
	if b, err := strconv.ParseBool(text); err == nil {
		return b
	}
	return text == "yes" || text == "y" || text == "on"
}
