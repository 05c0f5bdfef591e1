package rpc_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
	"google.golang.org/grpc/test/bufconn"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/fault"
	pb "github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/gen/wandbworker/v1"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/rpc"
)

// job is a Runner made of a function.
type job func(ctx context.Context, req *pb.RunRequest, send func(*pb.RunResponse) error) error

func (j job) Run(ctx context.Context, req *pb.RunRequest, send func(*pb.RunResponse) error) error {
	return j(ctx, req, send)
}

// serve starts a server with j and returns a client and what j's server logs.
// The log may be read after stop.
func serve(t *testing.T, j job) (client pb.WorkerServiceClient, log *bytes.Buffer, stop func()) {
	t.Helper()
	log = &bytes.Buffer{}
	server := grpc.NewServer(grpc.WaitForHandlers(true))
	rpc.Register(server, j, slog.New(slog.NewTextHandler(log, nil)))
	listener := bufconn.Listen(1 << 16)
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	conn, err := grpc.NewClient("passthrough:///worker",
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return listener.DialContext(ctx) }),
		grpc.WithTransportCredentials(insecure.NewCredentials()))
	require.NoError(t, err)
	stopped := false
	stop = func() {
		if !stopped {
			stopped = true
			assert.NoError(t, conn.Close())
			server.Stop()
			assert.NoError(t, <-served)
		}
	}
	t.Cleanup(stop)
	return pb.NewWorkerServiceClient(conn), log, stop
}

// call does req and returns all events.
func call(t *testing.T, client pb.WorkerServiceClient, req *pb.RunRequest) ([]*pb.RunResponse, error) {
	t.Helper()
	stream, err := client.Run(t.Context(), req)
	require.NoError(t, err)
	var events []*pb.RunResponse
	for {
		event, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return events, nil
		}
		if err != nil {
			return events, err
		}
		events = append(events, event)
	}
}

func requestWithSecrets() *pb.RunRequest {
	return &pb.RunRequest{
		JobId: "j1",
		Wandb: &pb.WandbSettings{
			ApiKey:      "canary-key",
			Environment: map[string]string{"WANDB_API_KEY": "canary-env", "HTTPS_PROXY": "http://u:canary%40proxy@p:1"},
		},
		Job: &pb.RunRequest_LogView{LogView: &pb.LogView{View: &pb.View{Uri: "mongodb://u:canary-mongo@db/x"}}},
	}
}

const canaries = "canary-key canary-env canary%40proxy canary@proxy mongodb://u:canary-mongo@db/x canary-mongo"

func TestAResultIsPassedOn(t *testing.T) {
	client, _, _ := serve(t, func(_ context.Context, req *pb.RunRequest, send func(*pb.RunResponse) error) error {
		return send(&pb.RunResponse{Event: &pb.RunResponse_ArtifactLogged{
			ArtifactLogged: &pb.ArtifactLogged{ArtifactName: req.GetJobId()},
		}})
	})
	events, err := call(t, client, &pb.RunRequest{JobId: "j1"})
	require.NoError(t, err)
	require.Len(t, events, 1)
	assert.Equal(t, "j1", events[0].GetArtifactLogged().GetArtifactName())
}

func TestFaultsBecomeTheLastEvent(t *testing.T) {
	sources := map[fault.Source]pb.Source{
		fault.Settings: pb.Source_SOURCE_SETTINGS,
		fault.FiftyOne: pb.Source_SOURCE_FIFTYONE,
		fault.WandB:    pb.Source_SOURCE_WANDB,
		fault.Media:    pb.Source_SOURCE_MEDIA,
		fault.Plugin:   pb.Source_SOURCE_PLUGIN,
	}
	require.Len(t, sources, len(pb.Source_name)-1, "every source of the contract but the unset one")
	for source, want := range sources {
		client, log, stop := serve(t, func(context.Context, *pb.RunRequest, func(*pb.RunResponse) error) error {
			return fault.Wrap(errors.New("cause: "+canaries), source, "a_code", "What happened. %s", canaries)
		})
		events, err := call(t, client, requestWithSecrets())
		stop()
		require.NoError(t, err)
		require.Len(t, events, 1)
		assert.Equal(t, want, events[0].GetFailure().GetSource())
		assert.Equal(t, "a_code", events[0].GetFailure().GetCode())
		assert.Contains(t, events[0].GetFailure().GetMessage(), "What happened.")
		assert.NotContains(t, events[0].GetFailure().GetMessage(), "canary")
		assert.Contains(t, log.String(), "cause: **redacted**", "the cause is for the log")
		assert.NotContains(t, log.String(), "canary")
	}
}

func TestWhatNobodyExpectedIsTheFaultOfThePlugin(t *testing.T) {
	for name, j := range map[string]job{
		"an error": func(context.Context, *pb.RunRequest, func(*pb.RunResponse) error) error {
			return errors.New("went wrong: " + canaries)
		},
		"a panic": func(context.Context, *pb.RunRequest, func(*pb.RunResponse) error) error {
			panic("went wrong: " + canaries)
		},
		"an error that only looks like a cancel": func(context.Context, *pb.RunRequest, func(*pb.RunResponse) error) error {
			return errors.Join(context.Canceled, errors.New("went wrong: "+canaries))
		},
	} {
		client, log, stop := serve(t, j)
		events, err := call(t, client, requestWithSecrets())
		stop()
		require.NoError(t, err, name)
		require.Len(t, events, 1, name)
		failure := events[0].GetFailure()
		assert.Equal(t, pb.Source_SOURCE_PLUGIN, failure.GetSource(), name)
		assert.Equal(t, "internal", failure.GetCode(), name)
		assert.Contains(t, failure.GetMessage(), "went wrong: **redacted**", name)
		assert.NotContains(t, failure.GetMessage()+log.String(), "canary", name)
		assert.Contains(t, log.String(), "level=ERROR", name)
		if name == "a panic" {
			assert.Contains(t, log.String(), "server_test.go", "the stack tells where")
		}
	}
}

func TestAJobWithoutAResultIsAFailure(t *testing.T) {
	client, _, _ := serve(t, func(_ context.Context, _ *pb.RunRequest, send func(*pb.RunResponse) error) error {
		return send(&pb.RunResponse{Event: &pb.RunResponse_Progress{Progress: &pb.Progress{RowsDone: 7}}})
	})
	events, err := call(t, client, &pb.RunRequest{})
	require.NoError(t, err)
	require.Len(t, events, 2)
	assert.Equal(t, int64(7), events[0].GetProgress().GetRowsDone())
	assert.Contains(t, events[1].GetFailure().GetMessage(), "without a result")
}

func TestACancelledCallEndsTheJob(t *testing.T) {
	ended := make(chan error, 1)
	client, log, stop := serve(t, func(ctx context.Context, _ *pb.RunRequest, send func(*pb.RunResponse) error) error {
		if err := send(&pb.RunResponse{Event: &pb.RunResponse_RunCreated{}}); err != nil {
			return err
		}
		<-ctx.Done()
		ended <- ctx.Err()
		return fault.Wrap(ctx.Err(), fault.WandB, "unreachable", "The request was interrupted.")
	})
	ctx, cancel := context.WithCancel(t.Context())
	stream, err := client.Run(ctx, &pb.RunRequest{})
	require.NoError(t, err)
	_, err = stream.Recv()
	require.NoError(t, err)
	cancel()
	_, err = stream.Recv()
	assert.Equal(t, codes.Canceled, status.Code(err))
	assert.ErrorIs(t, <-ended, context.Canceled)
	stop()
	assert.Contains(t, log.String(), "cancelled")
	assert.NotContains(t, log.String(), "failed", "a cancelled job has not failed")
}
