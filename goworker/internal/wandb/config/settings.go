package config

import (
	"cmp"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
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

// Settings says where W&B is and who we are. Make one with Resolve.
type Settings struct {
	// BaseURL is the server's API address, without a slash at the end.
	BaseURL string
	// AppURL is where the server's pages are, without a slash at the end.
	AppURL string
	// APIKey is the key; empty when IdentityTokenFile stands for it.
	APIKey secret.String
	// KeySource says in words where the key was found.
	KeySource string
	// IdentityTokenFile holds a JWT that is exchanged for an access token.
	IdentityTokenFile string
	// Entity is empty when the server's default is meant.
	Entity string
	// Project is never empty.
	Project string
	// UserAgent names us to the server.
	UserAgent string
	// Username and UserEmail are whom a service account acts for; empty for nobody.
	Username, UserEmail string
	// ExtraHeaders go along with every request.
	ExtraHeaders ExtraHeaders
	// Files are the paths of the settings files that named the server, the entity or the
	// project; empty where none did.
	Files []string

	network Network
	newRun  NewRun
	// serverFile is the settings file that named the server, localServer whether that is ./wandb/settings.
	serverFile  string
	localServer bool
}

// Resolve finds the settings as the official client would, with the arguments and
// secrets first. Its faults are no_key, bad_key (a text that does not look like a key),
// bad_settings, untrusted_settings, bad_name, offline and disabled.
func Resolve(in Inputs) (Settings, error) {
	files, err := in.files()
	if err != nil {
		return Settings{}, err
	}
	if err := in.checkOnline(files); err != nil {
		return Settings{}, err
	}
	s := Settings{UserAgent: in.UserAgent, newRun: newRunOf(in)}
	if s.BaseURL, err = resolveBaseURL(in, files); err != nil {
		return Settings{}, err
	}
	if named, ok := files.find("base_url"); ok && in.serverFromFiles() {
		s.serverFile, s.localServer = named.path, named.local
	}
	if s.AppURL, err = appURL(s.BaseURL, in.Env["WANDB_APP_URL"]); err != nil {
		return Settings{}, err
	}
	s.Files = in.usedFiles(files)
	if err := s.resolvePlace(in, files); err != nil {
		return Settings{}, err
	}
	if s.network, err = resolveNetwork(in, files); err != nil {
		return Settings{}, err
	}
	if err := s.resolveIdentity(in.Env); err != nil {
		return Settings{}, err
	}
	netrc := readNetrc(in)
	if err := s.findKey(in, files, netrc); err != nil {
		return Settings{}, err
	}
	if err := s.checkLocal(in, files, netrc); err != nil {
		return Settings{}, err
	}
	return s, nil
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

// resolvePlace finds the entity and the project.
func (s *Settings) resolvePlace(in Inputs, files settingsFiles) error {
	s.Entity = FirstOf(in.Entity, in.Env["WANDB_ENTITY"], files.get("entity"))
	s.Project = FirstOf(in.Project, in.Env["WANDB_PROJECT"], files.get("project"), defaultProject)
	if r := in.ActiveRun; r != nil {
		s.Entity = FirstOf(r.Entity, s.Entity)
		s.Project = FirstOf(r.Project, s.Project)
	}
	if err := CheckEntity(s.Entity); err != nil {
		return err
	}
	return CheckProject(s.Project)
}

// usedFiles are the paths of the settings files that named the server, the entity or the project.
func (in Inputs) usedFiles(files settingsFiles) []string {
	run := cmp.Or(in.ActiveRun, &ActiveRun{})
	var out []string
	for key, isElsewhere := range map[string]bool{
		"base_url": !in.serverFromFiles(),
		"entity":   FirstOf(run.Entity, in.Entity, in.Env["WANDB_ENTITY"]) != "",
		"project":  FirstOf(run.Project, in.Project, in.Env["WANDB_PROJECT"]) != "",
	} {
		if path := files.source(key); path != "" && !isElsewhere && !slices.Contains(out, path) {
			out = append(out, path)
		}
	}
	slices.Sort(out)
	return out
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

// Network is how the server is reached.
func (s Settings) Network() Network { return s.network }
