package standin

import (
	"fmt"
	"slices"
)

// The values of Behaviour.Overwrite.
const (
	OverwriteNone     = ""         // no object of the storage can be written twice
	OverwriteRunFiles = "runfiles" // only the files of runs can
	OverwriteAll      = "all"
)

// The values of Behaviour.RepeatedClientID.
const (
	RepeatedSame   = ""       // the artifact of that client ID, if its digest is the same
	RepeatedRefuse = "refuse" // 400, even with the same digest
	RepeatedNew    = "new"    // another artifact
)

// Behaviour is what may be answered in one way or another. The zero value is what W&B's
// own server is known, or else most likely, to do. It can be changed while the server runs.
type Behaviour struct {
	// Overwrite says which objects of the storage may be written again: none by default.
	// The refusal is the 403 by which W&B's storage says that an object is there.
	Overwrite string `json:"overwrite"`
	// NoPendingURLs answers createArtifactFiles without an address for bytes that were
	// uploaded for the same, pending artifact. By default an address is given again.
	NoPendingURLs bool `json:"no_pending_urls"`
	// RepeatedClientID says what createArtifact gives for a client ID that it knows, with the
	// same digest. Another digest is always refused.
	RepeatedClientID string `json:"repeated_client_id"`
	// NoAutoLatest leaves the alias latest where it is unless it was asked for.
	NoAutoLatest bool `json:"no_auto_latest"`
	// NoCommitConflicts lets two versions be the first with the same file.
	NoCommitConflicts bool `json:"no_commit_conflicts"`
	// EntityOptional answers project(name:) without an entity for the default one. By default that is a 400.
	EntityOptional bool `json:"entity_optional"`
	// BadKeyRefused answers a question for the viewer alone, with a bad key, with 401. By
	// default the viewer is null; every other question is answered with 401 in any case.
	BadKeyRefused bool `json:"bad_key_refused"`
	// NoMultipart has the storage refuse uploads in parts, with 403.
	NoMultipart bool `json:"no_multipart"`
	// RunFilesNeedUploaded shows a run's file only when file_stream has named it in "uploaded",
	// as self-hosted servers do.
	RunFilesNeedUploaded bool `json:"runfiles_need_uploaded"`
	// HiddenProjects are projects, as "entity/project", that the key may not see: null in a
	// question, 404 "project not found" for a run that is to be made there.
	HiddenProjects []string `json:"hidden_projects"`
	// AccessHeader is a header, as "Name: value", that an access proxy before the API and the
	// storage wants to see: requests without it get the proxy's 403. Empty for no proxy.
	AccessHeader string `json:"access_header"`
}

func (b Behaviour) check() error {
	if !slices.Contains([]string{OverwriteNone, OverwriteRunFiles, OverwriteAll}, b.Overwrite) {
		return fmt.Errorf("overwrite is %q, %q or %q", OverwriteNone, OverwriteRunFiles, OverwriteAll)
	}
	if !slices.Contains([]string{RepeatedSame, RepeatedRefuse, RepeatedNew}, b.RepeatedClientID) {
		return fmt.Errorf("repeated_client_id is %q, %q or %q", RepeatedSame, RepeatedRefuse, RepeatedNew)
	}
	return nil
}

// SetBehaviour replaces the behaviour.
func (s *Server) SetBehaviour(b Behaviour) error {
	if err := b.check(); err != nil {
		return err
	}
	b.HiddenProjects = slices.Clone(b.HiddenProjects)
	s.behaviour.Store(&b)
	return nil
}

// Behaviour is the behaviour that holds now.
func (s *Server) Behaviour() Behaviour { return *s.behaviour.Load() }

// overwrites reports whether an object of the storage may be written again.
func (s *Server) overwrites(kind string) bool {
	switch s.behaviour.Load().Overwrite {
	case OverwriteAll:
		return true
	case OverwriteRunFiles:
		return kind == "runs"
	}
	return false
}

// hidden reports whether the key may not see a project.
func (s *Server) hidden(entity, project string) bool {
	return slices.Contains(s.behaviour.Load().HiddenProjects, key(entity, project))
}
