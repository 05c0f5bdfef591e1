package config

import (
	"encoding/base64"
	"net/url"
	"slices"
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
	if IsAddress(text) {
		parts, err := s.pageSegments(text)
		if err != nil {
			return ArtifactRef{}, err
		}
		if ref, ok := memberOfPage(text); ok {
			return ref, ref.Check()
		}
		if len(parts) < 5 || parts[2] != "artifacts" {
			return ArtifactRef{}, BadReference("%s is not the address of an artifact's page: that is …/<entity>/<project>/artifacts/<type>/<name>/<version>.", shortAddress(text))
		}
		ref := ArtifactRef{Entity: parts[0], Project: parts[1], Name: parts[4]}
		if len(parts) > 5 {
			ref.Alias = parts[5]
		}
		return ref, ref.Check()
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
		return ArtifactRef{}, BadReference("%q does not name an artifact. Write its name, such as \"train:v3\", its full name, such as \"entity/project/train:v3\", or the address of its page.", Clip(text, MaxName))
	}
	return ref, ref.Check()
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

// Check refuses names that W&B could not have given. Faults: bad_name, bad_reference.
func (r ArtifactRef) Check() error {
	if err := CheckArtifactName(r.Name); err != nil {
		return err
	}
	if r.Project != "" {
		if err := CheckProject(r.Project); err != nil {
			return err
		}
	}
	if strings.ContainsAny(r.Alias, "/:?#") || hasControl(r.Alias) || len(r.Alias) > 4*MaxName {
		return BadReference("%q is neither a version nor an alias of an artifact.", Clip(r.Alias, MaxName))
	}
	if strings.HasPrefix(r.Project, RegistryPrefix) { // the name of an organization, which may have blanks
		if hasControl(r.Entity) || strings.Contains(r.Entity, "/") || len(r.Entity) > 4*MaxName {
			return BadReference("%q is not the name of an organization in W&B.", Clip(r.Entity, MaxName))
		}
		return nil
	}
	return CheckEntity(r.Entity)
}

// Versioned is the name with its version or alias, as the server's documents want it.
func (r ArtifactRef) Versioned() string {
	return r.Name + ":" + FirstOf(r.Alias, "latest")
}

// isArtifactID reports whether a text is the server's id of an artifact: W&B's are the
// base64 text of "Artifact:" and a number.
func isArtifactID(text string) bool {
	raw, err := base64.StdEncoding.DecodeString(text)
	return err == nil && strings.HasPrefix(string(raw), "Artifact:")
}

// RunRef names a run. ID is the part of its address that W&B's schema calls "name".
type RunRef struct{ Entity, Project, ID string }

// ParseRunURL reads the address of a run's page on this server; ok is false for a
// text that is not an address. Faults: bad_reference, other_server, bad_name.
func (s Settings) ParseRunURL(text string) (ref RunRef, ok bool, err error) {
	text = strings.TrimSpace(text)
	if !IsAddress(text) {
		return RunRef{}, false, nil
	}
	parts, err := s.pageSegments(text)
	if err != nil {
		return RunRef{}, true, err
	}
	if len(parts) < 4 || parts[2] != "runs" {
		return RunRef{}, true, BadReference("%s is not the address of a run's page: that is …/<entity>/<project>/runs/<id>.", shortAddress(text))
	}
	ref = RunRef{Entity: parts[0], Project: parts[1], ID: parts[3]}
	return ref, true, ref.Check()
}

// Check refuses names that W&B could not have given: fault bad_name.
func (r RunRef) Check() error {
	for _, err := range []error{CheckEntity(r.Entity), CheckProject(r.Project), CheckRunID(r.ID)} {
		if err != nil {
			return err
		}
	}
	return nil
}

func IsAddress(text string) bool {
	return strings.HasPrefix(text, "http://") || strings.HasPrefix(text, "https://")
}

func BadReference(format string, args ...any) error {
	return fault.New(fault.Settings, fault.BadReference, format, args...)
}

// shortAddress is an address without what is behind ? and #, for messages.
func shortAddress(text string) string {
	text, _, _ = strings.Cut(text, "?")
	text, _, _ = strings.Cut(text, "#")
	return Clip(text, 200)
}

// pageSegments are the parts of a page's path behind the root of this server's
// pages, unquoted. The address of another server is fault other_server.
func (s Settings) pageSegments(text string) ([]string, error) {
	u, err := url.Parse(text)
	if err != nil || u.Host == "" {
		return nil, BadReference("%s is not a web address.", shortAddress(text))
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
			return nil, BadReference("%s is not a web address.", shortAddress(text))
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

// ArtifactRefs gives all that a text may name, in the order to try: first what ParseArtifactRef reads
// in it, then what that is called if this plugin stored it, which changes names as SanitizeName does.
// So a name that was given to a logging job is found as it was given, even one with slashes and colons.
// Addresses of pages have the stored name already. Faults: those of ParseArtifactRef, if the text cannot
// be read in another way either.
func (s Settings) ArtifactRefs(text string) ([]ArtifactRef, error) {
	text = strings.TrimSpace(text)
	var refs []ArtifactRef
	add := func(ref ArtifactRef) {
		if ref.Name = SanitizeName(ref.Name); ref.Check() == nil && !slices.Contains(refs, ref) {
			refs = append(refs, ref)
		}
	}
	plain, err := s.ParseArtifactRef(text)
	if err == nil {
		refs = append(refs, plain)
	}
	if IsAddress(text) || plain.ID != "" {
		return refs, err
	}
	if err == nil {
		add(plain)
	}
	if i := strings.LastIndex(text, ":"); i >= 0 {
		add(ArtifactRef{Name: text[:i], Alias: text[i+1:]})
	}
	add(ArtifactRef{Name: text})
	if len(refs) == 0 {
		return nil, err
	}
	return refs, nil
}
