package offline

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/artifact"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/fault"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/localfile"
)

// maxLine is how long a line of the specFile may be: the first holds the metadata.
const maxLine = 64 << 20

// Read reads a directory that Write made, wherever it is now, and checks that its files are whole.
//
// Its faults are not_found (no such directory), not_offline (not one of this plugin), and offline_changed.
func Read(ctx context.Context, dir string) (Spec, *artifact.Files, error) {
	var spec Spec
	if info, err := os.Stat(dir); err != nil || !info.IsDir() {
		return spec, nil, fault.Wrap(err, fault.Settings, fault.NotFound, "There is no directory %s. Name one such as wandb/offline-run-20260131_120000-abc123.", dir)
	}
	file, err := localfile.Open(filepath.Join(dir, specFile))
	if errors.Is(err, fs.ErrNotExist) {
		return spec, nil, fault.New(fault.Settings, fault.NotOffline,
			"%s was not written by this plugin (it has no %s). Upload what W&B's own client wrote with: wandb sync %s", dir, specFile, dir)
	}
	if err != nil {
		return spec, nil, changed(dir, specFile, "it cannot be read", err)
	}
	defer func() { _ = file.Close() }() // it was only read
	lines := bufio.NewReaderSize(file, 64<<10)
	if err := readLine(lines, &spec); err != nil {
		return spec, nil, changed(dir, specFile, "its first line cannot be read", err)
	}
	if spec.Format != format {
		return spec, nil, fault.New(fault.Settings, fault.NotOffline, "%s was written by another version of this plugin. Upload it with that one, or with: wandb sync %s", dir, dir)
	}
	files, err := readEntries(ctx, dir, lines, spec.Artifact.Files)
	if err != nil {
		return spec, nil, err
	}
	if files.Digest() != spec.Artifact.Digest {
		return spec, nil, changed(dir, specFile, "its files are not those of the artifact", nil)
	}
	return spec, files, checkCopy(ctx, dir, spec.Table)
}

// checkCopy compares the copy of the table with its digest, which is a part of what the run's summary gets.
func checkCopy(ctx context.Context, dir string, t *Table) error {
	if t == nil || t.Copy == "" {
		return nil
	}
	var value struct {
		SHA256 string `json:"sha256"`
	}
	if err := json.Unmarshal(t.Value, &value); err != nil {
		return changed(dir, specFile, "what it says of the table is damaged", err)
	}
	in, err := OpenCopy(dir, *t)
	if err != nil {
		return err
	}
	defer func() { _ = in.Close() }() // it was only read
	sum := sha256.New()
	if _, err := io.Copy(sum, &reader{ctx, in}); err != nil {
		return cmp.Or(ctx.Err(), changed(dir, t.Copy, "it cannot be read", err))
	}
	if hex.EncodeToString(sum.Sum(nil)) != value.SHA256 {
		return changed(dir, t.Copy, "its bytes differ from what was logged", nil)
	}
	return nil
}

// readEntries reads the entries and compares the bytes of each file with its digest.
func readEntries(ctx context.Context, dir string, lines *bufio.Reader, count int) (*artifact.Files, error) {
	files := &artifact.Files{}
	for range count {
		var line entryLine
		if err := readLine(lines, &line); err != nil {
			return nil, changed(dir, specFile, "it is not complete", err)
		}
		e := artifact.Entry{Path: line.Path, Digest: line.Digest, Size: line.Size, Ref: line.Ref}
		if e.Ref == "" {
			if raw, err := base64.StdEncoding.DecodeString(e.Digest); err != nil || len(raw) != 16 {
				return nil, changed(dir, specFile, "a digest in it is damaged", err)
			}
			name := filepath.FromSlash(storedPath(e.Digest))
			e.LocalPath = filepath.Join(dir, name)
			digest, _, size, mod, err := artifact.HashFile(ctx, e.LocalPath)
			if ctx.Err() != nil {
				return nil, ctx.Err()
			}
			if err != nil {
				return nil, changed(dir, name, "it is gone or cannot be read", err)
			}
			if digest != e.Digest || size != e.Size {
				return nil, changed(dir, name, "its bytes differ from what was logged", nil)
			}
			e.ModTime = mod
		}
		if err := files.Add(e); err != nil {
			return nil, changed(dir, specFile, "an entry in it is damaged", err)
		}
	}
	return files, nil
}

// readLine reads a line of JSON.
func readLine(in *bufio.Reader, into any) error {
	var line []byte
	for {
		part, err := in.ReadSlice('\n')
		if line = append(line, part...); len(line) > maxLine {
			return errors.New("a line is too long")
		}
		if err == nil {
			return json.Unmarshal(bytes.TrimSpace(line), into)
		}
		if !errors.Is(err, bufio.ErrBufferFull) {
			return err
		}
	}
}

func changed(dir, file, what string, err error) error {
	return fault.Wrap(err, fault.Settings, fault.OfflineChanged,
		"%s has changed since it was logged: %s: %s. Nothing was uploaded. Copy the directory again, or log again.", dir, file, what)
}

// OpenCopy opens the copy of the table among the run's files.
func OpenCopy(dir string, t Table) (io.ReadCloser, error) {
	if !filepath.IsLocal(filepath.FromSlash(t.Copy)) || !strings.HasPrefix(t.Copy, "media/table/") {
		return nil, changed(dir, specFile, "the path of the table's copy is damaged", nil)
	}
	file, err := localfile.Open(filepath.Join(dir, "files", filepath.FromSlash(t.Copy)))
	if err != nil {
		return nil, changed(dir, t.Copy, "it is gone or cannot be read", err)
	}
	return file, nil
}

// MarkSynced notes, as W&B's own client does, that the directory was uploaded: `wandb sync` passes it over then.
func MarkSynced(dir, runID string) error {
	return writeFile(filepath.Join(dir, logName(runID)+".synced"), func(io.Writer) error { return nil })
}
