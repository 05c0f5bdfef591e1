package wandbtest_test

import (
	"cmp"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/standin"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/wandb/wandbtest"
)

func TestMain(m *testing.M) {
	wandbtest.ServeChild()
	goleak.VerifyTestMain(m)
}

// TestStandIn runs the contract on our own stand-in: that the two agree is what makes
// the stand-in worth testing against.
func TestStandIn(t *testing.T) {
	server, err := standin.New(standin.Options{Dir: t.TempDir()})
	require.NoError(t, err)
	require.NoError(t, server.Start())
	t.Cleanup(func() { require.NoError(t, server.Close()) })
	wandbtest.RunContract(t, wandbtest.Target{BaseURL: server.URL(), APIKey: server.Key(), Project: "contract"})
}

// TestQuestions asks our own stand-in what check-server asks a real server.
func TestQuestions(t *testing.T) {
	server, err := standin.New(standin.Options{Dir: t.TempDir()})
	require.NoError(t, err)
	require.NoError(t, server.Start())
	t.Cleanup(func() { require.NoError(t, server.Close()) })
	target := wandbtest.Target{BaseURL: server.URL(), APIKey: server.Key(), Project: "questions"}
	var found []wandbtest.Finding
	t.Run("ask", func(t *testing.T) { found = wandbtest.Questions(t, target, false) })
	answers := map[string]string{}
	for _, f := range found {
		answers[f.Asked] = f.Answer
		assert.NotEmpty(t, f.ReliesOn, f.Asked)
	}
	assert.Contains(t, answers["the same PUT again, with the same address"], "storage.objects.delete")
	assert.Contains(t, answers["a PUT of the same bytes under another path of the artifact"], "storage.objects.delete")
	assert.Equal(t, "an address is given again", answers["createArtifactFiles for bytes that a pending artifact has"])
	assert.Equal(t, "the same artifact, PENDING", answers["a repeated clientID with the same digest"])
	assert.Contains(t, answers["a repeated clientID with another digest"], "Invalid Client ID digest")
	assert.Contains(t, answers["project(name:) without an entity"], "entityName required")
	assert.Contains(t, answers["viewer.apiKeys, asked by another agent than W&B's"], "relogin required")
	assert.Contains(t, answers["20000 files in one createArtifactFiles"], "at most 10000")
	assert.Equal(t, "true", answers[`version "two" that was made without aliases has latest`])
	assert.Equal(t, "200, no errors", answers["useArtifact by a run of another project"])
	assert.Equal(t, "200, no errors", answers["deleteModel for the project questions-other, which this made"])
	assertEndsWell(t, answers)

	dir := t.TempDir()
	text, err := wandbtest.WriteReport(dir, server.URL(), found)
	require.NoError(t, err)
	for _, name := range []string{"check-server.md", "check-server.json"} {
		written, err := os.ReadFile(filepath.Join(dir, name))
		require.NoError(t, err)
		assert.NotContains(t, string(written), server.Key().Reveal())
	}
	assert.Contains(t, text, "| asked | answer | what the plugin relies on |")
	assert.Contains(t, text, "| a repeated clientID with the same digest | the same artifact, PENDING | The same artifact, pending or committed;")

	// It cleans up: no run and no version is left.
	for _, r := range server.State().Runs {
		assert.True(t, r.Deleted, r.Name)
	}
	assert.Empty(t, server.State().Collections)
	assert.NotContains(t, strings.Join(server.State().Projects, " "), "questions-other")
}

// assertEndsWell asserts the answers on which the two stand-ins agree with W&B.
func assertEndsWell(t *testing.T, answers map[string]string) {
	table := answers["a partitioned-table in the last message of a run"]
	assert.Contains(t, table, `its state is finished, history lines: 1, summary.samples: {"_type":"partitioned-table","artifact_path":"wandb-artifact://`)
	assert.Equal(t, "all as they were sent: true", answers["the files of a partitioned table, read back from its artifact"])
	assert.Equal(t, "v0, 0 bytes uploaded again, all files right: true", answers["a rerun after a kill between upload and commit"])
	for _, asked := range []string{"a summary given to a finished run by upsertBucket", "a chart in the config of a finished run"} {
		assert.Contains(t, answers[asked], "200, no errors; its state is finished, ")
	}
	assert.Contains(t, answers["a summary given to a finished run by upsertBucket"], `"_type":"table-file"`)
	assert.Contains(t, answers["a chart in the config of a finished run"], "config.plain: 1, the chart is there: true")
	assert.Equal(t, "true", answers["whether the finished run lists the chart's table file"])
}

// TestSharedStandIn runs the contract and the questions on an independent stand-in, so that our
// own is not the only judge. It is not part of the project.
func TestSharedStandIn(t *testing.T) {
	program, err := filepath.Abs("../../../../../shared/standin/server.py")
	require.NoError(t, err)
	if _, err := os.Stat(program); err != nil {
		t.Skip("the independent stand-in is not at hand: ../shared/standin is not there")
	}
	python := cmp.Or(os.Getenv("STANDIN_PYTHON"), "../../../../.venv/bin/python")
	if exec.Command(python, "-c", "import graphql, starlette, uvicorn, httptools, uvloop").Run() != nil {
		t.Skip("the independent stand-in needs graphql-core, starlette, uvicorn, httptools and uvloop: install them, or set STANDIN_PYTHON")
	}
	dir := t.TempDir()
	ready, key := filepath.Join(dir, "ready.json"), standin.NewKey()
	command := exec.Command(python, program, "--port", "0", "--state", filepath.Join(dir, "state"), "--ready-file", ready, "--quiet", "--api-key", key.Reveal())
	require.NoError(t, command.Start())
	t.Cleanup(func() {
		_ = command.Process.Kill()
		_ = command.Wait()
	})
	var at struct {
		Port int `json:"port"`
	}
	require.Eventually(t, func() bool {
		text, err := os.ReadFile(ready)
		return err == nil && json.Unmarshal(text, &at) == nil && at.Port != 0
	}, time.Minute, 20*time.Millisecond, "the independent stand-in did not start")
	target := wandbtest.Target{BaseURL: fmt.Sprintf("http://127.0.0.1:%d", at.Port), APIKey: key, Project: "contract"}
	wandbtest.RunContract(t, target)
	t.Run("questions", func(t *testing.T) {
		answers := map[string]string{}
		for _, f := range wandbtest.Questions(t, target, false) {
			answers[f.Asked] = f.Answer
			t.Logf("%s: %s", f.Asked, f.Answer)
		}
		assertEndsWell(t, answers)
	})
}
