package publish

import (
	"context"
	"fmt"
	"io/fs"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/fault"
)

// What goes wrong with the directory of an offline run is said of it, and nothing else is.
func TestFaultsOfAnOfflineDirectory(t *testing.T) {
	o := &offlineRun{root: "/data/wandb"}
	at := func(err error) error {
		return fmt.Errorf("writing: %w", &fs.PathError{Op: "open", Path: "/data/wandb/x", Err: err})
	}
	for name, one := range map[string]struct {
		err   error
		code  string
		words string
	}{
		"full":         {at(syscall.ENOSPC), fault.NoSpace, "There is no space left to write the offline run at /data/wandb. Nothing was written."},
		"full spool":   {fault.Wrap(at(syscall.ENOSPC), fault.Settings, fault.Spool, "The spool cannot be written."), fault.NoSpace, "/data/wandb"},
		"read-only":    {at(syscall.EROFS), fault.OfflineDirectory, "cannot be written at /data/wandb (read-only file system)"},
		"not allowed":  {at(syscall.EACCES), fault.OfflineDirectory, "(permission denied). Set WANDB_DIR"},
		"no such view": {fault.New(fault.FiftyOne, fault.DatasetDeleted, "The dataset is gone."), fault.DatasetDeleted, "The dataset is gone."},
		"a file":       {fault.New(fault.Media, fault.FileChanged, "It changed."), fault.FileChanged, "It changed."},
	} {
		t.Run(name, func(t *testing.T) {
			err := o.fault(one.err)
			assert.Equal(t, one.code, fault.Code(err))
			assert.ErrorContains(t, err, one.words)
		})
	}
	assert.NoError(t, o.fault(nil))
	assert.Equal(t, context.Canceled, o.fault(context.Canceled))
}
