package config_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/fault"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/secret"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/wandb/config"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/wandb/wandbtest"
)

func TestSettingsComeFromTheFirstPlaceThatHasThem(t *testing.T) {
	argKey, envKey, netrcKey, fileKey := wandbtest.SomeKey(), wandbtest.SomeKey(), wandbtest.SomeKey(), wandbtest.SomeKey()
	home, dir := t.TempDir(), t.TempDir()
	wandbtest.WriteFile(t, "machine wandb.example.com\n  login user\n  password "+netrcKey+"\n", home, ".netrc")
	wandbtest.WriteFile(t, "[default]\nbase_url = https://wandb.example.com/\nentity = global-entity\nproject = global-project\napi_key = "+fileKey+"\n", home, ".config", "wandb", "settings")
	wandbtest.WriteFile(t, "[default]\nproject: local-project\n[other]\nentity = no\n", dir, "wandb", "settings")

	in := config.Inputs{Home: home, Env: map[string]string{}}
	s, err := config.Resolve(in)
	require.NoError(t, err)
	assert.Equal(t, "https://wandb.example.com", s.BaseURL)
	assert.Equal(t, "global-entity", s.Entity)
	assert.Equal(t, "global-project", s.Project)
	assert.Equal(t, netrcKey, s.APIKey.Reveal(), "netrc comes before the settings file")
	assert.Contains(t, s.KeySource, ".netrc")

	in.Dir = dir
	s, err = config.Resolve(in)
	require.NoError(t, err)
	assert.Equal(t, "global-entity", s.Entity)
	assert.Equal(t, "local-project", s.Project)

	in.Env = map[string]string{"WANDB_API_KEY": envKey + "\n", "WANDB_BASE_URL": "http://localhost:8080", "WANDB_ENTITY": "env-entity", "WANDB_PROJECT": "env-project"}
	s, err = config.Resolve(in)
	require.NoError(t, err)
	assert.Equal(t, []string{"http://localhost:8080", "http://localhost:8080", "env-entity", "env-project", envKey},
		[]string{s.BaseURL, s.AppURL, s.Entity, s.Project, s.APIKey.Reveal()})

	in.APIKey, in.BaseURL, in.Entity, in.Project = secret.String(argKey), "https://api.arg.example.com", "arg-entity", "arg-project"
	s, err = config.Resolve(in)
	require.NoError(t, err)
	assert.Equal(t, []string{"https://api.arg.example.com", "https://app.arg.example.com", "arg-entity", "arg-project", argKey},
		[]string{s.BaseURL, s.AppURL, s.Entity, s.Project, s.APIKey.Reveal()})

	in.ActiveRun = &config.ActiveRun{Entity: "run-entity", Project: "run-project", RunID: "r", BaseURL: "https://wandb.example.com"}
	s, err = config.Resolve(in)
	require.NoError(t, err)
	assert.Equal(t, []string{"https://wandb.example.com", "run-entity", "run-project"}, []string{s.BaseURL, s.Entity, s.Project})
	assert.Equal(t, envKey, s.APIKey.Reveal(), "a secret that is meant for one server is not sent to another")
}

func TestWithoutAnySettingsTheCloudIsUsed(t *testing.T) {
	s, err := config.Resolve(config.Inputs{APIKey: secret.String(wandbtest.SomeKey())})
	require.NoError(t, err)
	assert.Equal(t, "https://api.wandb.ai", s.BaseURL)
	assert.Equal(t, "https://wandb.ai", s.AppURL)
	assert.Empty(t, s.Entity)
	assert.Equal(t, "uncategorized", s.Project)
}

func TestTheKeyIsFoundInNetrcAndSettingsFiles(t *testing.T) {
	key := wandbtest.SomeKey()
	for name, c := range map[string]struct {
		base  string
		files map[string]string // below the home directory
		env   map[string]string
		found bool
	}{
		"old cloud":             {"", map[string]string{".netrc": "machine api.wandb.ai login user password " + key}, nil, true},
		"old cloud, new name":   {"", map[string]string{".netrc": "machine api.forge.coreweave.com login user password " + key}, nil, true},
		"new cloud, old name":   {"https://forge.coreweave.com/api/wandb/", map[string]string{".netrc": "machine api.wandb.ai login user password " + key}, nil, true},
		"with a port":           {"http://wandb.local:9000", map[string]string{".netrc": "machine wandb.local:9000 login user password " + key}, nil, true},
		"another port":          {"http://wandb.local:9000", map[string]string{".netrc": "machine wandb.local login user password " + key}, nil, false},
		"_netrc":                {"", map[string]string{"_netrc": "machine api.wandb.ai login user password " + key}, nil, true},
		".netrc before _netrc":  {"", map[string]string{".netrc": "", "_netrc": "machine api.wandb.ai login user password " + key}, nil, false},
		"NETRC":                 {"", map[string]string{"x/secrets": "machine api.wandb.ai login user password " + key}, map[string]string{"NETRC": "~/x/secrets"}, true},
		"default entry":         {"", map[string]string{".netrc": "default login user password " + key}, nil, true},
		"default, no key":       {"", map[string]string{".netrc": "default login anonymous password guest"}, nil, false},
		"settings, same server": {"http://wandb.local", map[string]string{".config/wandb/settings": "[default]\nbase_url = http://wandb.local/\napi_key = " + key}, nil, true},
		"settings, other":       {"http://wandb.local", map[string]string{".config/wandb/settings": "[default]\nbase_url = http://wandb.other\napi_key = " + key}, nil, false},
		"settings, no server":   {"", map[string]string{".config/wandb/settings": "[default]\napi_key = " + key}, nil, true},
		"WANDB_CONFIG_DIR":      {"", map[string]string{"conf/settings": "[default]\napi_key = " + key}, map[string]string{"WANDB_CONFIG_DIR": "~/conf"}, true},
	} {
		t.Run(name, func(t *testing.T) {
			home := t.TempDir()
			for path, text := range c.files {
				wandbtest.WriteFile(t, text, home, path)
			}
			s, err := config.Resolve(config.Inputs{BaseURL: c.base, Home: home, Env: c.env})
			if !c.found {
				require.Equal(t, "no_key", fault.Code(err), "%v", err)
				return
			}
			require.NoError(t, err)
			assert.Equal(t, key, s.APIKey.Reveal())
		})
	}
}

func TestNoKeySaysWhatToDo(t *testing.T) {
	_, err := config.Resolve(config.Inputs{BaseURL: "https://wandb.example.com", Home: t.TempDir()})
	require.Equal(t, "no_key", fault.Code(err))
	for _, word := range []string{"wandb.example.com", "`wandb login --host=https://wandb.example.com`", "FIFTYONE_WANDB_API_KEY", "WANDB_API_KEY", "https://wandb.example.com/authorize"} {
		assert.Contains(t, err.Error(), word)
	}
	assert.Equal(t, fault.Settings, fault.As(err).Source)

	_, err = config.Resolve(config.Inputs{})
	assert.Contains(t, err.Error(), "`wandb login`")
	assert.Contains(t, err.Error(), "https://wandb.ai/authorize")
}

func TestKeysOfEveryFormAreAccepted(t *testing.T) {
	letters := wandbtest.SomeKey() + wandbtest.SomeKey()
	for name, key := range map[string]string{
		"40 letters":      letters[:40],
		"new":             "wandb_v1_" + letters[:40] + "_" + letters[:36],
		"self-hosted":     "local-" + letters[:40],
		"JWT":             letters[:10] + "." + letters[:20] + "." + letters[:5],
		"blanks around":   "  " + letters[:40] + "\n",
		"dashes inside":   "local-" + letters[:20] + "-" + letters[:20],
		"capital letters": strings.ToUpper(letters[:40]),
	} {
		s, err := config.Resolve(config.Inputs{APIKey: secret.String(key)})
		require.NoError(t, err, name)
		assert.Equal(t, strings.TrimSpace(key), s.APIKey.Reveal())
	}
	for name, key := range map[string]string{
		"short": letters[:39], "short behind the prefix": "local-" + letters[:39], "blank inside": letters[:30] + " " + letters[:30],
		"quotes": `"` + letters[:40] + `"`, "two dots": "a.b." + letters[:40] + ".c",
	} {
		_, err := config.Resolve(config.Inputs{APIKey: secret.String(key)})
		require.Equal(t, "bad_key", fault.Code(err), name)
		assert.NotContains(t, err.Error(), letters[:20], "the key itself is not shown")
	}
}

func TestModesInWhichNothingMayBeSent(t *testing.T) {
	home := t.TempDir()
	wandbtest.WriteFile(t, "[default]\nmode = offline\n", home, ".config", "wandb", "settings")
	key := secret.String(wandbtest.SomeKey())
	for mode, code := range map[string]string{"offline": "offline", "dryrun": "offline", "disabled": "disabled", "DISABLED": "disabled", "nonsense": "bad_settings"} {
		_, err := config.Resolve(config.Inputs{APIKey: key, Env: map[string]string{"WANDB_MODE": mode}})
		assert.Equal(t, code, fault.Code(err), mode)
		assert.Contains(t, err.Error(), "WANDB_MODE")
	}
	_, err := config.Resolve(config.Inputs{APIKey: key, Home: home})
	assert.Equal(t, "offline", fault.Code(err))
	assert.Contains(t, err.Error(), "wandb online")
	assert.Contains(t, err.Error(), filepath.Join(home, ".config"))

	for _, mode := range []string{"online", "run", "shared"} {
		_, err = config.Resolve(config.Inputs{APIKey: key, Home: home, Env: map[string]string{"WANDB_MODE": mode}})
		assert.NoError(t, err, "the variable comes before the file")
	}
}

func TestSettingsThatCannotBeMeantAreRefused(t *testing.T) {
	key := secret.String(wandbtest.SomeKey())
	notADir := wandbtest.WriteFile(t, "x", t.TempDir(), "file")
	locked := t.TempDir()
	require.NoError(t, os.MkdirAll(filepath.Join(locked, "settings"), 0o700)) // a directory where a file should be
	for name, c := range map[string]struct {
		in   config.Inputs
		code string
		word string
	}{
		"page of the cloud":    {config.Inputs{BaseURL: "https://wandb.ai"}, "bad_settings", "https://api.wandb.ai"},
		"cloud in the clear":   {config.Inputs{BaseURL: "http://api.wandb.ai"}, "bad_settings", "in the clear"},
		"page of the forge":    {config.Inputs{BaseURL: "https://forge.coreweave.com/wandb"}, "bad_settings", "https://api.forge.coreweave.com"},
		"no scheme":            {config.Inputs{Env: map[string]string{"WANDB_BASE_URL": "wandb.example.com"}}, "bad_settings", "WANDB_BASE_URL"},
		"ftp":                  {config.Inputs{BaseURL: "ftp://x"}, "bad_settings", "FIFTYONE_WANDB_URL"},
		"no address":           {config.Inputs{BaseURL: "http://%zz"}, "bad_settings", "FIFTYONE_WANDB_URL"},
		"password in address":  {config.Inputs{BaseURL: "https://user:hunter2@x"}, "bad_settings", "Remove it"},
		"query":                {config.Inputs{BaseURL: "https://x?a=b"}, "bad_settings", "?"},
		"app URL":              {config.Inputs{Env: map[string]string{"WANDB_APP_URL": "nothing"}}, "bad_settings", "WANDB_APP_URL"},
		"entity":               {config.Inputs{Entity: "a/b"}, "bad_name", "entity"},
		"project":              {config.Inputs{Project: "a/b"}, "bad_name", "project"},
		"key and token file":   {config.Inputs{Env: map[string]string{"WANDB_API_KEY": wandbtest.SomeKey(), "WANDB_IDENTITY_TOKEN_FILE": "x"}}, "bad_settings", "Unset"},
		"unreadable settings":  {config.Inputs{Env: map[string]string{"WANDB_CONFIG_DIR": locked}}, "bad_settings", locked},
		"proxy":                {config.Inputs{Env: map[string]string{"HTTPS_PROXY": "://user:hunter2@x"}}, "bad_settings", "HTTPS_PROXY"},
		"proxy of another way": {config.Inputs{Env: map[string]string{"http_proxy": "gopher://user:hunter2@x"}}, "bad_settings", "HTTP_PROXY"},
		"no certificates":      {config.Inputs{Env: map[string]string{"REQUESTS_CA_BUNDLE": notADir}}, "bad_settings", "REQUESTS_CA_BUNDLE"},
		"certificates missing": {config.Inputs{Env: map[string]string{"SSL_CERT_FILE": notADir + "x"}}, "bad_settings", "SSL_CERT_FILE"},
	} {
		t.Run(name, func(t *testing.T) {
			if c.in.Env["WANDB_API_KEY"] == "" {
				c.in.APIKey = key
			}
			_, err := config.Resolve(c.in)
			require.Equal(t, c.code, fault.Code(err), "%v", err)
			assert.Contains(t, err.Error(), c.word)
			assert.NotContains(t, err.Error(), "hunter2")
			assert.Equal(t, fault.Settings, fault.As(err).Source)
		})
	}
}

func TestASettingsDirectoryThatIsAFileIsNoSettings(t *testing.T) {
	notADir := wandbtest.WriteFile(t, "x", t.TempDir(), "file")
	_, err := config.Resolve(config.Inputs{APIKey: secret.String(wandbtest.SomeKey()), Dir: notADir})
	assert.NoError(t, err)
}

func TestPages(t *testing.T) {
	for base, app := range map[string]string{
		"https://api.wandb.ai/": "https://wandb.ai", "https://api.qa.wandb.ai": "https://qa.wandb.ai",
		"https://api.forge.coreweave.com": "https://forge.coreweave.com/wandb", "https://forge.coreweave.com/api/wandb": "https://forge.coreweave.com/wandb",
		"https://api.acme.example.com": "https://app.acme.example.com", "https://wandb.acme.com": "https://wandb.acme.com",
		"HTTP://LocalHost:8080": "http://localhost:8080", "https://example.com/wandb/": "https://example.com/wandb", "http://api.local:8080": "http://app.local:8080",
	} {
		s, err := config.Resolve(config.Inputs{APIKey: secret.String(wandbtest.SomeKey()), BaseURL: base})
		require.NoError(t, err, base)
		assert.Equal(t, app, s.AppURL)
	}
	s, err := config.Resolve(config.Inputs{APIKey: secret.String(wandbtest.SomeKey()), Env: map[string]string{"WANDB_APP_URL": "https://pages.example.com/"}})
	require.NoError(t, err)
	assert.Equal(t, "https://pages.example.com/e/p", s.ProjectURL("e", "p"))
	assert.Equal(t, "https://pages.example.com/e/my%20project/runs/r%25", s.RunURL("e", "my project", "r%"))
	assert.Equal(t, "https://pages.example.com/e/p/artifacts/dataset/name.x/v3", s.ArtifactURL("e", "p", "dataset", "name.x", "v3"))
	assert.Equal(t, "https://pages.example.com/e/p/reports/My-20-20report-21-C3-A4--Vmlldzox", s.ReportURL("e", "p", "-My  report!ä", "Vmlldzox=="))
	assert.Equal(t, "https://pages.example.com/authorize", s.AuthorizeURL())
}

func TestSettingsDoNotShowTheKey(t *testing.T) {
	key := wandbtest.SomeKey()
	s, err := config.Resolve(config.Inputs{APIKey: secret.String(key), Env: map[string]string{"HTTPS_PROXY": "http://user:hunter2@proxy:1"}})
	require.NoError(t, err)
	wandbtest.AssertHidden(t, s, key)
	wandbtest.AssertHidden(t, s, "hunter2")
}

// A directory that was cloned or unpacked decides neither where a key of the user goes, nor who
// can listen on the way.
func TestTheSettingsOfADirectoryGetNoKeyOfTheUser(t *testing.T) {
	secretKey := wandbtest.SomeKey()
	const evil = "http://evil.example.com"
	named := map[string]string{".netrc": "machine evil.example.com login user password " + secretKey}
	for name, c := range map[string]struct {
		local string
		home  map[string]string
		env   map[string]string
		arg   bool
		word  string // of the refusal; none where there is no refusal
	}{
		"server, secret":           {local: "base_url = " + evil, arg: true, word: "names the server " + evil},
		"server, variable":         {local: "base_url = " + evil, env: map[string]string{"WANDB_API_KEY": secretKey}, word: "wandb login --host=" + evil},
		"server, default of netrc": {local: "base_url = " + evil, home: map[string]string{".netrc": "default login user password " + secretKey}, word: "names the server"},
		"server, token":            {local: "base_url = " + evil, env: map[string]string{"WANDB_IDENTITY_TOKEN_FILE": "/token"}, word: "names the server"},
		"server, other own":        {local: "base_url = " + evil, home: map[string]string{".config/wandb/settings": "[default]\nbase_url = http://wandb.mine"}, arg: true, word: "names the server"},
		"own settings name it":     {local: "base_url = " + evil, home: map[string]string{".config/wandb/settings": "[default]\nbase_url = " + evil}, arg: true},
		"netrc names it":           {local: "base_url = " + evil, home: named},
		"netrc names it, variable": {local: "base_url = " + evil, home: named, env: map[string]string{"WANDB_API_KEY": secretKey}},
		"its own key":              {local: "base_url = " + evil + "\napi_key = " + secretKey},
		"W&B's cloud":              {local: "base_url = https://api.wandb.ai", arg: true},
		"a variable names another": {local: "base_url = " + evil, env: map[string]string{"WANDB_BASE_URL": "http://wandb.mine"}, arg: true},
		"proxy":                    {local: "https_proxy = http://me:canary@proxy.evil:3128", arg: true, word: "sets the proxy proxy.evil:3128"},
		"proxy, netrc":             {local: "http_proxy = http://proxy.evil", home: map[string]string{".netrc": "machine api.wandb.ai login user password " + secretKey}, word: "WANDB_HTTP_PROXY"},
		"own proxy":                {local: "https_proxy = http://proxy.mine", home: map[string]string{".config/wandb/settings": "[default]\nhttps_proxy = http://proxy.mine"}, arg: true},
		"a variable sets another":  {local: "https_proxy = http://proxy.evil", env: map[string]string{"WANDB_HTTPS_PROXY": "http://proxy.mine"}, arg: true},
		"no check of certificates": {local: "insecure_disable_ssl = true", arg: true, word: "certificate"},
		"checked all the same":     {local: "insecure_disable_ssl = false", arg: true},
		"a variable says so, too":  {local: "insecure_disable_ssl = true", env: map[string]string{"WANDB_INSECURE_DISABLE_SSL": "true"}, arg: true},
		"plain settings":           {local: "entity = them\nproject = theirs", arg: true},
	} {
		t.Run(name, func(t *testing.T) {
			home, dir := t.TempDir(), t.TempDir()
			path := wandbtest.WriteFile(t, "[default]\n"+c.local+"\n", dir, "wandb", "settings")
			for file, text := range c.home {
				wandbtest.WriteFile(t, text+"\n", home, file)
			}
			in := config.Inputs{Home: home, Dir: dir, Env: c.env}
			if c.arg {
				in.APIKey = secret.String(secretKey)
			}
			_, err := config.Resolve(in)
			if c.word == "" {
				require.NoError(t, err)
				return
			}
			assert.Equal(t, "untrusted_settings", fault.Code(err))
			require.ErrorContains(t, err, c.word)
			require.ErrorContains(t, err, path, "it says which file was used")
			assert.NotContains(t, err.Error(), "canary")
			assert.NotContains(t, err.Error(), secretKey)
		})
	}
}

// W&B's own client keeps a directory's settings in a hidden directory if there is one: also `wandb offline` writes there.
func TestTheHiddenDirectoryIsReadInstead(t *testing.T) {
	dir := t.TempDir()
	wandbtest.WriteFile(t, "[default]\nmode = online\n", dir, "wandb", "settings")
	in := config.Inputs{Dir: dir}
	mode, err := config.ModeOf(in)
	require.NoError(t, err)
	assert.Equal(t, config.Online, mode)

	wandbtest.WriteFile(t, "[default]\nmode = offline\n", dir, ".wandb", "settings")
	mode, err = config.ModeOf(in)
	require.NoError(t, err)
	assert.Equal(t, config.Offline, mode)
}

func TestSettingsSayWhichFilesNamedThePlace(t *testing.T) {
	home, dir := t.TempDir(), t.TempDir()
	global := wandbtest.WriteFile(t, "[default]\nbase_url = http://wandb.mine\nentity = mine\nmode = online\n", home, ".config", "wandb", "settings")
	local := wandbtest.WriteFile(t, "[default]\nproject = theirs\n", dir, "wandb", "settings")
	run := &config.ActiveRun{Entity: "e", Project: "p", RunID: "r", BaseURL: "http://wandb.run"}
	for name, c := range map[string]struct {
		in   config.Inputs
		want []string
	}{
		"both":             {config.Inputs{Dir: dir}, []string{global, local}},
		"the user's own":   {config.Inputs{}, []string{global}},
		"project by name":  {config.Inputs{Dir: dir, Project: "p"}, []string{global}},
		"by variable":      {config.Inputs{Dir: dir, Env: map[string]string{"WANDB_PROJECT": "p"}}, []string{global}},
		"local alone":      {config.Inputs{Dir: dir, BaseURL: "http://wandb.other", Entity: "e"}, []string{local}},
		"all by arguments": {config.Inputs{Dir: dir, BaseURL: "http://wandb.other", Entity: "e", Project: "p"}, nil},
		"the active run's": {config.Inputs{Dir: dir, ActiveRun: run}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			c.in.APIKey, c.in.Home = secret.String(wandbtest.SomeKey()), home
			s, err := config.Resolve(c.in)
			require.NoError(t, err)
			assert.ElementsMatch(t, c.want, s.Files)
		})
	}
}

func TestErrorsAboutTheKeySayWhichFileNamedTheServer(t *testing.T) {
	home := t.TempDir()
	path := wandbtest.WriteFile(t, "[default]\nbase_url = http://wandb.example.com\n", home, ".config", "wandb", "settings")
	_, err := config.Resolve(config.Inputs{Home: home, Env: map[string]string{}})
	assert.Equal(t, "no_key", fault.Code(err))
	require.ErrorContains(t, err, "named by W&B's settings file "+path)
}

func TestSettingsFilesAreReadOnce(t *testing.T) {
	home := t.TempDir()
	path := wandbtest.WriteFile(t, "[default]\nmode = online\nentity = first\n", home, ".config", "wandb", "settings")
	in := config.Inputs{Home: home, APIKey: secret.String(wandbtest.SomeKey())}
	once := in.ReadOnce()
	mode, err := config.ModeOf(once)
	require.NoError(t, err)
	assert.Equal(t, config.Online, mode)
	require.NoError(t, os.WriteFile(path, []byte("[default]\nmode = offline\nentity = second\n"), 0o600))
	of, _ := once.ForRun("x")
	s, err := config.Resolve(of)
	require.NoError(t, err, "the mode and the settings are those of one reading")
	assert.Equal(t, "first", s.Entity)
	_, err = config.Resolve(in)
	assert.Equal(t, "offline", fault.Code(err))
	wandbtest.AssertHidden(t, once, "first")
}
