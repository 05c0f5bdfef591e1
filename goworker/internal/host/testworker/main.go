// Command testworker is a worker that misbehaves as it is told, for the tests of
// the host's two ends. It is not part of the product.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
	"time"

	"google.golang.org/grpc"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/fault"
	pb "github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/gen/wandbworker/v1"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/host"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/rpc"
)

// sourceHash is set by the build, as the worker's is.
var sourceHash = "unknown"

func main() {
	level := slog.LevelInfo
	flag.TextVar(&level, "log-level", level, "as the worker's")
	mode := flag.String("mode", "serve", "serve, silent, end, protocol")
	flag.Parse()
	worker := host.Worker{Source: sourceHash, Log: host.NewLogger(os.Stderr, level)}
	worker.Register = func(s *grpc.Server) { rpc.Register(s, runner{worker.Log, os.Stderr}, worker.Log) }
	switch *mode {
	case "silent":
		_, _ = io.Copy(io.Discard, os.Stdin)
		time.Sleep(time.Hour)
	case "end":
		fmt.Fprintln(os.Stderr, "the library libnothing.so is missing")
		os.Exit(7)
	case "protocol":
		worker.Protocol = host.ProtocolVersion + 1
	}
	os.Exit(host.Serve(worker))
}

// runner does what the id of a job says.
type runner struct {
	log    *slog.Logger
	stderr *os.File // the real one
}

type sendFunc = func(*pb.RunResponse) error

// Run implements rpc.Runner.
func (r runner) Run(ctx context.Context, req *pb.RunRequest, send sendFunc) error {
	switch id := req.GetJobId(); id {
	case "echo":
		return echo(req, send)
	case "flood":
		return flood(ctx, send)
	case "wait":
		return r.wait(ctx, req, send)
	case "pour":
		return pour(req, send)
	case "hang":
		_ = send(progress(0, 1))
		time.Sleep(time.Hour)
		return nil
	case "logs":
		r.log.Debug("a debug line")
		r.log.Info("an info line", "rows", 12)
		r.log.Warn("a warning")
		r.log.Error("an error", "error", errors.New("broken"))
		fmt.Fprintln(r.stderr, "a line that is not JSON")
		return send(finished())
	case "stray prints":
		for range 8000 {
			fmt.Println(strings.Repeat("o", 1023))
			fmt.Fprintln(os.Stderr, strings.Repeat("e", 1023))
		}
		return send(finished())
	default:
		return r.fail(ctx, id, req, send)
	}
}

// fail does the jobs that go wrong.
func (r runner) fail(ctx context.Context, id string, req *pb.RunRequest, send sendFunc) error {
	key := req.GetWandb().GetApiKey()
	switch id {
	case "fault":
		return fault.Wrap(errors.New("401 for "+key), fault.Settings, fault.BadKey, "W&B does not know the key %s.", key)
	case "error":
		return errors.New("nobody expected " + key)
	case "nothing":
		return nil
	case "panic":
		panic("boom in the handler with " + key)
	case "panic elsewhere":
		_ = send(progress(1, 2))
		go func() { panic("boom in a goroutine") }()
	case "exit":
		_ = send(progress(1, 2))
		fmt.Fprintln(r.stderr, "fatal: the disk is full")
		os.Exit(3)
	}
	<-ctx.Done()
	return ctx.Err()
}

// echo sends one event of each kind, and a result that tells what came in.
func echo(req *pb.RunRequest, send sendFunc) error {
	for _, event := range []*pb.RunResponse{
		progress(1, 2),
		{Event: &pb.RunResponse_RunCreated{RunCreated: &pb.RunCreated{Entity: "team", Project: "p", RunId: "r1"}}},
		progress(2, 2),
		{Event: &pb.RunResponse_ArtifactLogged{ArtifactLogged: &pb.ArtifactLogged{
			ArtifactName: req.GetLogView().GetArtifactName(),
			Samples:      int64(len(req.GetLogView().GetView().GetPipeline())),
		}}},
	} {
		if err := send(event); err != nil {
			return err
		}
	}
	return nil
}

// flood reports progress as fast as it can for half a second.
func flood(ctx context.Context, send sendFunc) error {
	n := int64(0)
	for end := time.Now().Add(500 * time.Millisecond); time.Now().Before(end) && ctx.Err() == nil; {
		n++
		if err := send(progress(n, 0)); err != nil {
			return err
		}
	}
	return send(&pb.RunResponse{Event: &pb.RunResponse_ArtifactLogged{ArtifactLogged: &pb.ArtifactLogged{Samples: n}}})
}

// pour sends a hundred pieces of a megabyte. The file that the request names in client_version has a byte for each
// that was sent.
func pour(req *pb.RunRequest, send sendFunc) error {
	counter, err := os.OpenFile(req.GetClientVersion(), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	defer func() { _ = counter.Close() }()
	for i := range 100 {
		piece := make([]byte, 1<<20)
		piece[0] = byte(i)
		if err := send(&pb.RunResponse{Event: &pb.RunResponse_IdChunk{IdChunk: &pb.IdChunk{Ids: piece}}}); err != nil {
			return err
		}
		if _, err := counter.Write([]byte{'.'}); err != nil {
			return err
		}
	}
	return send(finished())
}

// wait waits for the end of its context, then cleans up for a while. The file
// that the request names in client_version tells that this was done.
func (r runner) wait(ctx context.Context, req *pb.RunRequest, send sendFunc) error {
	_ = send(progress(0, 1))
	<-ctx.Done()
	r.log.Info("cleaning up")
	time.Sleep(300 * time.Millisecond)
	if path := req.GetClientVersion(); path != "" {
		if err := os.WriteFile(path, []byte("cleaned up"), 0o600); err != nil {
			return err
		}
	}
	return ctx.Err()
}

func progress(done, total int64) *pb.RunResponse {
	return &pb.RunResponse{Event: &pb.RunResponse_Progress{Progress: &pb.Progress{RowsDone: done, RowsTotal: total}}}
}

func finished() *pb.RunResponse {
	return &pb.RunResponse{Event: &pb.RunResponse_RunFinished{RunFinished: &pb.RunFinished{}}}
}
