package host

import (
	"bufio"
	"bytes"
	"context"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/go-plugin"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	"google.golang.org/grpc"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"
)

// worker is the binary of testworker.
var worker string

func TestMain(m *testing.M) { os.Exit(testMain(m)) }

func testMain(m *testing.M) int {
	dir, err := os.MkdirTemp("", "testworker")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer func() { _ = os.RemoveAll(dir) }()
	worker = filepath.Join(dir, "testworker")
	build := exec.Command("go", "build", "-ldflags", "-X main.sourceHash=abc123", "-o", worker, "./testworker")
	if out, err := build.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "building the test worker: %v\n%s", err, out)
		return 1
	}
	code := m.Run()
	if err := goleak.Find(); code == 0 && err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return code
}

// process is a worker that was started as the host starts it.
type process struct {
	*exec.Cmd
	lifeline io.Closer
	stdout   *bufio.Reader
	stderr   *os.File // our end
	sockets  string
}

func environment(t *testing.T, sockets string) []string {
	t.Helper()
	host, err := newCertificate(time.Now())
	require.NoError(t, err)
	return []string{
		cookieKey + "=" + cookieValue, envLifeline + "=stdin", "PLUGIN_PROTOCOL_VERSIONS=1",
		envClientCert + "=" + string(pemOf(host)), plugin.EnvUnixSocketDir + "=" + sockets,
	}
}

// start starts the worker; without environ, as a host does.
func start(t *testing.T, environ []string, args ...string) *process {
	t.Helper()
	sockets, err := os.MkdirTemp("", "s") // short enough for a socket's path, unlike t.TempDir
	require.NoError(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(sockets) })
	if environ == nil {
		environ = environment(t, sockets)
	}
	p := &process{Cmd: exec.Command(worker, args...), sockets: sockets}
	p.Env = environ
	p.lifeline, err = p.StdinPipe()
	require.NoError(t, err)
	stdout, err := p.StdoutPipe()
	require.NoError(t, err)
	p.stdout = bufio.NewReader(stdout)
	reader, writer, err := os.Pipe()
	require.NoError(t, err)
	p.stderr, p.Stderr = reader, writer
	require.NoError(t, p.Start())
	require.NoError(t, writer.Close())
	t.Cleanup(func() { _ = reader.Close(); _ = p.Process.Kill(); _, _ = p.Process.Wait() })
	return p
}

// ready waits for the handshake.
func (p *process) ready(t *testing.T) []string {
	t.Helper()
	line, err := p.stdout.ReadString('\n')
	require.NoError(t, err)
	return strings.Split(strings.TrimSpace(line), "|")
}

// exit waits for the end of the process.
func (p *process) exit(t *testing.T) int {
	t.Helper()
	state, err := p.Process.Wait()
	require.NoError(t, err)
	return state.ExitCode()
}

func (p *process) errors(t *testing.T) string {
	t.Helper()
	text, err := io.ReadAll(p.stderr)
	require.NoError(t, err)
	return string(text)
}

func TestTheWorkerEndsWithItsLifeline(t *testing.T) {
	p := start(t, nil)
	fields := p.ready(t)
	assert.Equal(t, []string{"1", "1", "unix"}, fields[:3])
	der, err := base64.RawStdEncoding.DecodeString(fields[5])
	require.NoError(t, err)
	_, err = x509.ParseCertificate(der)
	require.NoError(t, err)
	require.NoError(t, p.lifeline.Close())
	assert.Equal(t, ExitOK, p.exit(t))
	assert.NoDirExists(t, p.sockets, "whoever made it may not be there any more")
}

func TestTheWorkerCleansUpAlthoughNobodyReadsItsLog(t *testing.T) {
	p := start(t, nil, "-log-level", "debug")
	p.ready(t)
	require.NoError(t, p.stderr.Close())
	require.NoError(t, p.lifeline.Close())
	assert.Equal(t, ExitOK, p.exit(t), "a write to stderr must not end it by SIGPIPE")
	assert.NoDirExists(t, p.sockets)
}

func TestTheWorkerEndsByASignal(t *testing.T) {
	p := start(t, nil)
	p.ready(t)
	require.NoError(t, p.Process.Signal(syscall.SIGTERM))
	assert.Equal(t, ExitOK, p.exit(t))
	assert.NoDirExists(t, p.sockets)
}

func TestWithoutALifelineTheEndOfStdinMeansNothing(t *testing.T) {
	sockets := t.TempDir()
	environ := environment(t, sockets)
	for i := range environ {
		if strings.HasPrefix(environ[i], envLifeline) || strings.HasPrefix(environ[i], plugin.EnvUnixSocketDir) {
			environ[i] = "UNUSED=1"
		}
	}
	p := start(t, environ)
	require.NoError(t, p.lifeline.Close())
	p.ready(t)
	require.NoError(t, p.Process.Signal(syscall.Signal(0)), "it is alive")
	require.NoError(t, p.Process.Signal(syscall.SIGTERM))
	assert.Equal(t, ExitOK, p.exit(t))
}

func TestTheWorkerRefusesToServeOthers(t *testing.T) {
	without := func(name string) []string {
		var kept []string
		for _, pair := range environment(t, t.TempDir()) {
			if !strings.HasPrefix(pair, name+"=") {
				kept = append(kept, pair)
			}
		}
		return kept
	}
	for name, test := range map[string]struct {
		environ []string
		want    string
	}{
		"started by hand":    {[]string{}, "The plugin starts it"},
		"no certificate":     {without(envClientCert), "does not serve without a certificate"},
		"a bad certificate":  {append(without(envClientCert), envClientCert+"=nonsense"), "no certificate in PEM form"},
		"no place to listen": {append(without(plugin.EnvUnixSocketDir), plugin.EnvUnixSocketDir+"=/nonexistent"), "/nonexistent"},
	} {
		p := start(t, test.environ)
		_, err := p.stdout.ReadString('\n')
		require.ErrorIs(t, err, io.EOF, name)
		assert.Contains(t, p.errors(t), test.want, name)
		assert.Equal(t, ExitRefused, p.exit(t), name)
	}
}

// client is a go-plugin plugin of a host in Go, as others write them.
type client struct {
	plugin.NetRPCUnsupportedPlugin
}

func (client) GRPCServer(*plugin.GRPCBroker, *grpc.Server) error {
	return errors.New("this side only calls")
}

func (client) GRPCClient(_ context.Context, _ *plugin.GRPCBroker, conn *grpc.ClientConn) (any, error) {
	return conn, nil
}

func TestAnyHostWithAutoMTLSCanUseTheWorker(t *testing.T) {
	command := exec.Command(worker)
	command.Env = []string{"LANG=C"}
	var log bytes.Buffer
	c := plugin.NewClient(&plugin.ClientConfig{
		HandshakeConfig: plugin.HandshakeConfig{
			ProtocolVersion: ProtocolVersion, MagicCookieKey: cookieKey, MagicCookieValue: cookieValue,
		},
		Plugins:          plugin.PluginSet{"worker": client{}},
		Cmd:              command,
		AllowedProtocols: []plugin.Protocol{plugin.ProtocolGRPC},
		AutoMTLS:         true,
		SkipHostEnv:      true,
		Logger:           hclog.New(&hclog.LoggerOptions{Output: &log, Level: hclog.Debug}),
	})
	defer c.Kill()
	protocol, err := c.Client()
	require.NoError(t, err)
	require.NoError(t, protocol.Ping())
	raw, err := protocol.Dispense("worker")
	require.NoError(t, err)
	var header metadata.MD
	_, err = grpc_health_v1.NewHealthClient(raw.(*grpc.ClientConn)).Check(
		t.Context(), &grpc_health_v1.HealthCheckRequest{Service: "plugin"}, grpc.Header(&header))
	require.NoError(t, err)
	assert.Equal(t, []string{"abc123"}, header.Get(SourceHeader), "each reply tells what the worker was built from")
	c.Kill()
	assert.NotContains(t, log.String(), "plugin failed to exit gracefully")
}
