package standin_test

import (
	"encoding/hex"
	"maps"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func hexOf(digest string) string { return hex.EncodeToString(decoded(digest)) }

func TestMultipart(t *testing.T) {
	c := start(t)
	parts := []string{strings.Repeat("a", 400_000), strings.Repeat("b", 400_000), "end"}
	content := strings.Join(parts, "")
	var announced []object
	for i, part := range parts {
		announced = append(announced, object{"partNumber": i + 1, "hexMD5": hexOf(digest(part))})
	}
	node := c.pendingFile(content, object{"uploadPartsInput": announced})
	urls := at(node, "uploadMultipartUrls", "uploadUrlParts").([]any)
	require.Len(t, urls, 3)
	put := func(i int, body string) answer {
		req := c.request(http.MethodPut, at(urls[i], "uploadUrl").(string), body)
		req.Header.Set("Content-MD5", digest(body))
		req.Header.Set("Content-Type", strings.TrimPrefix(at(node, "uploadHeaders", 0).(string), "Content-Type:"))
		return c.do(req)
	}
	complete := `mutation($i: CompleteMultipartUploadArtifactInput!) { completeMultipartUploadArtifact(input: $i) { digest } }`
	input := object{
		"completeMultipartAction": "Complete", "artifactID": at(node, "artifact", "id"), "storagePath": node["storagePath"],
		"uploadID": at(node, "uploadMultipartUrls", "uploadID"),
	}
	var done []object
	for i, part := range parts {
		if i == 2 {
			with := maps.Clone(input)
			with["completedParts"] = append(done, announced[2])
			assert.Contains(t, c.refused(400, complete, object{"i": with}), "part 3", "it did not come yet")
		}
		a := put(i, part)
		require.Equal(t, 200, a.status, a.text)
		done = append(done, object{"partNumber": i + 1, "hexMD5": a.header.Get("ETag")})
	}
	assert.Equal(t, 403, put(0, parts[1]).status, "each URL is for its own part")
	for name, change := range map[string]object{
		"too few parts":  {"completedParts": done[:2]},
		"another upload": {"uploadID": "x", "completedParts": done},
		"another path":   {"storagePath": "x", "completedParts": done},
		"wrong order":    {"completedParts": []object{done[1], done[0], done[2]}},
	} {
		wrong := maps.Clone(input)
		maps.Copy(wrong, change)
		a := c.graphql(complete, object{"i": wrong})
		assert.Contains(t, []int{400, 404}, a.status, name)
	}
	input["completedParts"] = done
	assert.Equal(t, digest(content), c.data(complete, object{"i": input}, "completeMultipartUploadArtifact", "digest"))
	c.refused(404, complete, object{"i": input})

	id := at(node, "artifact", "id").(string)
	s := spec{files: map[string]string{"a": content}}
	c.sendManifest(s, id, object{
		"version": 1, "storagePolicy": "wandb-storage-policy-v1", "storagePolicyConfig": object{"storageLayout": "V2"},
		"contents": object{"a": object{"digest": digest(content), "size": len(content), "birthArtifactID": id}},
	})
	c.data(commitArtifact, object{"artifactID": id})
	text, err := c.ReadFile("local-user", "p", "things", "latest", "a")
	require.NoError(t, err)
	assert.Equal(t, content, string(text))
}

func TestMultipartRefusals(t *testing.T) {
	c := start(t)
	c.run("p", "maker")
	id := c.create(spec{files: map[string]string{"a": "x"}})["id"]
	for _, parts := range [][]object{
		{{"partNumber": 2, "hexMD5": hexOf(digest("x"))}},
		{{"partNumber": 1, "hexMD5": digest("x")}},
		{{"partNumber": 1, "hexMD5": "abcd"}},
	} {
		file := object{"artifactID": id, "name": "a", "md5": digest("x"), "uploadPartsInput": parts}
		c.refused(400, createFiles, object{"input": object{"storageLayout": "V2", "artifactFiles": []object{file}}})
	}
}

// TestMultipartChecksTheWhole announces good parts of another file.
func TestMultipartChecksTheWhole(t *testing.T) {
	c := start(t)
	node := c.pendingFile("the whole", object{"uploadPartsInput": []object{{"partNumber": 1, "hexMD5": hexOf(digest("something else"))}}})
	req := c.request(http.MethodPut, at(node, "uploadMultipartUrls", "uploadUrlParts", 0, "uploadUrl").(string), "something else")
	req.Header.Set("Content-MD5", digest("something else"))
	req.Header.Set("Content-Type", "application/json")
	etag := c.do(req).header.Get("ETag")
	message := c.refused(400, `mutation($i: CompleteMultipartUploadArtifactInput!) { completeMultipartUploadArtifact(input: $i) { digest } }`, object{"i": object{
		"completeMultipartAction": "Complete", "artifactID": at(node, "artifact", "id"), "storagePath": node["storagePath"],
		"uploadID": at(node, "uploadMultipartUrls", "uploadID"), "completedParts": []object{{"partNumber": 1, "hexMD5": etag}},
	}})
	assert.Contains(t, message, "MD5")
}
