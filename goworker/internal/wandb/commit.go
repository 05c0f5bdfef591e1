package wandb

import (
	"context"
	"net/http"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/fault"
)

// manifest is the list of an artifact's files, as the server keeps it.
type manifest struct {
	client             *Client
	spec               ArtifactSpec
	artifactID, baseID string
}

// manifestNode is a manifest in an answer.
type manifestNode struct {
	ID   string `json:"id"`
	File struct {
		UploadURL     string   `json:"uploadUrl"`
		UploadHeaders []string `json:"uploadHeaders"`
	} `json:"file"`
}

// create announces the manifest: without a digest for the id that files belong to,
// and with it for the address to upload the manifest to.
func (m *manifest) create(ctx context.Context, digest string) (*manifestNode, error) {
	vars := map[string]any{
		"artifactID": m.artifactID, "name": "wandb_manifest.json", "digest": digest,
		"entityName": m.spec.Run.Entity, "projectName": m.spec.Run.Project, "runName": m.spec.Run.ID,
		"manifestType": "FULL", "includeUpload": digest != "",
	}
	if m.baseID != "" {
		vars["baseArtifactID"] = m.baseID
	}
	var out struct {
		Payload struct {
			Manifest *manifestNode `json:"artifactManifest"`
		} `json:"createArtifactManifest"`
	}
	if err := m.client.graphql(ctx, "CreateArtifactManifest", vars, &out); err != nil {
		return nil, err
	}
	node := out.Payload.Manifest
	if node == nil || node.ID == "" || digest != "" && node.File.UploadURL == "" {
		return nil, fault.New(fault.WandB, fault.ServerError, "W&B at %s gave no address for the list of the artifact's files.", m.client.host())
	}
	return node, nil
}

// upload brings the manifest itself. It asks for another address where one was refused.
func (m *manifest) upload(ctx context.Context, births func() func(string) string) error {
	src, err := manifestSource(m.spec.Files, births)
	if err != nil {
		return err
	}
	return m.client.putFresh(ctx, "uploading the list of the artifact's files", src, func() (uploadTarget, error) {
		node, err := m.create(ctx, src.md5)
		if err != nil {
			return uploadTarget{}, err
		}
		return uploadTarget{url: node.File.UploadURL, headers: node.File.UploadHeaders}, nil
	})
}

// publish uploads the manifest and commits. The manifest's object may hold other bytes that
// an earlier attempt left, or that something on the way changed: the server compares the
// digests at the commit. Then it is uploaded once more, and if that does not help the
// artifact is created under another client id, with objects of its own.
func (s *saver) publish(ctx context.Context, m manifest, births func() func(string) string) (*version, error) {
	for again := false; ; again = true {
		if err := m.upload(ctx, births); err != nil {
			return nil, err
		}
		if s.sure != nil {
			if err := s.sure(ctx); err != nil {
				return nil, err
			}
		}
		v, err := s.commitPatiently(ctx, m.artifactID)
		if e := refusal(err); e == nil || !e.says("manifest digest") {
			return v, err
		}
		if again {
			return nil, errStartOver{cause: err, withRandomID: true}
		}
	}
}

// commitPatiently repeats a commit that met another one in the same collection: W&B's
// database then refuses the second of two equal version numbers.
func (s *saver) commitPatiently(ctx context.Context, id string) (*version, error) {
	t := s.client.timings
	for tries, wait := 1, t.RetryWait; ; tries, wait = tries+1, min(2*wait, t.RetryWaitMax) {
		v, err := s.commit(ctx, id)
		e := refusal(err)
		if e == nil || e.status != http.StatusConflict || !e.says("duplicate entry") && !e.says("unique_artifact_collection") || tries == maxCommits {
			return v, err
		}
		s.client.notice("Another version was committed at the same time; committing again.")
		if err := sleep(ctx, wait); err != nil {
			return nil, err
		}
	}
}

// maxCommits is how often a commit is repeated that met another one.
const maxCommits = 6

// commit makes the version visible. The answer may be lost or late, so after any
// doubt it is looked whether the version is there.
func (s *saver) commit(ctx context.Context, id string) (*version, error) {
	var out struct {
		CommitArtifact struct {
			Artifact *version `json:"artifact"`
		} `json:"commitArtifact"`
	}
	err := s.client.graphql(ctx, opCommit, map[string]string{"artifactID": id}, &out)
	if err == nil && out.CommitArtifact.Artifact != nil && out.CommitArtifact.Artifact.Index != nil {
		return out.CommitArtifact.Artifact, nil
	}
	if err != nil && (isContextError(err) || statusOf(err) == http.StatusUnauthorized || statusOf(err) == http.StatusForbidden) {
		return nil, err
	}
	v, lookErr := s.client.artifactVersion(ctx, id)
	switch {
	case lookErr == nil && v.State == stateCommitted && v.Index != nil:
		return v, nil
	case err != nil:
		return nil, err
	case lookErr != nil:
		return nil, lookErr
	}
	return v, nil // Without a version: logged says so.
}

// adopt makes a version ours that an earlier attempt may have left pending: one that another run
// created has that run's aliases and metadata.
func (s *saver) adopt(ctx context.Context, v *version) error {
	if err := s.addAliases(ctx, v); err != nil {
		return err
	}
	if v.CreatedBy == nil || v.madeBy(s.spec.Run) {
		return nil
	}
	input := s.labels()
	if m := s.metadata(); m != "" {
		input["metadata"] = m
	}
	if err := s.client.updateArtifact(ctx, v.ID, input); err != nil {
		return err
	}
	return s.client.UseArtifact(ctx, s.spec.Run, v.ID)
}
