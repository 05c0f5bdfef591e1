package config

import (
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/fault"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/localfile"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/secret"
)

// minKey is how long the part of a key behind its prefix is at least.
const minKey = 40

var (
	keyForm = regexp.MustCompile(`^[\w-]+$`)
	jwtForm = regexp.MustCompile(`^[\w-]+\.[\w-]+\.[\w-]+$`)
)

// keyProblem says what is wrong with a key's form; empty if nothing is. Its length
// is not fixed: there are old keys, new ones, self-hosted ones and JWTs.
func keyProblem(key string) string {
	if jwtForm.MatchString(key) {
		return ""
	}
	body := key
	if _, after, found := strings.Cut(key, "-"); found {
		body = after
	}
	switch {
	case !keyForm.MatchString(body):
		return "it holds characters that no key has"
	case len(body) < minKey:
		return fmt.Sprintf("it is too short, with %d characters instead of %d or more", len(body), minKey)
	}
	return ""
}

// findKey looks for the key: the argument or secret, W&B's variables, netrc, the
// settings files. It sets APIKey or IdentityTokenFile, and KeySource.
func (s *Settings) findKey(in Inputs, files settingsFiles, netrc netrcFile) error {
	if in.APIKey.Reveal() != "" && s.isExplicitServer(in) {
		return s.setKey(in.APIKey.Reveal(), "the operator's settings (FIFTYONE_WANDB_API_KEY)")
	}
	envKey := strings.TrimSpace(in.Env["WANDB_API_KEY"])
	tokenFile := strings.TrimSpace(in.Env["WANDB_IDENTITY_TOKEN_FILE"])
	switch {
	case envKey != "" && tokenFile != "":
		return fault.New(fault.Settings, fault.BadSettings,
			"Both WANDB_API_KEY and WANDB_IDENTITY_TOKEN_FILE are set, and W&B allows one of them. Unset the one that you do not mean.")
	case envKey != "":
		return s.setKey(envKey, "the variable WANDB_API_KEY")
	case tokenFile != "":
		s.IdentityTokenFile = expandHome(tokenFile, in.Home)
		s.KeySource = "the file of WANDB_IDENTITY_TOKEN_FILE"
		return nil
	}
	if key := netrc.key(s.netrcHosts()); key != "" {
		return s.setKey(key, netrc.path)
	}
	if f, ok := files.find("api_key"); ok {
		base, err := cleanBaseURL(FirstOf(f.values["base_url"], defaultBaseURL), f.path)
		if err == nil && sameServer(base, s.BaseURL) {
			return s.setKey(f.values["api_key"], settingsKeySource(f.path))
		}
	}
	login := "`wandb login`"
	if !isCloud(s.BaseURL) {
		login = "`wandb login --host=" + s.BaseURL + "`"
	}
	return fault.New(fault.Settings, fault.NoKey,
		"There is no API key for the W&B server %s.%s Run %s once, or set FIFTYONE_WANDB_API_KEY (a FiftyOne secret) or WANDB_API_KEY. Your key is on %s.",
		s.Server(), netrc.problem(), login, s.AuthorizeURL())
}

// isExplicitServer reports whether the key of the arguments and secrets is meant for
// the server in use: the active run may be on another one than they name.
func (s *Settings) isExplicitServer(in Inputs) bool {
	if in.BaseURL == "" {
		return true
	}
	base, err := cleanBaseURL(in.BaseURL, "FIFTYONE_WANDB_URL")
	return err == nil && sameServer(base, s.BaseURL)
}

// setKey takes a key that looks like one.
func (s *Settings) setKey(key, source string) error {
	key = strings.TrimSpace(key)
	if problem := keyProblem(key); problem != "" {
		return fault.New(fault.Settings, fault.BadKey,
			"The W&B API key from %s is not a key: %s. Copy it again from %s.", source, problem, s.AuthorizeURL())
	}
	s.APIKey, s.KeySource = secret.String(key), source
	return nil
}

// netrcFile is what the netrc file says; without entries where there is none.
type netrcFile struct {
	path    string
	entries []netrcEntry
	err     error
}

// readNetrc reads the first netrc file that is there.
func readNetrc(in Inputs) netrcFile {
	for _, path := range netrcPaths(in) {
		raw, err := localfile.ReadAll(path, MaxFile)
		if !errors.Is(err, fs.ErrNotExist) {
			return netrcFile{path, parseNetrc(string(raw)), err}
		}
	}
	return netrcFile{}
}

// key is the key for a server with one of these names; empty if there is none.
func (f netrcFile) key(hosts []string) string {
	key, machine := netrcPassword(f.entries, hosts...)
	// A default entry is for any server: what it holds may well be another password.
	if machine == "" && keyProblem(key) != "" {
		return ""
	}
	return key
}

// names reports whether there is an entry for this very server, beside the one for any.
func (f netrcFile) names(hosts []string) bool {
	_, machine := netrcPassword(f.entries, hosts...)
	return machine != ""
}

// problem says why the file could not be read, in a sentence of its own; empty if it could.
func (f netrcFile) problem() string {
	if f.err == nil {
		return ""
	}
	return fmt.Sprintf(" (The file %s could not be read: %s.)", f.path, localfile.Reason(f.err))
}

// netrcPaths are the places of the netrc file; the first that is there counts.
func netrcPaths(in Inputs) []string {
	if p := in.Env["NETRC"]; p != "" {
		return []string{expandHome(p, in.Home)}
	}
	if in.Home == "" {
		return nil
	}
	return []string{filepath.Join(in.Home, ".netrc"), filepath.Join(in.Home, "_netrc")}
}

// netrcHosts are the machine names of the server: W&B's cloud has two.
func (s *Settings) netrcHosts() []string {
	u, err := url.Parse(s.BaseURL)
	if err != nil {
		return nil
	}
	switch u.Host {
	case cloudHost:
		return []string{cloudHost, forgeAPIHost}
	case forgeAPIHost:
		return []string{forgeAPIHost, cloudHost}
	}
	return []string{u.Host}
}

// settingsKeySource says that a key was found in a settings file.
func settingsKeySource(path string) string { return "W&B's settings file " + path }
