package wandb_test

import (
	"encoding/json"
	"io"
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/fault"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/wandb/config"
)

// TestFilesOfOtherAlgorithms reads "hello" of an artifact whose manifest is as wandb 0.31 writes it
// for an artifact made with digest_algorithm="XXH128".
func TestFilesOfOtherAlgorithms(t *testing.T) {
	const md5, xxh, wrong = "XUFAKrxLKna5cZ2REBfFkg==", "tenBrQcbPn/Hec+qXlI4GA==", "AAAAAAAAAAAAAAAAAAAAAA=="
	for name, c := range map[string]struct{ file, entry, algorithm, code string }{
		"MD5":                              {md5, md5, "", ""},
		"XXH128":                           {xxh, xxh, "XXH128", ""},
		"XXH128, with MD5 of the store":    {md5, xxh, "XXH128", ""},
		"the server says nothing":          {"", xxh, "XXH128", ""},
		"wrong":                            {wrong, wrong, "XXH128", "bad_artifact"},
		"wrong, of MD5":                    {wrong, wrong, "", "bad_artifact"},
		"XXH128 under the name of MD5":     {"", xxh, "", "bad_artifact"},
		"MD5 under the name of XXH128":     {"", md5, "XXH128", "bad_artifact"},
		"an algorithm that nobody knows":   {wrong, wrong, "BLAKE3", "bad_artifact"},
		"the same, known before the bytes": {"", wrong, "BLAKE3", "bad_artifact"},
		"the manifest decides":             {wrong, xxh, "XXH128", ""},
	} {
		t.Run(name, func(t *testing.T) {
			srv := newServer(t)
			extra := obj{}
			if c.algorithm != "" {
				extra["alg"] = c.algorithm
			}
			srv.before(func(w http.ResponseWriter, r *http.Request) bool {
				switch r.URL.Path {
				case "/graphql":
					reply(w, 200, obj{"data": obj{"viewer": obj{"id": "u", "entity": "me"}, "project": obj{"name": "p", "entityName": "me", "artifactCollectionMembership": obj{
						"versionIndex": 0, "artifactCollection": obj{"name": "n"},
						"files":    obj{"edges": []obj{{"node": obj{"name": "f", "sizeBytes": 5, "digest": c.file, "directUrl": srv.StorageURL() + "/storage/f"}}}},
						"artifact": obj{"id": "QQ==", "state": "COMMITTED", "versionIndex": 0, "currentManifest": obj{"file": obj{"directUrl": srv.StorageURL() + "/storage/manifest"}}},
					}}}})
				case "/storage/f":
					_, _ = w.Write([]byte("hello"))
				case "/storage/manifest":
					_ = json.NewEncoder(w).Encode(obj{"version": 1, "contents": obj{"f": obj{"digest": c.entry, "size": 5, "extra": extra}}})
				default:
					return false
				}
				return true
			})
			client := srv.client()
			v, err := client.FindArtifact(t.Context(), config.ArtifactRef{Name: "n"}, []string{"f"})
			require.NoError(t, err)
			var text []byte
			r, err := client.OpenFile(t.Context(), v.Files["f"])
			if err == nil {
				text, err = io.ReadAll(r)
				require.NoError(t, r.Close())
			}
			assert.Equal(t, c.code, fault.Code(err), "%v", err)
			if c.code == "" {
				require.NoError(t, err)
				assert.Equal(t, "hello", string(text))
			}
			if c.algorithm == "BLAKE3" {
				assert.ErrorContains(t, err, "BLAKE3")
			}
		})
	}
}
