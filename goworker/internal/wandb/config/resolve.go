package config

import (
	"cmp"
	"slices"
)

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

// ResolveOffline finds what of the settings an offline run has: entity, project, and what is said of new runs. It
// has neither a server nor a key. Faults: bad_name, bad_settings.
func ResolveOffline(in Inputs) (Settings, error) {
	files, err := in.files()
	if err != nil {
		return Settings{}, err
	}
	s := Settings{newRun: newRunOf(in)}
	if err := s.resolvePlace(in, files); err != nil {
		return Settings{}, err
	}
	return s, s.CheckNewRun()
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
