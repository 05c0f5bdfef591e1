// Package host serves this process's gRPC services to the program that started
// it: it is the only package that knows go-plugin, the certificate, the socket
// and the ways in which the program that started us can go away.
package host

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync/atomic"
	"time"

	"github.com/hashicorp/go-plugin"
	"google.golang.org/grpc"
)

// ProtocolVersion is the version of the contract in proto/. It changes when old
// hosts cannot talk to new workers any more. shim/worker/handshake.py has the same.
const ProtocolVersion = 1

// MaxMessage is the largest message that a worker accepts, in bytes. Requests
// hold a view's pipeline, which may list a hundred thousand ids.
const MaxMessage = 64 << 20

// What the host sets in our environment beside go-plugin's own variables. The
// cookie is a courtesy to people who start the program by hand, no protection.
const (
	cookieKey   = "FIFTYONE_WANDB_PLUGIN"
	cookieValue = "d1f27a64-worker"
	// envLifeline set to "stdin" says that the end of our stdin is the end of
	// the host. It is opt-in: under other hosts stdin is /dev/null.
	envLifeline = "FIFTYONE_WANDB_LIFELINE"
)

// The exit statuses of Serve.
const (
	// ExitOK says that all calls had ended.
	ExitOK = 0
	// ExitRefused says that nothing was served.
	ExitRefused = 1
	// ExitAbandoned says that a call was still at work, or could not clean up:
	// what it would have cleaned up is left behind.
	ExitAbandoned = 3
)

const (
	// patience is how long calls may clean up after they were cancelled: less
	// than the two seconds after which the host kills the worker.
	patience = 1500 * time.Millisecond
	// deadline is when the process ends in any case once its host has gone.
	deadline = 3 * time.Second
)

// Worker is what a process serves.
type Worker struct {
	// Source is the hash of the sources that the program was built from. Every
	// reply carries it, so that the host can tell a worker that is not its own.
	Source string
	// Register adds the services.
	Register func(*grpc.Server)
	// Log gets what happens; it has to write to what was stderr at the start,
	// because go-plugin replaces os.Stderr.
	Log *slog.Logger
	// Protocol is offered to the host; ProtocolVersion when 0.
	Protocol int
}

// Serve prints the handshake and serves until the host asks for the end, goes
// away, or the process is asked to end. It returns the exit status.
func Serve(w Worker) int {
	if reason := refusal(); reason != "" {
		fmt.Fprintln(os.Stderr, reason)
		return ExitRefused
	}
	certificate, err := newCertificate(time.Now())
	if err != nil {
		w.Log.Error("no certificate of our own", "error", err)
		return ExitRefused
	}
	config, err := tlsConfig(certificate, []byte(os.Getenv(envClientCert)))
	if err != nil {
		w.Log.Error("no certificate of the host", "error", err)
		return ExitRefused
	}
	announced, err := announce(certificate.Certificate[0])
	if err != nil {
		w.Log.Error("no handshake", "error", err)
		return ExitRefused
	}

	calls := newCalls(w.Source)
	var server atomic.Pointer[grpc.Server]
	stopWhenAsked(w.Log, func() {
		// Not even a server that hangs in Stop outlives its host.
		time.AfterFunc(deadline, func() { os.Exit(ExitAbandoned) })
		s := server.Load()
		if s == nil {
			os.Exit(ExitOK)
		}
		s.Stop()
	})
	plugin.Serve(w.pluginConfig(config, calls, &server))

	ended := calls.wait(patience)
	removeSocketDir()
	switch {
	case !announced():
		return ExitRefused // go-plugin has logged why, and would have ended with 0
	case !ended:
		w.Log.Warn("a cancelled call did not end in time")
		return ExitAbandoned
	default:
		return ExitOK
	}
}

// refusal says why nothing is served here, or is empty: the worker does not serve when it is started
// by hand, and there is no mode in which anybody but the host could connect.
func refusal() string {
	switch {
	case os.Getenv(cookieKey) != cookieValue:
		return "This is the worker of the FiftyOne plugin @harpreetsahota/wandb. The plugin starts it; there is no need to run it yourself."
	case os.Getenv(envClientCert) == "":
		return "The worker does not serve without a certificate of its host in " + envClientCert + "."
	default:
		return ""
	}
}

// removeSocketDir removes the directory that the host made for our socket, in
// case it is not there any more to do so. It stays unless it is empty.
func removeSocketDir() {
	if dir := os.Getenv(plugin.EnvUnixSocketDir); dir != "" {
		_ = os.Remove(dir)
	}
}

// servicePlugin is a go-plugin plugin that registers our services.
type servicePlugin struct {
	plugin.NetRPCUnsupportedPlugin
	register func(*grpc.Server)
}

// GRPCServer implements plugin.GRPCPlugin.
func (p servicePlugin) GRPCServer(_ *plugin.GRPCBroker, s *grpc.Server) error {
	p.register(s)
	return nil
}

// GRPCClient implements plugin.GRPCPlugin: our host is not written in Go.
func (p servicePlugin) GRPCClient(context.Context, *plugin.GRPCBroker, *grpc.ClientConn) (any, error) {
	return nil, errors.New("this side only serves")
}
