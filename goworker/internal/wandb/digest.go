package wandb

import (
	"encoding/base64"
	"hash"

	"github.com/zeebo/xxh3"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/fault"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/wandb/config"
)

// The algorithms of the digests in a manifest's entries, as their "alg" names them (wandb 0.31:
// sdk/artifacts/artifact_manifest_entry.py). An entry that names none has MD5.
const (
	algorithmMD5    = "MD5"
	algorithmXXH128 = "XXH128"
)

// digester computes the digests of a file in every algorithm that W&B has: which one counts may
// be known only after the file was read.
type digester struct {
	md5 hash.Hash
	xxh *xxh3.Hasher128
}

func newDigester() *digester { return &digester{md5: newMD5(), xxh: xxh3.New128()} }

// Write implements io.Writer. It never fails.
func (d *digester) Write(p []byte) (int, error) {
	_, _ = d.md5.Write(p)
	return d.xxh.Write(p)
}

// has reports whether digest is that of the bytes in either algorithm.
func (d *digester) has(digest string) bool {
	return digest == d.sum(algorithmMD5) || digest == d.sum(algorithmXXH128)
}

// sum is the digest of the bytes as manifests write it: base64 of its 16 bytes, XXH128 in its
// canonical (big-endian) form.
func (d *digester) sum(algorithm string) string {
	if algorithm == algorithmXXH128 {
		return base64.StdEncoding.EncodeToString(d.xxh.Sum(nil))
	}
	return base64Sum(d.md5)
}

// algorithm is that of an entry's digest; a fault where this plugin cannot check it.
func (e *storedEntry) algorithm(path string) (string, error) {
	switch a := e.Extra.Algorithm; a {
	case "", algorithmMD5:
		return algorithmMD5, nil
	case algorithmXXH128:
		return algorithmXXH128, nil
	default:
		return "", fault.New(fault.WandB, fault.BadArtifact,
			"The file %s of the artifact has a checksum of the kind %q, which this plugin cannot check, so the file was not used. Update the plugin, or log the artifact again with another version of wandb.",
			path, config.Clip(a, 40))
	}
}
