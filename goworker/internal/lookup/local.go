package lookup

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/fault"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/localfile"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/metadata"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/wandb"
)

// runLocal reads a downloaded artifact without a server. What only W&B's server knows (aliases, runs, times) is missing.
// Its bytes are trusted no more than those of an artifact at W&B.
func (j ReadArtifact) runLocal(ctx context.Context, ids func(list IDList, packed []byte) error) (*ArtifactContent, error) {
	if j.UsedByRun != "" || j.Version != "" {
		return nil, fault.New(fault.Settings, fault.BadArgument,
			"A downloaded artifact is read without W&B's server: leave out the version and the run that uses it.")
	}
	v := &wandb.ArtifactVersion{Files: map[string]wandb.RemoteFile{}}
	// As W&B's own client names what it downloads.
	v.Name, v.Version, _ = strings.Cut(filepath.Base(j.Directory), ":")
	for _, path := range append(j.paths(), metadata.IdentityPath) {
		info, err := os.Stat(filepath.Join(j.Directory, filepath.FromSlash(path)))
		switch {
		case err == nil:
			v.Files[path] = wandb.RemoteFile{Path: path, Size: info.Size()}
		case !errors.Is(err, fs.ErrNotExist):
			return nil, unreadableArtifact(path, err)
		}
	}
	open := func(_ context.Context, f wandb.RemoteFile) (io.ReadCloser, error) {
		file, err := localfile.Open(filepath.Join(j.Directory, filepath.FromSlash(f.Path)))
		if err != nil {
			return nil, unreadableArtifact(f.Path, err)
		}
		return file, nil
	}
	identity, ok := v.Files[metadata.IdentityPath]
	if !ok {
		return nil, fault.New(fault.Settings, fault.NotAnArtifact,
			"%s is not a downloaded artifact of this plugin: it has no %s. Artifacts of the original plugin are read from W&B.", j.Directory, metadata.IdentityPath)
	}
	raw, err := readSmall(ctx, open, identity, identityLimit)
	if err != nil {
		return nil, err
	}
	v.Metadata = raw
	r := &artifactReader{open: open, version: v, metadata: metadata.Read(raw), send: ids}
	content, err := r.read(ctx, j.Lists)
	if err != nil {
		return nil, err
	}
	content.Artifact.URL = ""
	return content, nil
}

func unreadableArtifact(path string, err error) error {
	var inner *fs.PathError
	if errors.As(err, &inner) {
		err = inner.Err
	}
	return fault.Wrap(err, fault.Settings, fault.BadArtifact, "The artifact's file %s cannot be read (%v).", path, err)
}
