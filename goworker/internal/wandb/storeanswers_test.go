package wandb

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/fault"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/wandb/config"
)

func TestWhatStoresAnswer(t *testing.T) {
	xml := func(code, message, details string) string {
		return "<?xml version='1.0' encoding='UTF-8'?><Error><Code>" + code + "</Code><Message>" + message + "</Message><Details>" + details + "</Details></Error>"
	}
	for name, c := range map[string]struct {
		status int
		body   string
		means  verdict
		code   string
	}{
		"exists, Google":        {403, xml("AccessDenied", "Access denied.", "x does not have storage.objects.delete access"), alreadyThere, ""},
		"exists, Azure":         {409, xml("BlobAlreadyExists", "", ""), alreadyThere, ""},
		"exists, precondition":  {412, xml("PreconditionFailed", "", ""), alreadyThere, ""},
		"no parts":              {403, xml("AccessDenied", "Access denied.", "x does not have storage.multipartUploads.create access"), noParts, "refused"},
		"no parts, S3":          {501, xml("NotImplemented", "", ""), noParts, "refused"},
		"another right":         {403, xml("AccessDenied", "Access denied.", "x does not have storage.objects.create access"), rightMissing, "refused"},
		"full":                  {507, "", storeFull, "server_error"},
		"full, MinIO":           {507, xml("XMinioStorageFull", "", ""), storeFull, "server_error"},
		"full, in words":        {500, "write /vol/x: no space left on device", storeFull, "server_error"},
		"quota":                 {403, xml("QuotaExceeded", "", ""), storeFull, "server_error"},
		"digest":                {400, xml("BadDigest", "", ""), altered, "refused"},
		"digest, Azure":         {400, "\ufeff" + xml("Md5Mismatch", "", ""), altered, "refused"},
		"header":                {400, "\ufeff" + xml("MissingRequiredHeader", "", ""), altered, "refused"},
		"length":                {411, "", altered, "refused"},
		"too large":             {400, xml("EntityTooLarge", "", ""), tooLarge, "too_large"},
		"too large, by status":  {413, "", tooLarge, "too_large"},
		"expired, Google":       {400, xml("ExpiredToken", "", ""), freshAddress, "refused"},
		"expired, S3":           {403, xml("AccessDenied", "Request has expired", ""), freshAddress, "refused"},
		"slow, S3":              {400, xml("RequestTimeout", "", ""), freshAddress, "refused"},
		"no such upload":        {404, xml("NoSuchUpload", "", ""), freshAddress, "refused"},
		"denied":                {403, xml("AccessDenied", "Access Denied.", ""), freshAddressOnce, "refused"},
		"plain":                 {403, "Forbidden", freshAddressOnce, "refused"},
		"nothing":               {400, "", freshAddressOnce, "refused"},
		"a proxy's page":        {403, "<html><body>Blocked</body></html>", freshAddressOnce, "unreachable"},
		"gone":                  {404, xml("NoSuchKey", "The specified key does not exist.", ""), gone, "refused"},
		"wrong method":          {405, "", refusedForGood, "refused"},
		"busy":                  {503, xml("SlowDown", "", ""), trouble, "server_error"},
		"rate":                  {429, "", trouble, "rate_limited"},
		"late":                  {408, "", trouble, "timeout"},
		"not XML after all":     {500, "<Error><Code>", trouble, "server_error"},
		"expired, but a server": {500, "a certificate has expired", trouble, "server_error"},
	} {
		e := newStoreError(http.MethodPut, "https://store.test/x?signature=secret", &reply{status: c.status, header: http.Header{}, body: []byte(c.body)})
		assert.Equal(t, c.means, e.means(), name)
		if c.code == "" {
			continue
		}
		client := &Client{settings: config.Settings{BaseURL: "https://wandb.test"}, scrub: scrubber(config.Settings{})}
		err := client.explainStore("https://store.test/x?signature=secret", "uploading f", e)
		assert.Equal(t, c.code, fault.Code(err), name)
		assert.Contains(t, err.Error(), "store.test", name)
		assert.Contains(t, err.Error(), "uploading f", name)
		assert.NotContains(t, err.Error(), "secret", name)
		assert.NotContains(t, err.Error(), "<", name)
		assert.Regexp(t, `^[A-Z].*\.$`, err.Error(), name)
	}
}

func TestAStreakOfFailuresEndsWithAGoodAnswer(t *testing.T) {
	var s streak
	start := time.Now()
	fails := func(first, now time.Duration) time.Duration {
		return s.since(start.Add(first), start.Add(now), 2*time.Minute).Sub(start)
	}
	assert.Zero(t, fails(0, 0))
	assert.Zero(t, fails(time.Minute, time.Minute), "whoever comes later shares the patience")
	s.end()
	assert.Equal(t, 2*time.Minute, fails(2*time.Minute, 2*time.Minute))
	assert.Equal(t, 2*time.Minute, fails(2*time.Minute, 4*time.Minute))
	assert.Equal(t, 9*time.Minute, fails(9*time.Minute, 9*time.Minute), "requests that were given up long ago do not use up the patience of others")
}
