package config

import (
	"fmt"
	"net"
	"net/url"
	"regexp"
	"strings"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/fault"
)

// W&B's cloud has two names for one service: its old one, and the one of
// CoreWeave Forge that stands before it since wandb 0.31. defaultBaseURL is used
// when nothing names a server.
const (
	cloudHost      = "api.wandb.ai"
	forgeHost      = "forge.coreweave.com"
	forgeAPIHost   = "api." + forgeHost
	forgeAPIPath   = "/api/wandb"
	forgePagesPath = "/wandb"
	defaultBaseURL = "https://" + cloudHost
)

// resolveBaseURL finds the server: the active run's, then the argument's or
// secret's, W&B's variable, its settings files, its cloud.
func resolveBaseURL(in Inputs, files settingsFiles) (string, error) {
	if r := in.ActiveRun; r != nil && strings.TrimSpace(r.BaseURL) != "" {
		return cleanBaseURL(r.BaseURL, "the active W&B run")
	}
	if in.BaseURL != "" {
		return cleanBaseURL(in.BaseURL, "FIFTYONE_WANDB_URL")
	}
	if u := in.Env["WANDB_BASE_URL"]; strings.TrimSpace(u) != "" {
		return cleanBaseURL(u, "WANDB_BASE_URL")
	}
	if u := files.get("base_url"); u != "" {
		return cleanBaseURL(u, "W&B's settings file "+files.source("base_url"))
	}
	return defaultBaseURL, nil
}

// serverFromFiles is whether only the settings files can name the server.
func (in Inputs) serverFromFiles() bool {
	return (in.ActiveRun == nil || strings.TrimSpace(in.ActiveRun.BaseURL) == "") && in.BaseURL == "" && strings.TrimSpace(in.Env["WANDB_BASE_URL"]) == ""
}

// cleanBaseURL checks a server's address and brings it into its one form: lower-case
// host, no slash at the end. From names where the address was found.
func cleanBaseURL(raw, from string) (string, error) {
	refuse := func(why string) error {
		return fault.New(fault.Settings, fault.BadSettings, "The W&B server address of %s %s", from, why)
	}
	u, err := url.Parse(strings.TrimSpace(raw))
	switch {
	case err != nil:
		return "", refuse("is not a web address. It should look like https://wandb.example.com.")
	case u.User != nil:
		return "", refuse("holds a user name or a password. Remove it: the API key belongs in `wandb login` or WANDB_API_KEY.")
	}
	u.Scheme, u.Host = strings.ToLower(u.Scheme), strings.ToLower(u.Host)
	shown := u.Scheme + "://" + u.Host + u.Path
	switch {
	case u.Scheme != "http" && u.Scheme != "https", u.Hostname() == "":
		return "", refuse("is not a web address. It should look like https://wandb.example.com.")
	case u.RawQuery != "" || u.Fragment != "":
		return "", refuse("has a part behind ? or #. It should look like https://wandb.example.com.")
	}
	path := strings.TrimRight(u.EscapedPath(), "/")
	if u.Hostname() == forgeHost {
		if u.Scheme != "https" || u.Port() != "" || path != forgeAPIPath {
			return "", refuse("(" + shown + ") is a page, not the API. Use https://" + forgeAPIHost + ".")
		}
		return "https://" + forgeAPIHost, nil
	}
	if h := u.Hostname(); h == "wandb.ai" || strings.HasSuffix(h, ".wandb.ai") {
		switch {
		case !strings.Contains(h, "api."):
			return "", refuse("(" + shown + ") is a page, not the API. Use " + defaultBaseURL + ".")
		case u.Scheme != "https":
			return "", refuse("(" + shown + ") would send the API key in the clear. Use https://" + u.Host + ".")
		}
	}
	return u.Scheme + "://" + u.Host + path, nil
}

// appURL is where the pages of a server are: next to its API, unless WANDB_APP_URL
// says otherwise.
func appURL(base, override string) (string, error) {
	if o := strings.TrimSpace(override); o != "" {
		u, err := url.Parse(o)
		if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Hostname() == "" || u.User != nil {
			return "", fault.New(fault.Settings, fault.BadSettings,
				"WANDB_APP_URL is not a web address. It should look like https://wandb.example.com.")
		}
		return strings.TrimRight(o, "/"), nil
	}
	u, err := url.Parse(base)
	if err != nil {
		return "", fault.Wrap(err, fault.Plugin, fault.Internal, "The address of the W&B server cannot be read again.")
	}
	host, isAPI := strings.CutPrefix(u.Host, "api.")
	switch {
	case u.Host == forgeAPIHost:
		return "https://" + forgeHost + forgePagesPath, nil
	case isAPI && (host == "wandb.ai" || strings.HasSuffix(host, ".wandb.ai")):
		return u.Scheme + "://" + host, nil
	case isAPI:
		return u.Scheme + "://app." + host + u.EscapedPath(), nil
	}
	return base, nil
}

// page joins path segments, each quoted, to the address of the pages.
func (s Settings) page(segments ...string) string {
	var b strings.Builder
	b.WriteString(s.AppURL)
	for _, seg := range segments {
		b.WriteByte('/')
		b.WriteString(url.PathEscape(seg))
	}
	return b.String()
}

// AuthorizeURL is the page where users find their API key.
func (s Settings) AuthorizeURL() string { return s.page("authorize") }

// ProjectURL is a project's page.
func (s Settings) ProjectURL(entity, project string) string { return s.page(entity, project) }

// RunURL is a run's page.
func (s Settings) RunURL(entity, project, runID string) string {
	return s.page(entity, project, "runs", runID)
}

// ArtifactURL is the page of an artifact's version, such as "v3", or alias.
func (s Settings) ArtifactURL(entity, project, artifactType, name, version string) string {
	return s.page(entity, project, "artifacts", artifactType, name, version)
}

// MemberURL is the page of a member of a registry: of a version of the collection name in one of its organization's projects.
func (s Settings) MemberURL(organization, entity, project, name, version string) string {
	query := url.Values{"selectionPath": {entity + "/" + project + "/" + name}, "view": {"membership"}, "version": {version}}
	return s.page("orgs", organization, "registry", strings.TrimPrefix(project, RegistryPrefix)) + "?" + query.Encode()
}

// ReportURL is a report's page: a readable form of its title, and its id.
func (s Settings) ReportURL(entity, project, title, id string) string {
	return s.page(entity, project, "reports", reportSlug(title)+"--"+strings.ReplaceAll(id, "=", ""))
}

// reportSlug is the title as the official client writes it into a report's
// address: URL-quoted, and every run of other characters than those of words to one dash.
func reportSlug(title string) string {
	var b strings.Builder
	for i := range len(title) {
		switch c := title[i]; {
		case c == '_' || '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z':
			b.WriteByte(c)
		case strings.IndexByte("-.~/", c) >= 0:
			b.WriteByte('-')
		default:
			fmt.Fprintf(&b, "-%02X", c)
		}
	}
	return strings.Trim(dashes.ReplaceAllString(b.String(), "-"), "-")
}

var dashes = regexp.MustCompile(`-+`)

// HostOf is the host, with its port, of an address, for messages.
func HostOf(address string) string {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" {
		return "the server"
	}
	return u.Host
}

// sameServer reports whether two base URLs, in their one form, are one service:
// the two names of W&B's cloud are.
func sameServer(a, b string) bool {
	return a == b || (isCloud(a) && isCloud(b))
}

func isCloud(base string) bool {
	h := HostOf(base)
	if name, _, err := net.SplitHostPort(h); err == nil {
		h = name
	}
	return h == cloudHost || h == forgeAPIHost
}

// RegistryPrefix begins the names of the projects that hold the registries of an organization.
const RegistryPrefix = "wandb-registry-"

// Server is the server's host for messages, and which settings file named it.
func (s Settings) Server() string {
	if s.serverFile == "" {
		return HostOf(s.BaseURL)
	}
	return HostOf(s.BaseURL) + " (named by W&B's settings file " + s.serverFile + ")"
}
