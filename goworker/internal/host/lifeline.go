package host

import (
	"io"
	"log/slog"
	"os"
	"os/signal"
	"sync"
	"syscall"
)

// stopWhenAsked calls stop once, when the host has gone or the process is asked
// to end.
//
// The host holds the other end of our stdin and never writes to it. However it
// ends, by itself or by SIGKILL, the system closes that end: the one sign that
// there is on every system. SIGPIPE is ignored, since nobody reads our stderr
// then, and Go would end the process at the first line that the clean-up logs.
func stopWhenAsked(log *slog.Logger, stop func()) {
	signal.Ignore(syscall.SIGPIPE)
	once := sync.OnceFunc(stop)

	terminate := make(chan os.Signal, 1)
	signal.Notify(terminate, syscall.SIGTERM)
	go func() {
		<-terminate
		log.Warn("asked to end by a signal")
		once()
	}()

	if os.Getenv(envLifeline) == "stdin" {
		stdin := os.Stdin
		go func() {
			_, _ = io.Copy(io.Discard, stdin)
			log.Debug("the host has closed the lifeline")
			once()
		}()
	}
}
