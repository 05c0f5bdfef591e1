// Package rpc answers the host's calls: it is the only package that knows the
// generated messages, and the place where faults become events of the stream.
package rpc

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"

	"google.golang.org/grpc"
	"google.golang.org/grpc/status"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/fault"
	pb "github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/gen/wandbworker/v1"
)

// Runner does one job.
type Runner interface {
	// Run does the job of req and reports by send, from any goroutine: Progress
	// as often as it likes, RunCreated, and last of all the result. It returns a
	// *fault.Error when the job failed, and soon after ctx ends. An error of send
	// means that nobody listens any more. No send may follow the return.
	Run(ctx context.Context, req *pb.RunRequest, send func(*pb.RunResponse) error) error
}

// Register adds the worker's service to s. Faults that nobody expected go to log.
func Register(s grpc.ServiceRegistrar, runner Runner, log *slog.Logger) {
	pb.RegisterWorkerServiceServer(s, &server{runner: runner, log: log})
}

type server struct {
	pb.UnimplementedWorkerServiceServer
	runner Runner
	log    *slog.Logger
}

// Run implements the service. A job that fails is not a failed call: the reason is
// the last event. Only a call that the host has cancelled ends with a status.
func (s *server) Run(req *pb.RunRequest, stream grpc.ServerStreamingServer[pb.RunResponse]) error {
	ctx := stream.Context()
	hide := newRedactor(req)
	log := s.log.With("job", req.GetJobId())
	out := newSender(stream.Send)

	err := s.guard(ctx, req, out, log, hide)
	if closeErr := out.close(); err == nil {
		err = closeErr
	}
	if ctx.Err() != nil {
		log.Info("the job was cancelled")
		return status.FromContextError(ctx.Err()).Err()
	}
	if err == nil && !out.concluded() {
		err = errors.New("the job ended without a result")
	}
	if err == nil {
		return nil
	}
	failure := &pb.Failure{Message: hide(err.Error())}
	if f := fault.As(err); f != nil {
		failure.Source, failure.Code = pb.Source(f.Source), f.Code
		log.Info("the job failed", "code", f.Code, "cause", hide(cause(f)))
	} else {
		failure.Source, failure.Code = pb.Source_SOURCE_PLUGIN, fault.Internal
		failure.Message = "The worker failed unexpectedly: " + failure.Message +
			". This is a bug in the plugin: please report it."
		log.Error("the job failed without a known reason", "error", hide(err.Error()))
	}
	return stream.Send(&pb.RunResponse{Event: &pb.RunResponse_Failure{Failure: failure}})
}

// guard runs the job and turns a panic into an error, with its stack in the log.
func (s *server) guard(
	ctx context.Context, req *pb.RunRequest, out *sender, log *slog.Logger, hide func(string) string,
) (err error) {
	defer func() {
		if p := recover(); p != nil {
			log.Error("panic", "panic", hide(fmt.Sprint(p)), "stack", hide(string(debug.Stack())))
			err = fmt.Errorf("panic: %v", p)
		}
	}()
	return s.runner.Run(ctx, req, out.send)
}

// cause is the error behind f, which its message leaves out.
func cause(f *fault.Error) string {
	if f.Err == nil {
		return "none"
	}
	return f.Err.Error()
}
