package wandb

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"math"
	"net/http"
	"time"

	"github.com/hashicorp/go-retryablehttp"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/fault"
)

// RemoteFile is a file of an artifact's version.
type RemoteFile struct {
	Path string
	// Size is in bytes.
	Size int64
	// digest is base64, as manifests have it; url is signed and expires.
	digest, url string
}

// fileNode is the fragment file in an answer.
type fileNode struct {
	Name   string      `json:"name"`
	Size   json64      `json:"sizeBytes"`
	Digest string      `json:"digest"`
	URL    string      `json:"directUrl"`
}

func filesOf(list *connection[fileNode]) map[string]RemoteFile {
	out := map[string]RemoteFile{}
	for _, e := range list.Edges {
		if n := e.Node; n != nil {
			out[n.Name] = RemoteFile{Path: n.Name, Size: int64(n.Size), digest: n.Digest, url: n.URL}
		}
	}
	return out
}
