// Package mongotest starts a MongoDB server of its own for a test.
package mongotest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/secret"
)

// EnvMongod names a MongoDB server to use instead of the one that is found.
const EnvMongod = "TEST_MONGOD"

// Server is a running MongoDB server with test commands (fail points) enabled.
type Server struct {
	URI  secret.String
	dir  string
	port int
	args []string
	cmd  *exec.Cmd
	// second is the other server of a replica set.
	second *Server
}

// Start runs a server on a free port of the loopback interface, with its data in
// a temporary directory. Call Stop at the end.
func Start() (*Server, error) { return start() }

func start(args ...string) (*Server, error) {
	binary, err := find()
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "mongotest-")
	if err != nil {
		return nil, err
	}
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	s := &Server{URI: secret.String(fmt.Sprintf("mongodb://127.0.0.1:%d/?directConnection=true", port)), dir: dir, port: port, args: args}
	if err := s.run(binary); err != nil {
		s.Stop()
		return nil, err
	}
	return s, nil
}

// run starts the server's process and waits until it answers.
func (s *Server) run(binary string) error {
	//nolint:gosec // a test starts the program that the developer named
	s.cmd = exec.Command(binary, append([]string{"--dbpath", s.dir, "--port", fmt.Sprint(s.port), "--bind_ip", "127.0.0.1", "--nounixsocket",
		"--setParameter", "enableTestCommands=1", "--quiet", "--logpath", filepath.Join(s.dir, "log")}, s.args...)...)
	if err := s.cmd.Start(); err != nil {
		return err
	}
	if err := wait(s.port); err != nil {
		log, _ := os.ReadFile(filepath.Join(s.dir, "log"))
		return fmt.Errorf("%w; its log:\n%s", err, log)
	}
	return nil
}

// Restart kills the server as a crash does, waits, and starts it again with the same data at the same address.
func (s *Server) Restart(away time.Duration) error {
	s.kill()
	time.Sleep(away)
	return s.run(s.cmd.Path)
}

func (s *Server) kill() {
	if s.cmd != nil && s.cmd.Process != nil {
		_ = s.cmd.Process.Kill()
		_ = s.cmd.Wait()
	}
}

// Stop ends the server and removes its data.
func (s *Server) Stop() {
	if s.second != nil {
		s.second.Stop()
	}
	s.kill()
	_ = os.RemoveAll(s.dir)
}

func find() (string, error) {
	if named := os.Getenv(EnvMongod); named != "" {
		return named, nil
	}
	root, err := moduleRoot()
	if err != nil {
		return "", err
	}
	for _, pattern := range []string{".venv/lib/python3*/site-packages/fiftyone/db/bin/mongod", ".venv/Lib/site-packages/fiftyone/db/bin/mongod.exe"} {
		if found, _ := filepath.Glob(filepath.Join(root, pattern)); len(found) > 0 {
			return found[0], nil
		}
	}
	if path, err := exec.LookPath("mongod"); err == nil {
		return path, nil
	}
	return "", errors.New("these tests need MongoDB: run `make env` once, or name a mongod in " + EnvMongod)
}

// moduleRoot is the directory of go.mod: tests run in their package's directory, below it.
func moduleRoot() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir, nil
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return "", errors.New("these tests run below the directory of go.mod, or with a mongod named in " + EnvMongod)
		}
		dir = parent
	}
}

func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer func() { _ = l.Close() }()
	return l.Addr().(*net.TCPAddr).Port, nil
}

func wait(port int) error {
	ctx, cancel := context.WithTimeout(context.Background(), 60*time.Second)
	defer cancel()
	for {
		c, err := (&net.Dialer{}).DialContext(ctx, "tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err == nil {
			return c.Close()
		}
		if ctx.Err() != nil {
			return fmt.Errorf("MongoDB did not start: %w", err)
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// Main is a package's TestMain: its tests share one server, which is put to where
// server points, and must leave no goroutine behind.
func Main(m *testing.M, server **Server) {
	started, err := Start()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	*server = started
	code := m.Run()
	started.Stop()
	if code == 0 {
		if err := goleak.Find(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}
	os.Exit(code)
}
