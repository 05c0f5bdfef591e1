package artifact

import (
	"strings"
	"unicode/utf8"
)

// badPath says why an artifact cannot hold the path, or nothing. Beside what W&B refuses
// (absolute paths and ways out of the artifact, for Windows too), it is what W&B would
// silently change, so that the entry would not be found again.
func badPath(path string) string {
	switch {
	case path == "":
		return "it is empty"
	case !utf8.ValidString(path):
		return "it is not UTF-8 text"
	case strings.IndexByte(path, 0) >= 0:
		return "it holds a NUL character"
	case path[0] == '/' || path[0] == '\\':
		return "it is absolute"
	case len(path) > 1 && path[1] == ':':
		return "it begins with a drive"
	case strings.HasSuffix(path, "/"):
		return "it ends with a slash"
	}
	for part := range strings.SplitSeq(path, "/") {
		if part == "" || part == "." {
			return "it has a part that stands for nothing"
		}
		for piece := range strings.SplitSeq(part, `\`) {
			if piece == ".." {
				return "it leads out of the artifact"
			}
		}
	}
	return ""
}
