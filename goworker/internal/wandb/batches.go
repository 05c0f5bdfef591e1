package wandb

import (
	"context"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/artifact"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/pace"
)

// maxBatchBytes bounds a batch of files by size: addresses expire, so those of
// large files are asked for late.
const maxBatchBytes = 512 << 20

// pendingFile is one file of a batch.
type pendingFile struct {
	entry artifact.Entry
	// index is its place among the artifact's files, and bytes the number of the first
	// entry with the same bytes.
	index int
	bytes uint32
	// brings says that the twins of this file wait for it to go up.
	brings bool
	parts  []filePart
	// whole says that the store did not take the file in parts.
	whole bool
	node  fileNode
	// refused is why its last upload was refused, if another one makes sense, and
	// refusals is how often that was so.
	refused  error
	refusals int
}

// batches cuts the entries: small batches first, so that uploads start at once, and a
// file that goes up in parts alone.
func batches(files *artifact.Files, twins *twins, multipart int64, sizes *pace.Batch) func(yield func([]*pendingFile) bool) {
	return func(yield func([]*pendingFile) bool) {
		var batch []*pendingFile
		var bytes int64
		size, index := sizes.Next(), 0
		for i := range files.Len() {
			e := files.At(i)
			if e.Ref != "" {
				continue
			}
			f := &pendingFile{entry: e, index: index, bytes: twins.first[i]}
			index++
			if e.Size >= multipart {
				if !yield([]*pendingFile{f}) {
					return
				}
				continue
			}
			batch = append(batch, f)
			if bytes += e.Size; len(batch) >= size || bytes >= maxBatchBytes {
				if !yield(batch) {
					return
				}
				batch, bytes, size = nil, 0, sizes.Next()
			}
		}
		if len(batch) > 0 {
			yield(batch)
		}
	}
}

// cut makes the parts of the large ones among some files. A twin of a file that is on its
// way goes up neither whole nor in parts.
func (u *upload) cut(ctx context.Context, pending []*pendingFile) error {
	for _, f := range pending {
		if f.entry.Size < u.client.limits.Multipart || f.parts != nil || f.whole || u.twins.taken(f.bytes) && !f.brings {
			continue
		}
		parts, err := hashParts(ctx, f.entry, u.client.limits.Part)
		if err != nil {
			return err
		}
		f.parts = parts
	}
	return nil
}

// inOnePiece has the files go up whole that went up in parts, and reports whether there
// were any.
func inOnePiece(pending []*pendingFile) bool {
	found := false
	for _, f := range pending {
		if f.parts != nil {
			f.parts, f.whole, found = nil, true, true
		}
	}
	return found
}
