package evaluation_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/evaluation"
)

// filesVariable names a directory of run documents and results, for which tests/test_evaluation_numbers.py wants the reports.
const filesVariable = "EVALUATION_TEST_FILES"

// TestReportsOfFiles writes the report of each NAME.results.json, whose run document is NAME.run.json, to NAME.report.json.
func TestReportsOfFiles(t *testing.T) {
	dir := os.Getenv(filesVariable)
	if dir == "" {
		t.Skip("only for tests/test_evaluation_numbers.py")
	}
	found, _ := filepath.Glob(filepath.Join(dir, "*.results.json"))
	if len(found) == 0 {
		t.Fatal("there are no results")
	}
	for _, path := range found {
		base := path[:len(path)-len(".results.json")]
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		run, err := os.ReadFile(base + ".run.json")
		if err != nil {
			t.Fatal(err)
		}
		r, err := report(evaluation.Bytes(text), configOf(t, run), evaluation.Options{})
		if err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		out, err := json.Marshal(r)
		if err == nil {
			err = os.WriteFile(base+".report.json", out, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}
