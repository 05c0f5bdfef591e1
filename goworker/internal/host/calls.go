package host

import (
	"context"
	"strings"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
)

// SourceHeader is the header of every reply that holds the hash of the sources
// that the worker was built from. shim/worker/host.py has the same.
const SourceHeader = "wandb-worker-source"

// calls counts the calls of our own services that are at work, and signs every
// reply with the hash of our sources.
type calls struct {
	header metadata.MD

	mu   sync.Mutex
	n    int
	idle chan struct{} // closed while n is 0
}

func newCalls(source string) *calls {
	idle := make(chan struct{})
	close(idle)
	return &calls{header: metadata.Pairs(SourceHeader, source), idle: idle}
}

func (c *calls) begin() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.n == 0 {
		c.idle = make(chan struct{})
	}
	c.n++
}

func (c *calls) end() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.n--; c.n == 0 {
		close(c.idle)
	}
}

// wait returns true as soon as no call is at work, or false when there still is
// one after patience. gRPC's own way to wait (WaitForHandlers) does not help: the
// host's request to shut down is a call as well, and would wait for itself.
func (c *calls) wait(patience time.Duration) bool {
	c.mu.Lock()
	idle := c.idle
	c.mu.Unlock()
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case <-idle:
		return true
	case <-timer.C:
		return false
	}
}

// ours tells our own services from those of go-plugin and gRPC, some of whose
// calls last as long as the process.
func ours(method string) bool {
	return !strings.HasPrefix(method, "/plugin.") && !strings.HasPrefix(method, "/grpc.")
}

func (c *calls) unary(ctx context.Context, req any, info *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (any, error) {
	if err := grpc.SetHeader(ctx, c.header); err != nil {
		return nil, err
	}
	if ours(info.FullMethod) {
		c.begin()
		defer c.end()
	}
	return handler(ctx, req)
}

func (c *calls) stream(srv any, ss grpc.ServerStream, info *grpc.StreamServerInfo, handler grpc.StreamHandler) error {
	if err := ss.SetHeader(c.header); err != nil {
		return err
	}
	if ours(info.FullMethod) {
		c.begin()
		defer c.end()
	}
	return handler(srv, ss)
}
