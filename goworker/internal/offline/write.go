package offline

import (
	"bufio"
	"bytes"
	"context"
	"crypto/md5"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/artifact"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/fault"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/localfile"
)

// specFile holds the Spec, and an entry of the artifact in each further line.
const specFile = "fiftyone-artifact.jsonl"

// Content is what goes into a directory beside the Spec.
type Content struct {
	Files *artifact.Files
	// Copy opens the copy of the table, whose path is Spec.Table.Copy; nil for none.
	Copy func() (io.ReadCloser, error)
	// Progress is told what is done, in files and bytes.
	Progress func(files, bytes int64)
}

// Write makes the directory of an offline run below root, whole or not at all, and gives its path. Draft is an empty
// directory on the same disk, which becomes it.
//
// The records name the artifact's files by three paths: as they are here, and relative to root's parent and to root.
// `wandb sync` takes the first under which it finds them all, so that the directory may be moved, as long as it is run
// in the directory that holds it, or holds "wandb". The three are one artifact, since they have one client ID.
func Write(ctx context.Context, root, draft string, spec Spec, content Content) (string, error) {
	spec.Format, spec.Artifact.Files = format, content.Files.Len()
	if err := store(ctx, draft, content); err != nil {
		return "", err
	}
	if err := writeCopies(draft, spec, content.Copy); err != nil {
		return "", err
	}
	if err := writeSpec(draft, spec, content.Files); err != nil {
		return "", err
	}
	for try := 0; ; try++ {
		// Two jobs of one second and run differ by it, as W&B's own directories do.
		when := spec.Run.Started.Add(time.Duration(try) * time.Second)
		final := filepath.Join(root, "offline-run-"+when.Format("20060102_150405")+"-"+spec.Run.ID)
		if _, err := os.Lstat(final); err == nil {
			continue
		}
		if err := writeLog(draft, final, spec, content.Files); err != nil {
			return "", err
		}
		err := os.Rename(draft, final)
		if err == nil {
			return final, syncDirectory(root)
		}
		if !errors.Is(err, fs.ErrExist) || try > 60 {
			return "", err
		}
	}
}

// Stage is Write for a run that W&B's own client writes itself: the directory holds the artifact alone.
func Stage(ctx context.Context, draft, final string, spec Spec, content Content) error {
	spec.Format, spec.Artifact.Files = format, content.Files.Len()
	if err := store(ctx, draft, content); err != nil {
		return err
	}
	if err := writeSpec(draft, spec, content.Files); err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(final), 0o777); err != nil { //nolint:gosec // as W&B's own client has it
		return err
	}
	return os.Rename(draft, final)
}

// store brings the bytes of all files to the directory.
func store(ctx context.Context, dir string, content Content) error {
	var files, bytes int64
	for i := range content.Files.Len() {
		if err := ctx.Err(); err != nil {
			return err
		}
		e := content.Files.At(i)
		if e.Ref == "" {
			target := filepath.Join(dir, filepath.FromSlash(storedPath(e.Digest)))
			if _, err := os.Lstat(target); err != nil {
				if err := storeFile(ctx, e, target); err != nil {
					return err
				}
			}
			files++
			bytes += e.Size
		}
		if content.Progress != nil {
			content.Progress(files, bytes)
		}
	}
	return nil
}

// storeFile brings the bytes of one entry. A file of our own need not be copied; one of somebody else always is:
// some versions of wandb remove what they have synced.
func storeFile(ctx context.Context, e artifact.Entry, target string) error {
	if err := os.MkdirAll(filepath.Dir(target), 0o777); err != nil { //nolint:gosec // the draft itself is private
		return err
	}
	if info, err := os.Lstat(e.LocalPath); err == nil && e.ModTime.IsZero() && e.Offset == 0 && info.Size() == e.Size &&
		os.Link(e.LocalPath, target) == nil {
		return nil
	}
	in, err := localfile.Open(e.LocalPath)
	if err != nil {
		return fileChanged(e, err)
	}
	defer func() { _ = in.Close() }() // it was only read
	out, err := os.OpenFile(target, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	sum := md5.New()
	section := io.NewSectionReader(in, e.Offset, e.Size)
	n, err := io.Copy(io.MultiWriter(out, sum), &reader{ctx, section})
	if closeErr := out.Close(); err == nil {
		err = closeErr
	}
	if err != nil {
		return err
	}
	whole := e.ModTime.IsZero() || in.Size() == e.Size
	if n != e.Size || !whole || base64.StdEncoding.EncodeToString(sum.Sum(nil)) != e.Digest {
		return fileChanged(e, nil)
	}
	return nil
}

// reader ends with its context.
type reader struct {
	ctx context.Context
	in  io.Reader
}

func (r *reader) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.in.Read(p)
}

func fileChanged(e artifact.Entry, err error) error {
	return fault.Wrap(err, fault.Media, fault.FileChanged,
		"The file %s changed while it was being logged, so nothing was written. Log again when nothing writes to it.", e.LocalPath)
}

// writeCopies puts the copy of the table, and the tables of the charts, among the run's files.
func writeCopies(dir string, spec Spec, open func() (io.ReadCloser, error)) error {
	if err := os.MkdirAll(filepath.Join(dir, "files"), 0o777); err != nil { //nolint:gosec // the draft itself is private
		return err
	}
	for _, c := range spec.Run.Charts {
		if err := writeCopy(dir, c.Copy, bytes.NewReader(c.TableJSON())); err != nil {
			return err
		}
	}
	if spec.Table == nil || spec.Table.Copy == "" || open == nil {
		return nil
	}
	in, err := open()
	if err != nil {
		return err
	}
	defer func() { _ = in.Close() }() // it was only read
	return writeCopy(dir, spec.Table.Copy, in)
}

func writeCopy(dir, name string, in io.Reader) error {
	path := filepath.Join(dir, "files", filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil { //nolint:gosec // the draft itself is private
		return err
	}
	return writeFile(path, func(out io.Writer) error {
		_, err := io.Copy(out, in)
		return err
	})
}

// entryLine is an entry in the specFile.
type entryLine struct {
	Path   string `json:"path"`
	Digest string `json:"digest"`
	Size   int64  `json:"size"`
	Ref    string `json:"ref,omitempty"`
}

func writeSpec(dir string, spec Spec, files *artifact.Files) error {
	return writeFile(filepath.Join(dir, specFile), func(out io.Writer) error {
		lines := json.NewEncoder(out)
		lines.SetEscapeHTML(false)
		if err := lines.Encode(spec); err != nil {
			return err
		}
		for i := range files.Len() {
			e := files.At(i)
			if err := lines.Encode(entryLine{e.Path, e.Digest, e.Size, e.Ref}); err != nil {
				return err
			}
		}
		return nil
	})
}

// writeLog writes the transaction log of a directory that will be at final.
func writeLog(dir, final string, spec Spec, files *artifact.Files) error {
	name := filepath.Base(final)
	return writeFile(filepath.Join(dir, logName(spec.Run.ID)), func(out io.Writer) error {
		w := newLogWriter(out)
		w.header()
		w.run(spec.Run)
		bases := []string{filepath.ToSlash(final), filepath.Base(filepath.Dir(final)) + "/" + name, name}
		for _, base := range bases {
			w.artifact(spec, files, base)
		}
		w.values(spec.Run, spec.Table)
		w.exit()
		return w.log.err
	})
}

func logName(runID string) string { return "run-" + runID + ".wandb" }

// writeFile writes a file, in place of one that is there, down to the disk.
func writeFile(path string, fill func(io.Writer) error) error {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	out := bufio.NewWriterSize(file, 256<<10)
	err = fill(out)
	if err == nil {
		err = out.Flush()
	}
	if err == nil {
		err = file.Sync()
	}
	return errors.Join(err, file.Close())
}

// syncDirectory makes a new name last. Where a system has no such thing, the name is as good as it gets.
func syncDirectory(path string) error {
	if dir, err := os.Open(path); err == nil {
		_ = dir.Sync()
		_ = dir.Close()
	}
	return nil
}

// hexOf is a digest as a file name. Entries were checked when they were added, so that it is one.
func hexOf(digest string) string {
	raw, err := base64.StdEncoding.DecodeString(digest)
	if err != nil || len(raw) != md5.Size {
		panic(fmt.Sprintf("offline: %q is not a base64 MD5", digest))
	}
	return hex.EncodeToString(raw)
}
