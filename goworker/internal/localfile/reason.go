package localfile

import (
	"errors"
	"io/fs"
)

// Reason is the text of an error of a file alone, without the operation and the path, which the sentence around it names.
func Reason(err error) string {
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Err.Error()
	}
	return err.Error()
}
