package wandb_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/fault"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/standin"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/wandb"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/wandb/config"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/wandb/wandbtest"
)

// TestWhoTheRequestsAreFor: the same headers go to the same places as those of wandb 0.31, which
// were recorded.
func TestWhoTheRequestsAreFor(t *testing.T) {
	for _, variable := range []string{"WANDB_X_EXTRA_HTTP_HEADERS", "WANDB__EXTRA_HTTP_HEADERS"} {
		srv := newServer(t)
		in := srv.inputs()
		in.Env = map[string]string{
			"WANDB_USERNAME": "alice", "WANDB_USER_EMAIL": "alice@example.com",
			variable: `{"x-access-token": "open-sesame", "Cookie": "a=b"}`,
		}
		require.NoError(t, wholeJob(t, clientFor(t, in, wandb.WithTimings(quick())), "new"))
		require.NoError(t, srv.Close()) // and with it what the client no longer waits for
		for _, r := range srv.seen("") {
			dump, call := r.head, r.op
			assert.Contains(t, dump, "X-Access-Token: open-sesame\r\n", call)
			assert.Contains(t, dump, "Cookie: a=b\r\n", call)
			graphql := call != "PUT" && call != "file_stream"
			assert.Equal(t, graphql, strings.Contains(dump, "X-Wandb-Username: alice\r\n"), call)
			assert.Equal(t, graphql, strings.Contains(dump, "X-Wandb-User-Email: alice@example.com\r\n"), call)
		}
	}
}

// TestExtraHeadersLeaveTheRequestsOwnAlone: but for those that say who asks.
func TestExtraHeadersLeaveTheRequestsOwnAlone(t *testing.T) {
	srv := newServer(t)
	in := srv.inputs()
	in.Env = map[string]string{
		"WANDB_USERNAME":             "alice",
		"WANDB_X_EXTRA_HTTP_HEADERS": `{"Accept": "text/html", "User-Agent": "mine/1", "X-WANDB-USERNAME": "bob"}`,
		"WANDB__EXTRA_HTTP_HEADERS":  `{"X-Other": "not this one"}`,
	}
	_, err := clientFor(t, in, wandb.WithTimings(quick())).Viewer(t.Context())
	require.NoError(t, err)
	head := srv.seen("Viewer")[0].head
	assert.Contains(t, head, "Accept: application/json\r\n")
	assert.Contains(t, head, "User-Agent: mine/1\r\n")
	assert.Contains(t, head, "X-Wandb-Username: bob\r\n")
	assert.NotContains(t, head, "X-Other")
}

func TestBadExtraHeaders(t *testing.T) {
	for text, want := range map[string]string{
		`X-Access: open-sesame`: "JSON object", `["open-sesame"]`: "JSON object", `{"X-A": 5}`: "JSON object", `null`: "JSON object",
		`{"X A": "open-sesame"}`: "not a valid name", `{"": "open-sesame"}`: "not a valid name", `{"X-A": "open\r\nsesame"}`: "header X-A",
		`{"authorization": "Bearer open-sesame"}`: "Authorization", `{"Host": "open-sesame"}`: "Host", `{"content-type": "open-sesame"}`: "Content-Type",
	} {
		_, err := config.Resolve(config.Inputs{APIKey: standin.NewKey(), Env: map[string]string{"WANDB__EXTRA_HTTP_HEADERS": text}})
		assert.Equal(t, "bad_settings", fault.Code(err), text)
		assert.ErrorContains(t, err, "WANDB__EXTRA_HTTP_HEADERS", text)
		assert.ErrorContains(t, err, want, text)
		assert.NotContains(t, err.Error(), "sesame", "values are secrets")
	}
	for _, variable := range []string{"WANDB_USERNAME", "WANDB_USER_EMAIL"} {
		_, err := config.Resolve(config.Inputs{APIKey: standin.NewKey(), Env: map[string]string{variable: "a\nb"}})
		assert.Equal(t, "bad_settings", fault.Code(err))
		assert.ErrorContains(t, err, variable)
	}
}

// TestExtraHeadersAreSecrets: whoever answers may send them back.
func TestExtraHeadersAreSecrets(t *testing.T) {
	const token = "0123456789abcdef0123"
	srv := newServer(t)
	in := srv.inputs()
	in.Env = map[string]string{"WANDB_X_EXTRA_HTTP_HEADERS": `{"X-Access": "Bearer ` + token + `", "X-Short": "open-sesame"}`}
	echo := func(w http.ResponseWriter, r *http.Request) {
		reply(w, 422, obj{"error": "no " + r.Header.Get("X-Access") + " and " + r.Header.Get("X-Short") + "; " + token})
	}
	for _, failing := range []string{"Viewer", "PUT", "file_stream"} {
		srv.on(failing, 100, echo)
		var said strings.Builder
		c := clientFor(t, in, wandb.WithTimings(quick()), wandb.WithNotices(func(text string) { said.WriteString(text) }))
		err := wholeJob(t, c, "run-"+failing)
		require.Error(t, err, failing)
		for _, secret := range []string{token, "open-sesame"} {
			wandbtest.AssertHidden(t, err, secret)
			wandbtest.AssertHidden(t, c.Settings(), secret)
			wandbtest.AssertHidden(t, c, secret)
			assert.NotContains(t, said.String(), secret)
		}
		srv.forget()
	}
}

func TestNewRunsAreAsTheVariablesSay(t *testing.T) {
	srv := newServer(t)
	in := srv.inputs()
	in.Host, in.Program = strings.Repeat("ä", 70), "train.py"
	in.Env = map[string]string{
		"WANDB_RUN_GROUP": "group", "WANDB_JOB_TYPE": strings.Repeat("j", 64), "WANDB_TAGS": "one, two,," + strings.Repeat("ö", 64),
		"WANDB_NAME": "a name", "WANDB_RUN_NAME": "another", "WANDB_RUN_NOTES": "two\nlines", // the other spelling
	}
	created := func(in config.Inputs, spec wandb.RunSpec) obj {
		_, err := clientFor(t, in, wandb.WithTimings(quick())).CreateRun(t.Context(), spec)
		require.NoError(t, err)
		asked := srv.seen("CreateRun")
		variables := asked[len(asked)-1].variables
		for _, name := range []string{"entity", "project", "run", "config"} {
			delete(variables, name)
		}
		return variables
	}
	want := obj{
		"group": "group", "jobType": strings.Repeat("j", 64), "tags": []any{"one", "two", strings.Repeat("ö", 64)}, "displayName": "a name", "notes": "two\nlines",
		"host": strings.Repeat("ä", 64), "program": "train.py",
	}
	assert.Equal(t, want, created(in, wandb.RunSpec{RunRef: ref("new")}))

	in.Env["WANDB_HOST"], in.Env["WANDB_PROGRAM"] = "here", "other.py"
	want["host"], want["program"], want["displayName"] = "here", "other.py", "of the job"
	assert.Equal(t, want, created(in, wandb.RunSpec{RunRef: ref("new"), DisplayName: "of the job"}), "what the job says goes first")

	assert.Empty(t, created(srv.inputs(), wandb.RunSpec{RunRef: ref("new")}), "nothing that nobody said")
}

func TestNewRunsThatWandBWouldRefuse(t *testing.T) {
	long := strings.Repeat("x", 65)
	for name, c := range map[string]struct {
		env        map[string]string
		spec       wandb.RunSpec
		code, says string
	}{
		"job type": {env: map[string]string{"WANDB_JOB_TYPE": long}, code: "bad_name", says: "WANDB_JOB_TYPE has 65 characters, and W&B allows 64"},
		"tag":      {env: map[string]string{"WANDB_TAGS": "fine," + long}, code: "bad_name", says: "WANDB_TAGS"},
		"config":   {spec: wandb.RunSpec{Config: map[string]any{"x": strings.Repeat("x", 15_000_000)}}, code: "too_large", says: "15 MB"},
	} {
		srv := newServer(t)
		in := srv.inputs()
		in.Env, c.spec.RunRef = c.env, ref("new")
		client := clientFor(t, in, wandb.WithTimings(quick()))
		_, err := client.Viewer(t.Context())
		require.NoError(t, err, "%s: who creates no run is not disturbed", name)
		_, err = client.CreateRun(t.Context(), c.spec)
		assert.Equal(t, c.code, fault.Code(err), name)
		assert.ErrorContains(t, err, c.says, name)
		assert.Zero(t, srv.count("CreateRun"), name)
	}
}

// TestExtraHeadersGoToTheUsersOwnServers: a directory that somebody else made may bring a server and a
// key for it, and must not get the secrets of an access proxy by that.
func TestExtraHeadersGoToTheUsersOwnServers(t *testing.T) {
	dir := t.TempDir()
	wandbtest.WriteFile(t, "[default]\nbase_url = https://wandb.example.com\napi_key = "+wandbtest.SomeKey()+"\n", dir, "wandb", "settings")
	in := config.Inputs{Dir: dir, Env: map[string]string{}}
	_, err := config.Resolve(in)
	require.NoError(t, err)
	in.Env["WANDB_X_EXTRA_HTTP_HEADERS"] = `{"X-Access": "open-sesame"}`
	_, err = config.Resolve(in)
	assert.Equal(t, "untrusted_settings", fault.Code(err), "%v", err)
	in.Env["WANDB_BASE_URL"] = "https://wandb.example.com"
	_, err = config.Resolve(in)
	assert.NoError(t, err)
}
