package standin_test

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/standin"
)

func (c *client) fault(f standin.Fault) {
	c.t.Helper()
	require.NoError(c.t, c.AddFault(f))
}

func TestFaultModesOfGraphQL(t *testing.T) {
	c := start(t)
	viewer := func() (answer, error) {
		req := c.graphqlRequest(`query Viewer { viewer { id } }`, nil)
		req.SetBasicAuth("api", c.Key().Reveal())
		res, err := c.http.Do(req)
		if err != nil {
			return answer{}, err
		}
		return c.read(res), nil
	}
	c.fault(standin.Fault{
		Kind: standin.KindGraphQL, Match: "^Viewer$", Mode: standin.ModeStatus, Status: 429, Message: "slow down",
		Headers: map[string]string{"Retry-After": "1.5", "RateLimit-Remaining": "0"}, Skip: 1, Count: 2,
	})
	for i, want := range []int{200, 429, 429, 200} {
		a, err := viewer()
		require.NoError(t, err)
		assert.Equal(t, want, a.status, i)
		if want == 429 {
			assert.Equal(t, `{"error":"slow down"}`, a.text, "so does W&B answer about its rates")
			assert.Equal(t, "1.5", a.header.Get("Retry-After"))
		}
	}
	c.fault(standin.Fault{Kind: standin.KindGraphQL, Mode: standin.ModeGraphQLError, Message: "no", Code: "WHY"})
	a, err := viewer()
	require.NoError(t, err)
	assert.Equal(t, 200, a.status)
	assert.Equal(t, "WHY", at(a.json, "errors", 0, "extensions", "code"))
	for _, mode := range []string{standin.ModeDrop, standin.ModeDropAfter, standin.ModeCut} {
		c.fault(standin.Fault{Kind: standin.KindGraphQL, Mode: mode})
		req := c.graphqlRequest(`mutation { upsertBucket(input: {modelName: "p", name: "`+mode+`"}) { inserted } }`, nil)
		req.SetBasicAuth("api", c.Key().Reveal())
		res, err := c.http.Do(req)
		if err == nil {
			_, err = readAll(res)
		}
		assert.Error(t, err, mode)
	}
	var names []string
	for _, r := range c.State().Runs {
		names = append(names, r.Name)
	}
	assert.Equal(t, []string{standin.ModeDropAfter, standin.ModeCut}, names, "drop does nothing; the others do it, but nobody hears")
	assert.Empty(t, c.Faults())
	assert.Equal(t, 6, c.Stats().FaultsFired)
}

func readAll(res *http.Response) (string, error) {
	defer func() { _ = res.Body.Close() }()
	var out strings.Builder
	buf := make([]byte, 1024)
	for {
		n, err := res.Body.Read(buf)
		out.Write(buf[:n])
		if err != nil {
			if err.Error() == "EOF" {
				err = nil
			}
			return out.String(), err
		}
	}
}

func TestFaultsOnFiles(t *testing.T) {
	c := start(t)
	node := c.pendingFile("content")
	c.fault(standin.Fault{Kind: standin.KindUpload, Mode: standin.ModeStatus, Status: 503})
	c.fault(standin.Fault{Kind: standin.KindUpload, Mode: standin.ModeCut})
	assert.Equal(t, 503, c.put(node, "content").status)
	req := c.request(http.MethodPut, node["uploadUrl"].(string), strings.Repeat("x", 5_000_000))
	_, err := c.http.Do(req)
	assert.Error(t, err)
	require.Equal(t, 200, c.put(node, "content").status)

	c.log(spec{name: "more", files: map[string]string{"f": "0123456789"}})
	link := c.data(`{ project(name: "p", entityName: "local-user") { artifact(name:"more:v0") { files { edges { node { directUrl } } } } } }`, nil, "project", "artifact", "files", "edges", 0, "node", "directUrl").(string)
	get := func() (string, int64, error) {
		res, err := c.http.Do(c.request(http.MethodGet, link, ""))
		require.NoError(t, err)
		text, err := readAll(res)
		return text, res.ContentLength, err
	}
	c.fault(standin.Fault{Kind: standin.KindDownload, Mode: standin.ModeCorrupt})
	text, length, err := get()
	require.NoError(t, err)
	assert.Equal(t, "1123456789", text)
	assert.EqualValues(t, 10, length)
	c.fault(standin.Fault{Kind: standin.KindDownload, Mode: standin.ModeTruncate})
	text, length, err = get()
	require.NoError(t, err)
	assert.Equal(t, "01234", text)
	assert.EqualValues(t, 5, length)
	c.fault(standin.Fault{Kind: standin.KindDownload, Mode: standin.ModeCut})
	text, length, err = get()
	assert.Error(t, err)
	assert.Equal(t, "01234", text)
	assert.EqualValues(t, 10, length)
	text, _, err = get()
	require.NoError(t, err)
	assert.Equal(t, "0123456789", text)
}

func TestHangEndsWithTheClientOrTheServer(t *testing.T) {
	c := start(t)
	c.fault(standin.Fault{Kind: standin.KindAny, Mode: standin.ModeHang, Count: -1})
	impatient := &http.Client{Timeout: 50 * time.Millisecond}
	_, err := impatient.Do(c.graphqlRequest(`{ viewer { id } }`, nil))
	assert.ErrorContains(t, err, "Timeout")
	failed := make(chan error)
	go func() {
		_, err := http.DefaultClient.Do(c.graphqlRequest(`{ viewer { id } }`, nil))
		failed <- err
	}()
	require.Eventually(t, func() bool { return c.Stats().FaultsFired == 2 }, 10*time.Second, time.Millisecond)
	require.NoError(t, c.Close())
	assert.Error(t, <-failed)
}

func TestHeldRequestsAreAnsweredWhenFaultsAreCleared(t *testing.T) {
	c := start(t)
	node := c.pendingFile("content")
	c.fault(standin.Fault{Kind: standin.KindUpload, Mode: standin.ModeHold})
	c.fault(standin.Fault{Kind: standin.KindGraphQL, Mode: standin.ModeHold, Count: -1})
	statuses := make(chan int, 2)
	go func() { statuses <- c.put(node, "content").status }()
	go func() { statuses <- c.graphql(`{ viewer { id } }`, nil).status }()
	require.Eventually(t, func() bool { return c.Stats().FaultsFired == 2 }, time.Minute, time.Millisecond)
	assert.Len(t, c.Faults(), 1, "a request is held although its fault is spent")
	assert.Empty(t, statuses)
	c.ClearFaults()
	assert.Equal(t, []int{200, 200}, []int{<-statuses, <-statuses})
	assert.Equal(t, 200, c.graphql(`{ viewer { id } }`, nil).status)
}

func TestAHeldRequestIsNotDoneIfItsClientLeaves(t *testing.T) {
	c := start(t)
	c.fault(standin.Fault{Kind: standin.KindGraphQL, Mode: standin.ModeHold, Count: -1})
	req := c.graphqlRequest(`mutation { upsertBucket(input: {modelName: "p", name: "r"}) { inserted } }`, nil)
	req.SetBasicAuth("api", c.Key().Reveal())
	ctx, leave := context.WithCancel(t.Context())
	failed := make(chan error)
	go func() {
		_, err := c.http.Do(req.WithContext(ctx))
		failed <- err
	}()
	require.Eventually(t, func() bool { return c.Stats().FaultsFired == 1 }, time.Minute, time.Millisecond)
	leave()
	assert.ErrorIs(t, <-failed, context.Canceled)
	require.Eventually(t, func() bool { return c.Stats().Statuses[0] == 1 }, time.Minute, time.Millisecond)
	c.ClearFaults()
	assert.Empty(t, c.State().Runs)
}

func TestLatencyAddsToOtherFaults(t *testing.T) {
	c := start(t)
	c.fault(standin.Fault{Kind: standin.KindAny, Mode: standin.ModeLatency, LatencyMS: 30, Count: -1})
	c.fault(standin.Fault{Kind: standin.KindGraphQL, Mode: standin.ModeStatus, Status: 502})
	for _, want := range []int{502, 200} {
		began := time.Now()
		assert.Equal(t, want, c.graphql(`{ viewer { id } }`, nil).status)
		assert.GreaterOrEqual(t, time.Since(began), 30*time.Millisecond)
	}
	assert.Len(t, c.Faults(), 1)
	c.ClearFaults()
	assert.Empty(t, c.Faults())
}

func TestBadFaults(t *testing.T) {
	c := start(t)
	assert.Error(t, c.AddFault(standin.Fault{Kind: "weather", Mode: standin.ModeDrop}))
	assert.Error(t, c.AddFault(standin.Fault{Kind: standin.KindAny, Mode: "sulk"}))
	assert.Error(t, c.AddFault(standin.Fault{Kind: standin.KindAny, Mode: standin.ModeDrop, Match: "("}))
}

// admin asks an admin endpoint.
func (c *client) admin(method, path, body string) answer {
	c.t.Helper()
	req := c.request(method, c.URL()+"/__admin/"+path, body)
	req.Header.Set("Content-Type", "application/json")
	return c.do(req)
}

func TestAdminEndpoints(t *testing.T) {
	c := start(t)
	assert.Equal(t, 204, c.admin("POST", "faults", `[{"kind":"filestream","mode":"status","status":409,"count":3}]`).status)
	assert.Equal(t, 204, c.admin("POST", "faults", `{"kind":"graphql","mode":"latency","latency_ms":1}`).status)
	assert.Equal(t, 400, c.admin("POST", "faults", `{"kind":"graphql","mode":"x"}`).status)
	assert.Equal(t, 400, c.admin("POST", "faults", `7`).status)
	var faults []standin.Fault
	require.NoError(t, json.Unmarshal([]byte(c.admin("GET", "faults", "").text), &faults))
	require.Len(t, faults, 2)
	assert.Equal(t, 3, faults[0].Count)
	assert.Equal(t, 204, c.admin("DELETE", "faults", "").status)

	c.log(spec{files: map[string]string{"dir/a": "hello"}})
	assert.Equal(t, "hello", c.admin("GET", "file/local-user/p/things/v0/dir/a", "").text)
	assert.Contains(t, c.admin("GET", "file/local-user/p/things/latest/", "").text, `"contents"`)
	assert.Equal(t, 404, c.admin("GET", "file/local-user/p/things/v9/a", "").status)
	state := c.admin("GET", "state", "").json
	assert.Equal(t, "things", at(state, "artifacts", 0, "collection"))
	assert.Equal(t, digest("hello"), at(state, "artifacts", 0, "files", "dir/a", "digest"))
	assert.EqualValues(t, 1, at(c.admin("GET", "stats", "").json, "requests", "CommitArtifact"))
	assert.Equal(t, 204, c.admin("DELETE", "stats", "").status)
	assert.Zero(t, c.Stats().Total)

	assert.Equal(t, 204, c.admin("POST", "config", `{"max_batch":1,"crash_after":0.000001,"overwrite":"all"}`).status)
	assert.Equal(t, "crashed", c.runField("maker", "state"))
	list := []object{{"artifactID": "x", "name": "a", "md5": digest("1")}, {"artifactID": "x", "name": "a", "md5": digest("1")}}
	assert.Contains(t, c.refused(400, createFiles, object{"input": object{"storageLayout": "V2", "artifactFiles": list}}), "at most 1")
	for _, wrong := range []string{`{"what":1}`, `{"overwrite":"some"}`, `[]`} {
		assert.Equal(t, 400, c.admin("POST", "config", wrong).status, wrong)
	}
	config := c.admin("GET", "config", "").json
	assert.Equal(t, "all", config["overwrite"])
	assert.EqualValues(t, 1, config["max_batch"])
	assert.EqualValues(t, 24*60*60, config["upload_url_ttl"])
	assert.EqualValues(t, 60*60, config["download_url_ttl"])
}

func TestStats(t *testing.T) {
	c := start(t)
	c.upload(spec{files: map[string]string{"a": "12345", "b": "67890"}})
	c.graphql(`{ nope }`, nil)
	stats := c.Stats()
	assert.Equal(t, 1, stats.Requests["CreateArtifactFiles"])
	assert.Equal(t, 2, stats.Requests["CreateArtifactManifest"])
	assert.Equal(t, 3, stats.Requests["PUT file"])
	assert.Equal(t, 2, stats.MaxBatch)
	assert.Greater(t, stats.BytesUp, int64(10))
	assert.Equal(t, 1, stats.Statuses[400])
	assert.Contains(t, stats.Refusals[len(stats.Refusals)-1], "nope")
	assert.Equal(t, stats.Total, stats.Series, "one after the other")
	assert.Equal(t, 1, stats.MaxConcurrent)

	c.ResetStats()
	c.fault(standin.Fault{Kind: standin.KindGraphQL, Mode: standin.ModeHold, Count: 2})
	done := make(chan bool)
	for range 2 {
		go func() { done <- c.graphql(`{ viewer { id } }`, nil).status == 200 }()
	}
	require.Eventually(t, func() bool { return c.Stats().FaultsFired == 2 }, time.Minute, time.Millisecond)
	c.ClearFaults()
	assert.True(t, <-done)
	assert.True(t, <-done)
	c.graphql(`{ viewer { id } }`, nil)
	stats = c.Stats()
	assert.Equal(t, 3, stats.Total)
	assert.Equal(t, 2, stats.Series, "two at once count as one in a chain")
	assert.Equal(t, 2, stats.MaxConcurrent)
}
