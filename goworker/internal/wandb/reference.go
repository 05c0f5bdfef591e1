package wandb

import (
	"encoding/base64"
	"net/url"
	"strings"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/fault"
)

// ArtifactRef is what a text says of an artifact's version. Either ID is set, or
// Name; what the text does not say is empty.
type ArtifactRef struct {
	// ID is the server's own id.
	ID                    string
	Entity, Project, Name string
	// Alias is a version such as "v3", or an alias; empty for "latest".
	Alias string
}

// ParseArtifactRef reads a name with or without alias or version ("train:v3"), also
// with project and entity before it, or the registry and its organization, the address of
// its page on this server, or the server's id. Faults: bad_reference, other_server, bad_name.
func (s Settings) ParseArtifactRef(text string) (ArtifactRef, error) {
	text = strings.TrimSpace(text)
	if isAddress(text) {
		parts, err := s.pageSegments(text)
		if err != nil {
			return ArtifactRef{}, err
		}
		if ref, ok := memberOfPage(text); ok {
			return ref, ref.check()
		}
		if len(parts) < 5 || parts[2] != "artifacts" {
			return ArtifactRef{}, badReference("%s is not the address of an artifact's page: that is …/<entity>/<project>/artifacts/<type>/<name>/<version>.", shortAddress(text))
		}
		ref := ArtifactRef{Entity: parts[0], Project: parts[1], Name: parts[4]}
		if len(parts) > 5 {
			ref.Alias = parts[5]
		}
		return ref, ref.check()
	}
	if isArtifactID(text) {
		return ArtifactRef{ID: text}, nil
	}
	var ref ArtifactRef
	path, alias, _ := strings.Cut(text, ":")
	ref.Alias = alias
	switch parts := strings.Split(path, "/"); len(parts) {
	case 1:
		ref.Name = parts[0]
	case 2:
		ref.Project, ref.Name = parts[0], parts[1]
	case 3:
		ref.Entity, ref.Project, ref.Name = parts[0], parts[1], parts[2]
	default:
		return ArtifactRef{}, badReference("%q does not name an artifact. Write its name, such as \"train:v3\", its full name, such as \"entity/project/train:v3\", or the address of its page.", clip(text, maxName))
	}
	return ref, ref.check()
}

// memberOfPage reads the address of a registry's page, which names the member that it shows behind
// its question mark: …/orgs/<organization>/registry/<registry>?selectionPath=<entity>/<project>/<name>&version=v3.
func memberOfPage(text string) (ArtifactRef, bool) {
	u, err := url.Parse(text)
	if err != nil {
		return ArtifactRef{}, false
	}
	parts := strings.Split(u.Query().Get("selectionPath"), "/")
	if len(parts) != 3 {
		return ArtifactRef{}, false
	}
	return ArtifactRef{Entity: parts[0], Project: parts[1], Name: parts[2], Alias: u.Query().Get("version")}, true
}

// check refuses names that W&B could not have given.
func (r ArtifactRef) check() error {
	if err := CheckArtifactName(r.Name); err != nil {
		return err
	}
	if r.Project != "" {
		if err := CheckProject(r.Project); err != nil {
			return err
		}
	}
	if strings.ContainsAny(r.Alias, "/:?#") || hasControl(r.Alias) || len(r.Alias) > 4*maxName {
		return badReference("%q is neither a version nor an alias of an artifact.", clip(r.Alias, maxName))
	}
	if strings.HasPrefix(r.Project, registryPrefix) { // the name of an organization, which may have blanks
		if hasControl(r.Entity) || strings.Contains(r.Entity, "/") || len(r.Entity) > 4*maxName {
			return badReference("%q is not the name of an organization in W&B.", clip(r.Entity, maxName))
		}
		return nil
	}
	return checkEntity(r.Entity)
}

// name is the name as the server's documents want it.
func (r ArtifactRef) name() string {
	return r.Name + ":" + firstOf(r.Alias, "latest")
}

// isArtifactID reports whether a text is the server's id of an artifact: W&B's are the
// base64 text of "Artifact:" and a number.
func isArtifactID(text string) bool {
	raw, err := base64.StdEncoding.DecodeString(text)
	return err == nil && strings.HasPrefix(string(raw), "Artifact:")
}

// ParseRunURL reads the address of a run's page on this server; ok is false for a
// text that is not an address. Faults: bad_reference, other_server, bad_name.
func (s Settings) ParseRunURL(text string) (ref RunRef, ok bool, err error) {
	text = strings.TrimSpace(text)
	if !isAddress(text) {
		return RunRef{}, false, nil
	}
	parts, err := s.pageSegments(text)
	if err != nil {
		return RunRef{}, true, err
	}
	if len(parts) < 4 || parts[2] != "runs" {
		return RunRef{}, true, badReference("%s is not the address of a run's page: that is …/<entity>/<project>/runs/<id>.", shortAddress(text))
	}
	ref = RunRef{Entity: parts[0], Project: parts[1], ID: parts[3]}
	return ref, true, ref.check()
}

func (r RunRef) check() error {
	for _, err := range []error{checkEntity(r.Entity), CheckProject(r.Project), CheckRunID(r.ID)} {
		if err != nil {
			return err
		}
	}
	return nil
}

func isAddress(text string) bool {
	return strings.HasPrefix(text, "http://") || strings.HasPrefix(text, "https://")
}

func badReference(format string, args ...any) error {
	return fault.New(fault.Settings, fault.BadReference, format, args...)
}

// shortAddress is an address without what is behind ? and #, for messages.
func shortAddress(text string) string {
	text, _, _ = strings.Cut(text, "?")
	text, _, _ = strings.Cut(text, "#")
	return clip(text, 200)
}

// pageSegments are the parts of a page's path behind the root of this server's
// pages, unquoted. The address of another server is fault other_server.
func (s Settings) pageSegments(text string) ([]string, error) {
	u, err := url.Parse(text)
	if err != nil || u.Host == "" {
		return nil, badReference("%s is not a web address.", shortAddress(text))
	}
	root, ok := s.pageRoot(u)
	if !ok {
		return nil, fault.New(fault.Settings, fault.OtherServer,
			"%s is a page of another server: the settings lead to %s. Set WANDB_BASE_URL or FIFTYONE_WANDB_URL to the server of the page, with a key for it, or use the page's counterpart there.",
			shortAddress(text), s.AppURL)
	}
	path := strings.TrimPrefix(u.EscapedPath(), root)
	var parts []string
	for _, p := range strings.Split(strings.Trim(path, "/"), "/") {
		part, err := url.PathUnescape(p)
		if err != nil {
			return nil, badReference("%s is not a web address.", shortAddress(text))
		}
		parts = append(parts, part)
	}
	return parts, nil
}

// pageRoot is the path before the entity in an address of this server's pages.
// W&B's cloud has several names, and its pages stand under a path at one of them.
func (s Settings) pageRoot(u *url.URL) (string, bool) {
	host := strings.ToLower(u.Hostname())
	if isCloud(s.BaseURL) {
		switch host {
		case forgeHost:
			return forgePagesPath, true
		case "wandb.ai", "www.wandb.ai", "app.wandb.ai", cloudHost:
			return "", true
		}
	}
	for _, known := range []string{s.AppURL, s.BaseURL} {
		if k, err := url.Parse(known); err == nil && strings.EqualFold(u.Host, k.Host) && withinPath(u.EscapedPath(), k.EscapedPath()) {
			return k.EscapedPath(), true
		}
	}
	return "", false
}

func withinPath(path, root string) bool {
	root = strings.TrimRight(root, "/")
	return path == root || strings.HasPrefix(path, root+"/")
}
