package wandb_test

import (
	"context"
	"encoding/json"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/fault"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/standin"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/wandb"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/wandb/config"
)

func ref(id string) config.RunRef { return config.RunRef{Entity: "me", Project: "p", ID: id} }

func TestAccessIsToldApart(t *testing.T) {
	notFound := func(words string) http.HandlerFunc { return refuse(404, words) }
	for name, c := range map[string]struct {
		entity, project string
		prepare         func(*server)
		code            string
		exists          bool
	}{
		"there":                {"me", "p", nil, "", true},
		"the default entity":   {"", "p", nil, "", true},
		"a project to be made": {"me", "new", nil, "", false},
		"of a team":            {"team", "new", nil, "", false},
		"of strangers": {"strangers", "new", func(srv *server) {
			srv.on("Entity", 1, body(200, "application/json", `{"data":{"entity":{"name":"strangers"}}}`))
		}, "", false},
		"of strangers, and secret": {"strangers", "new", nil, "no_permission", false},
		"no such entity":           {"nobody", "new", nil, "unknown_entity", false},
		"no such entity, by 404":   {"nobody", "new", func(srv *server) { srv.on("FindRun", 1, notFound("entity nobody not found")) }, "unknown_entity", false},
		"the entity itself is null": {"nobody", "new", func(srv *server) {
			srv.on("Entity", 1, body(200, "application/json", `{"data":{"entity":null}}`))
		}, "unknown_entity", false},
		"run by 404":                  {"me", "p", func(srv *server) { srv.on("FindRun", 1, notFound("run p/x not found")) }, "", true},
		"project by 404":              {"me", "new", func(srv *server) { srv.on("FindRun", 1, notFound("project not found")) }, "", false},
		"no permission":               {"team", "p", func(srv *server) { srv.on("FindRun", 1, refuse(403, "permission denied")) }, "no_permission", false},
		"a bad key, seen by one only": {"me", "p", func(srv *server) { srv.on("Viewer", 1, body(200, "application/json", `{"data":{"viewer":null}}`)) }, "bad_key", false},
		"an account without entity":   {"", "p", func(srv *server) { srv.on("Viewer", 1, body(200, "", `{"data":{"viewer":{"id":"u"}}}`)) }, "no_entity", false},
		"not a W&B server": {"me", "p", func(srv *server) {
			srv.on("Viewer", 1, body(404, "text/html", "<html>"))
			srv.on("FindRun", 1, body(404, "text/html", "<html>"))
		}, "bad_settings", false},
	} {
		t.Run(name, func(t *testing.T) {
			srv := newServer(t)
			client := srv.client()
			if c.prepare != nil {
				c.prepare(srv)
			}
			access, err := client.CheckAccess(t.Context(), c.entity, c.project, "x")
			require.Equal(t, c.code, fault.Code(err), "%v", err)
			if c.code != "" {
				return
			}
			assert.Equal(t, c.exists, access.ProjectExists)
			assert.Nil(t, access.Run)
			if c.entity == "" {
				assert.Equal(t, "me", access.Entity)
			}
		})
	}
}

func TestAccessWithABadKey(t *testing.T) {
	for _, refused := range []bool{false, true} { // with 401, or with a viewer that is null
		srv := newServerAs(t, standin.Behaviour{BadKeyRefused: refused})
		in := srv.inputs()
		in.APIKey = standin.NewKey()
		_, err := clientFor(t, in, wandb.WithTimings(quick())).CheckAccess(t.Context(), "me", "p", "x")
		assert.Equal(t, "bad_key", fault.Code(err), "%v", err)
	}
}

func TestAccessFindsTheRunAndChangesNothing(t *testing.T) {
	srv := newServer(t)
	srv.have("r", "crashed", "")
	access, err := srv.client().CheckAccess(t.Context(), "me", "p", "r")
	require.NoError(t, err)
	require.NotNil(t, access.Run)
	assert.Equal(t, &wandb.Run{RunRef: ref("r"), StorageID: srv.run("r").ID, DisplayName: "r", State: "crashed"}, access.Run)
	assert.ElementsMatch(t, []string{"Viewer", "FindRun"}, srv.calls())
}

func TestAccessWithoutARun(t *testing.T) {
	srv := newServer(t)
	access, err := srv.client().CheckAccess(t.Context(), "me", "p", "")
	require.NoError(t, err)
	assert.True(t, access.ProjectExists)
	assert.ElementsMatch(t, []string{"Viewer", "FindProject"}, srv.calls())
}

func TestFindRunTellsWhatIsMissing(t *testing.T) {
	srv := newServer(t)
	c := srv.client()
	run, err := c.FindRun(t.Context(), ref("none"))
	require.NoError(t, err)
	assert.Nil(t, run)
	_, err = c.FindRun(t.Context(), config.RunRef{Entity: "me", Project: "none", ID: "r"})
	assert.Equal(t, "unknown_project", fault.Code(err))
	_, err = c.FindRun(t.Context(), config.RunRef{Entity: "nobody", Project: "none", ID: "r"})
	assert.Equal(t, "unknown_entity", fault.Code(err))
}

func TestStatesInWhichARunIsAlive(t *testing.T) {
	for state, alive := range map[string]bool{
		"pending": true, "running": true, "preempting": true, "preempted": true,
		"finished": false, "failed": false, "crashed": false, "killed": false, "": false,
	} {
		assert.Equal(t, alive, (&wandb.Run{State: state}).Alive(), state)
	}
}

func TestANewRun(t *testing.T) {
	srv := newServer(t)
	run, err := srv.client().CreateRun(t.Context(), wandb.RunSpec{RunRef: ref("new"), DisplayName: "title", Config: map[string]any{"a": 1}})
	require.NoError(t, err)
	assert.True(t, run.Created)
	assert.Equal(t, ref("new"), run.RunRef)
	assert.Equal(t, "title", srv.run("new").DisplayName)
	var config map[string]map[string]any
	require.NoError(t, json.Unmarshal(srv.run("new").Config, &config))
	assert.Equal(t, map[string]any{"value": 1.0}, config["a"])
	assert.Contains(t, config["_wandb"]["value"], "t", "without it the official client takes the run for one that never started")
}

func TestARunThatAnotherProcessMade(t *testing.T) {
	srv := newServer(t)
	srv.have("there", "running", "{}")
	run, err := srv.client().CreateRun(t.Context(), wandb.RunSpec{RunRef: ref("there")})
	require.NoError(t, err)
	assert.False(t, run.Created)
}

func TestWhoseARunIsWhenTheAnswerWasLost(t *testing.T) {
	t.Run("ours", func(t *testing.T) {
		srv := newServer(t)
		srv.on("CreateRun", 1, srv.done(drop))
		run, err := srv.client().CreateRun(t.Context(), wandb.RunSpec{RunRef: ref("new")})
		require.NoError(t, err)
		assert.True(t, run.Created)
		assert.Equal(t, 1, srv.count("CreateRun"), "our own config is not sent over it a second time")
	})
	t.Run("somebody else's", func(t *testing.T) {
		srv := newServer(t)
		srv.on("CreateRun", 1, func(w http.ResponseWriter, r *http.Request) {
			srv.have("new", "running", `{"_wandb":{"value":{"t":{},"session":"other"}}}`)
			drop(w, r)
		})
		run, err := srv.client().CreateRun(t.Context(), wandb.RunSpec{RunRef: ref("new")})
		require.NoError(t, err)
		assert.False(t, run.Created)
	})
	t.Run("nobody's", func(t *testing.T) {
		srv := newServer(t)
		srv.on("CreateRun", 2, drop)
		run, err := srv.client().CreateRun(t.Context(), wandb.RunSpec{RunRef: ref("new")})
		require.NoError(t, err)
		assert.True(t, run.Created)
		assert.Equal(t, 3, srv.count("CreateRun"))
	})
	t.Run("the server has trouble for good", func(t *testing.T) {
		srv := newServer(t)
		srv.on("CreateRun", 1000, status(500, "oh"))
		timings := quick()
		timings.Patience = 30 * time.Millisecond
		_, err := srv.client(wandb.WithTimings(timings)).CreateRun(t.Context(), wandb.RunSpec{RunRef: ref("new")})
		assert.Equal(t, "server_error", fault.Code(err), "%v", err)
	})
}

func TestRunsThatCannotBeMade(t *testing.T) {
	for name, c := range map[string]struct {
		spec   config.RunRef
		answer http.HandlerFunc
		code   string
	}{
		"deleted":        {ref("r"), refuse(409, "run me/p/r was previously created and deleted; try a new run name"), "run_deleted"},
		"race":           {ref("r"), refuse(409, "Error 1062: Duplicate entry 'r' for key"), ""},
		"other conflict": {ref("r"), refuse(409, "odd"), "refused"},
		"permission":     {ref("r"), refuse(403, "permission denied"), "no_permission"},
		"entity":         {config.RunRef{Entity: "nobody", Project: "p", ID: "r"}, nil, "unknown_entity"},
		"not found":      {ref("r"), refuse(404, "odd"), "not_found"},
		"bad id":         {ref("a/b"), nil, "bad_name"},
		"bad project":    {config.RunRef{Entity: "me", Project: "a/b", ID: "r"}, nil, "bad_name"},
		"empty answer":   {ref("r"), body(200, "application/json", `{"data":{"upsertBucket":{"bucket":null}}}`), "refused"},
	} {
		t.Run(name, func(t *testing.T) {
			srv := newServer(t)
			if c.answer != nil {
				srv.on("CreateRun", 1, c.answer)
			}
			_, err := srv.client().CreateRun(t.Context(), wandb.RunSpec{RunRef: c.spec})
			assert.Equal(t, c.code, fault.Code(err), "%v", err)
		})
	}
}

func TestConfigOnlyGainsKeys(t *testing.T) {
	const before = `{"kept":{"value":0.1,"desc":"theirs"},"big":{"value":12345678901234567890},"_wandb":{"value":{"t":{"1":[1]},"session":"x"}}}`
	srv := newServer(t)
	srv.have("r", "finished", before)
	c := srv.client()
	run, err := c.FindRun(t.Context(), ref("r"))
	require.NoError(t, err)
	added, err := c.UpdateRunConfig(t.Context(), run, map[string]any{"z": []string{"x"}, "kept": "other", "a": nil, "_wandb": "no"})
	require.NoError(t, err)
	assert.Equal(t, []string{"a", "z"}, added)
	var got, want map[string]json.RawMessage
	require.NoError(t, json.Unmarshal(srv.run("r").Config, &got))
	require.NoError(t, json.Unmarshal([]byte(before), &want))
	for key, raw := range want {
		assert.Equal(t, string(raw), string(got[key]), "not a digit changes")
	}
	assert.JSONEq(t, `{"value":["x"]}`, string(got["z"]))
	assert.Equal(t, "finished", srv.run("r").State)

	_, err = c.UpdateRunConfig(t.Context(), run, map[string]any{"kept": 1})
	require.NoError(t, err)
	assert.Equal(t, 1, srv.count("SetRunConfig"), "nothing is written if there is nothing to add")
}

func TestConfigOfARunThatIsNotOursToWrite(t *testing.T) {
	for name, c := range map[string]struct {
		state, config string
		created       bool
		code          string
	}{
		"alive elsewhere": {"running", "{}", false, "run_alive"}, "ours": {"running", "", true, ""}, "unreadable": {"finished", "[]", false, "server_error"},
	} {
		srv := newServer(t)
		srv.have("r", c.state, "")
		srv.alter("RunConfig", 1, func(data obj) { data["project"].(obj)["run"].(obj)["config"] = c.config })
		_, err := srv.client().UpdateRunConfig(t.Context(), &wandb.Run{RunRef: ref("r"), State: "finished", Created: c.created}, map[string]any{"a": 1})
		assert.Equal(t, c.code, fault.Code(err), name)
		if c.code != "" {
			assert.Zero(t, srv.count("SetRunConfig"), name)
		}
	}
	srv := newServer(t)
	_, err := srv.client().UpdateRunConfig(t.Context(), &wandb.Run{RunRef: ref("gone")}, map[string]any{"a": 1})
	assert.Equal(t, "not_found", fault.Code(err))
	srv.have("r", "finished", "")
	_, err = srv.client().UpdateRunConfig(t.Context(), &wandb.Run{RunRef: ref("r")}, map[string]any{"a": make(chan int)})
	assert.Equal(t, "internal", fault.Code(err))
}

func TestTheEndOfARun(t *testing.T) {
	for code, state := range map[int]string{0: "finished", 1: "failed", 130: "failed"} {
		srv := newServer(t)
		srv.have("r", "running", "")
		require.NoError(t, srv.client().FinishRun(t.Context(), ref("r"), code))
		assert.Equal(t, state, srv.run("r").State)
		assert.Equal(t, []obj{{"complete": true, "exitcode": float64(code)}}, srv.posts())
	}
	srv := newServer(t)
	assert.Equal(t, "not_found", fault.Code(srv.client().FinishRun(t.Context(), ref("none"), 0)))
}

func TestSignsOfLifeStopBeforeTheEnd(t *testing.T) {
	srv := newServer(t)
	srv.have("r", "running", "")
	srv.on("file_stream", 1, status(400, "not now"))
	c := srv.client()
	stop := c.KeepAlive(ref("r"))
	require.Eventually(t, func() bool { return srv.count("file_stream") > 3 }, 10*time.Second, time.Millisecond)
	stop()
	stop()
	require.NoError(t, c.FinishRun(t.Context(), ref("r"), 0))
	n := srv.count("file_stream")
	time.Sleep(30 * time.Millisecond)
	assert.Equal(t, n, srv.count("file_stream"))
	assert.Equal(t, "finished", srv.run("r").State)
	assert.Equal(t, obj{}, srv.posts()[0])
}

// late has the next heartbeat handled only when the end was handled, and then
// answered by answer.
func (srv *server) late(answer http.HandlerFunc) (arrived chan struct{}) {
	arrived = make(chan struct{})
	srv.on("file_stream", 1, func(w http.ResponseWriter, r *http.Request) {
		close(arrived)
		for {
			if srv.run("r").State == "finished" || srv.run("r").State == "failed" {
				break
			}
			time.Sleep(time.Millisecond)
		}
		srv.done(answer)(w, r)
	})
	return arrived
}

func TestARunStaysEndedWhateverIsOnItsWay(t *testing.T) {
	stalled := func(w http.ResponseWriter, r *http.Request) { <-r.Context().Done() }
	for name, answer := range map[string]http.HandlerFunc{
		"answered late": func(w http.ResponseWriter, _ *http.Request) { reply(w, 200, obj{}) }, "never answered": drop, "no answer in time": stalled,
		"failed late": status(500, "oh"),
	} {
		for code, state := range map[int]string{0: "finished", 1: "failed"} {
			t.Run(name+" "+state, func(t *testing.T) {
				srv := newServer(t)
				srv.have("r", "running", "")
				arrived := srv.late(answer)
				timings := quick()
				timings.Try = 2 * time.Second
				c := srv.client(wandb.WithTimings(timings))
				stop := c.KeepAlive(ref("r"))
				<-arrived
				stop()
				require.NoError(t, c.FinishRun(t.Context(), ref("r"), code))
				assert.Equal(t, state, srv.run("r").State)
			})
		}
	}
}

func TestTheEndWithATableIsPostedAgainWithoutIt(t *testing.T) {
	srv := newServer(t)
	srv.have("r", "running", "")
	c := srv.client()
	table := srv.table(t, c, "table")
	arrived := srv.late(func(w http.ResponseWriter, _ *http.Request) { reply(w, 200, obj{}) })
	c.KeepAlive(ref("r"))
	<-arrived
	require.NoError(t, c.FinishRun(t.Context(), ref("r"), 0, table), "FinishRun ends the heartbeats too")
	assert.Equal(t, "finished", srv.run("r").State)
	require.Len(t, srv.posts(), 2)
	assert.Contains(t, srv.posts()[0], "files")
	assert.Equal(t, obj{"complete": true, "exitcode": 0.0}, srv.posts()[1])
}

func TestAHangingSignOfLifeDoesNotHoldUpACancelledJob(t *testing.T) {
	srv := newServer(t)
	srv.have("r", "running", "")
	arrived := make(chan struct{})
	srv.on("file_stream", 1, func(_ http.ResponseWriter, r *http.Request) { close(arrived); <-r.Context().Done() })
	timings := quick()
	timings.Try = time.Hour
	c := srv.client(wandb.WithTimings(timings))
	c.KeepAlive(ref("r"))
	<-arrived
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	assert.Equal(t, context.DeadlineExceeded, c.FinishRun(ctx, ref("r"), 1), "it is not sure that the run stays ended")
	assert.Equal(t, "failed", srv.run("r").State, "the end was posted all the same")
}

func TestSignsOfLifeEndWithADeletedRun(t *testing.T) {
	for _, code := range []int{404, 410} {
		srv := newServer(t)
		srv.on("file_stream", 1, body(code, "", ""))
		var notices atomic.Int32
		said := make(chan string, 100)
		c := srv.client(wandb.WithNotices(func(text string) { notices.Add(1); said <- text }))
		defer c.KeepAlive(ref("r"))()
		assert.Contains(t, <-said, "has been deleted")
		time.Sleep(50 * time.Millisecond)
		assert.EqualValues(t, 1, notices.Load())
		assert.Equal(t, 1, srv.count("file_stream"))
	}
}

func TestTheSameTroubleOfSignsOfLifeIsToldOnce(t *testing.T) {
	srv := newServer(t)
	srv.have("r", "running", "")
	srv.on("file_stream", 5, status(400, "not now"))
	var notices atomic.Int32
	c := srv.client(wandb.WithNotices(func(string) { notices.Add(1) }))
	stop := c.KeepAlive(ref("r"))
	require.Eventually(t, func() bool { return srv.count("file_stream") > 6 }, 10*time.Second, time.Millisecond)
	stop()
	assert.EqualValues(t, 1, notices.Load())
}

func TestAnAbandonedRun(t *testing.T) {
	for before, want := range map[string]struct {
		state string
		posts int
	}{
		"running": {"failed", 1}, "finished": {"finished", 0}, "crashed": {"crashed", 0}, "failed": {"failed", 0},
	} {
		srv := newServer(t)
		srv.have("r", before, "")
		require.NoError(t, srv.client().FinishAbandonedRun(t.Context(), ref("r"), 1))
		assert.Equal(t, want.state, srv.run("r").State)
		assert.Equal(t, want.posts, srv.count("file_stream"), "nothing is posted to a run that has ended")
	}
	srv := newServer(t)
	assert.Equal(t, "not_found", fault.Code(srv.client().FinishAbandonedRun(t.Context(), ref("none"), 1)))
	// A heartbeat of the process that died arrives behind the end.
	srv.have("r", "running", "")
	srv.on("FindRun", 1, func(w http.ResponseWriter, r *http.Request) {
		reply(w, 200, obj{"data": obj{"project": obj{"run": obj{"id": "x", "state": "running"}}}})
	})
	srv.on("FindRun", 1, func(w http.ResponseWriter, r *http.Request) {
		srv.have("r", "running", "")
		reply(w, 200, obj{"data": obj{"project": obj{"run": obj{"id": "x", "state": "running"}}}})
	})
	require.NoError(t, srv.client().FinishAbandonedRun(t.Context(), ref("r"), 1))
	assert.Equal(t, "failed", srv.run("r").State)
	assert.Equal(t, 2, srv.count("file_stream"))
	// One arrives behind the end that the process itself has posted.
	for ended, want := range map[string]float64{"failed": 1, "finished": 0} {
		srv := newServer(t)
		srv.have("r", "running", "")
		srv.on("FindRun", 1, func(w http.ResponseWriter, _ *http.Request) {
			reply(w, 200, obj{"data": obj{"project": obj{"run": obj{"id": "x", "state": ended}}}})
		})
		require.NoError(t, srv.client().FinishAbandonedRun(t.Context(), ref("r"), 1))
		assert.Equal(t, []obj{{"complete": true, "exitcode": want}}, srv.posts())
	}
}
