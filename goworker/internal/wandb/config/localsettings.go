package config

import (
	"net/url"
	"strings"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/fault"
)

// The file ./wandb/settings comes with a directory: a clone of somebody's code, an archive. It may
// say what is logged where, but not where a key of the user goes, or who can listen. What
// decides that has to be in the user's own settings, too: the variables, the secrets, the
// global settings file, or a machine of the netrc file. W&B's cloud needs no naming.

// local is the settings file of the caller's directory; without values where there is none.
func (fs settingsFiles) local() settingsFile {
	for _, f := range fs {
		if f.local {
			return f
		}
	}
	return settingsFile{}
}

// own are the settings files that are the user's own.
func (fs settingsFiles) own() settingsFiles {
	var out settingsFiles
	for _, f := range fs {
		if !f.local {
			out = append(out, f)
		}
	}
	return out
}

// checkLocal refuses what ./wandb/settings decided about the way of the key, unless the user's
// own settings say the same. A key that is in that file itself may go where it says.
func (s *Settings) checkLocal(in Inputs, files settingsFiles, netrc netrcFile) error {
	local, own := files.local(), files.own()
	if local.path == "" {
		return nil
	}
	if s.KeySource == settingsKeySource(local.path) {
		if s.localServer && len(s.ExtraHeaders.list) > 0 && !s.namedByUser(own, netrc) {
			return fault.New(fault.Settings, fault.UntrustedSettings,
				"W&B's settings file %s, which belongs to the current directory and not to you, names the server %s, and your own settings do not, "+
					"so your extra HTTP headers were not sent. If you mean it, set WANDB_BASE_URL, or unset WANDB_X_EXTRA_HTTP_HEADERS.", local.path, s.BaseURL)
		}
		return nil
	}
	refuse := func(what, remedy string) error {
		return fault.New(fault.Settings, fault.UntrustedSettings,
			"W&B's settings file %s, which belongs to the current directory and not to you, %s, and your own settings do not, "+
				"so your API key was not sent. %s, or remove that line from the file.", local.path, what, remedy)
	}
	if s.localServer && !s.namedByUser(own, netrc) {
		return refuse("names the server "+s.BaseURL, "If you mean it, run `wandb login --host="+s.BaseURL+"`")
	}
	for name, kind := range map[string]string{"http_proxy": "WANDB_HTTP_PROXY", "https_proxy": "WANDB_HTTPS_PROXY"} {
		value := strings.TrimSpace(local.values[name])
		if value != "" && FirstOf(in.Env[kind]) == "" && own.get(name) != value {
			return refuse("sets the proxy "+proxyHost(value), "If you mean it, set "+kind)
		}
	}
	const variable = "WANDB_INSECURE_DISABLE_SSL"
	if s.network.insecure && FirstOf(in.Env[variable]) == "" && !truthy(own.get("insecure_disable_ssl")) {
		return refuse("switches off the check of the server's certificate", "If you mean it, set "+variable+"=true")
	}
	return nil
}

// namedByUser is whether the user's own settings name the server, beside W&B's cloud.
func (s *Settings) namedByUser(own settingsFiles, netrc netrcFile) bool {
	base, err := cleanBaseURL(FirstOf(own.get("base_url"), defaultBaseURL), "the settings")
	if err == nil && sameServer(base, s.BaseURL) {
		return true
	}
	return netrc.names(s.netrcHosts())
}

// proxyHost is a proxy's address without what may be secret in it.
func proxyHost(value string) string {
	if !strings.Contains(value, "://") {
		value = "http://" + value
	}
	u, err := url.Parse(value)
	if err != nil {
		return "that it has"
	}
	return u.Host
}
