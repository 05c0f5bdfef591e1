// Command goworker is the worker of the FiftyOne plugin @harpreetsahota/wandb: a
// process that the plugin starts for one operator call.
package main

import (
	"flag"
	"fmt"
	"log/slog"
	"os"
	"runtime"

	"google.golang.org/grpc"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/host"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/rpc"
)

// sourceHash is set by the build, see shim/worker/build.py.
var sourceHash = "unknown"

func main() { os.Exit(run(os.Args[1:])) }

func run(args []string) int {
	nameProcess("wandb-worker")
	var level slog.Level
	flags := flag.NewFlagSet("wandb-worker", flag.ContinueOnError)
	flags.TextVar(&level, "log-level", slog.LevelInfo, "least level of the lines on stderr: debug, info, warn or error")
	version := flags.Bool("version", false, "print the hash of the sources and end")
	if err := flags.Parse(args); err != nil {
		return host.ExitRefused
	}
	if *version {
		fmt.Printf("wandb-worker, sources %s, protocol %d, %s, %s/%s\n",
			sourceHash, host.ProtocolVersion, runtime.Version(), runtime.GOOS, runtime.GOARCH)
		return host.ExitOK
	}
	log := host.NewLogger(os.Stderr, level)
	slog.SetDefault(log)
	jobs := &rpc.Jobs{Source: sourceHash}
	status := host.Serve(host.Worker{
		Source:   sourceHash,
		Log:      log,
		Register: func(s *grpc.Server) { rpc.Register(s, jobs, log) },
	})
	if status == host.ExitOK && jobs.LeftOpen() {
		return host.ExitAbandoned
	}
	return status
}
