package host

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"log/slog"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
)

func pemOf(c tls.Certificate) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Certificate[0]})
}

// connect makes a TLS connection in memory. It returns the errors of both sides.
func connect(t *testing.T, server, client *tls.Config) (serverErr, clientErr error) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer func() { assert.NoError(t, listener.Close()) }()
	done := make(chan error, 1)
	go func() {
		conn, err := listener.Accept()
		if err != nil {
			done <- err
			return
		}
		defer func() { _ = conn.Close() }()
		done <- tls.Server(conn, server).Handshake()
	}()
	conn, err := net.Dial("tcp", listener.Addr().String())
	require.NoError(t, err)
	defer func() { _ = conn.Close() }()
	clientErr = tls.Client(conn, client).Handshake()
	if clientErr != nil {
		_ = conn.Close()
	}
	return <-done, clientErr
}

func TestOnlyTheHostMayConnect(t *testing.T) {
	worker, err := newCertificate(time.Now())
	require.NoError(t, err)
	host, err := newCertificate(time.Now())
	require.NoError(t, err)
	foreign, err := newCertificate(time.Now())
	require.NoError(t, err)
	server, err := tlsConfig(worker, pemOf(host))
	require.NoError(t, err)

	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(pemOf(worker))
	client := func(certificates ...tls.Certificate) *tls.Config {
		return &tls.Config{RootCAs: roots, ServerName: "localhost", Certificates: certificates}
	}
	serverErr, clientErr := connect(t, server, client(host))
	require.NoError(t, serverErr)
	require.NoError(t, clientErr)

	serverErr, _ = connect(t, server, client())
	require.Error(t, serverErr, "no certificate")
	serverErr, _ = connect(t, server, client(foreign))
	require.Error(t, serverErr, "somebody else's certificate")
	old := client(host)
	old.MaxVersion = tls.VersionTLS12
	serverErr, _ = connect(t, server, old)
	require.Error(t, serverErr, "TLS 1.2")
	elsewhere := client(host)
	elsewhere.RootCAs = x509.NewCertPool()
	elsewhere.RootCAs.AppendCertsFromPEM(pemOf(foreign))
	_, clientErr = connect(t, server, elsewhere)
	require.Error(t, clientErr, "a host that expects another worker")
}

func TestCertificatesSuitPythonsGRPC(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	c, err := newCertificate(now)
	require.NoError(t, err)
	parsed, err := x509.ParseCertificate(c.Certificate[0])
	require.NoError(t, err)
	key, ok := parsed.PublicKey.(*ecdsa.PublicKey)
	require.True(t, ok)
	assert.Equal(t, elliptic.P256(), key.Curve)
	require.NoError(t, parsed.VerifyHostname("localhost"))
	assert.True(t, parsed.NotBefore.Before(now))
	assert.True(t, parsed.NotAfter.After(now.Add(24*time.Hour)))
	other, err := newCertificate(now)
	require.NoError(t, err)
	assert.NotEqual(t, c.Certificate, other.Certificate, "each process has its own")
}

func TestAnUnreadableCertificateOfTheHostIsRefused(t *testing.T) {
	worker, err := newCertificate(time.Now())
	require.NoError(t, err)
	for _, text := range []string{"", "no PEM", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"} {
		_, err := tlsConfig(worker, []byte(text))
		require.ErrorContains(t, err, envClientCert)
	}
}

func TestTheHandshakeGetsOurCertificate(t *testing.T) {
	der := []byte{1, 2, 3, 4}
	field := base64.RawStdEncoding.EncodeToString(der)
	for in, want := range map[string]string{
		"1|1|unix|/tmp/x|grpc|\n":      "1|1|unix|/tmp/x|grpc|" + field + "\n",
		"1|1|unix|/tmp/x|grpc||true\n": "1|1|unix|/tmp/x|grpc|" + field + "|true\n",
		"1|1|unix|/tmp/x|grpc|QUJD\n":  "1|1|unix|/tmp/x|grpc|QUJD\n",
		"something else\n":             "something else\n",
	} {
		assert.Equal(t, want, withCertificate(in, der))
	}
}

// headers stands for the transport of a call, which takes its header.
type headers struct {
	grpc.ServerTransportStream
}

func (headers) SetHeader(metadata.MD) error { return nil }

func TestWaitingForCalls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCalls("abc")
		assert.True(t, c.wait(time.Second), "there is no call")

		release := make(chan struct{})
		handler := func(context.Context, any) (any, error) { <-release; return "answer", nil }
		ctx := grpc.NewContextWithServerTransportStream(t.Context(), headers{})
		start := func(method string) {
			go func() {
				_, err := c.unary(ctx, nil, &grpc.UnaryServerInfo{FullMethod: method}, handler)
				assert.NoError(t, err)
			}()
		}
		start("/plugin.GRPCStdio/StreamStdio")
		start("/grpc.health.v1.Health/Check")
		synctest.Wait()
		assert.True(t, c.wait(time.Second), "calls that are not ours do not count")

		start("/x.Y/One")
		start("/x.Y/Two")
		synctest.Wait()
		began := time.Now()
		assert.False(t, c.wait(time.Second))
		assert.Equal(t, time.Second, time.Since(began))
		go func() { time.Sleep(300 * time.Millisecond); close(release) }()
		began = time.Now()
		assert.True(t, c.wait(time.Second))
		assert.Equal(t, 300*time.Millisecond, time.Since(began), "it does not wait longer than it has to")
		synctest.Wait()
	})
}

func TestLogLinesAreInHclogsFormat(t *testing.T) {
	var out bytes.Buffer
	log := NewLogger(&out, slog.LevelInfo)
	log.Debug("not shown")
	log.Warn("slow", "rows", 12, "error", errors.New("broken"), slog.Group("g", "level", "inner"))
	var line map[string]any
	require.NoError(t, json.Unmarshal(out.Bytes(), &line), "one line, one object")
	assert.Equal(t, "warn", line["@level"])
	assert.Equal(t, "slow", line["@message"])
	assert.InDelta(t, 12, line["rows"], 0)
	assert.Equal(t, "broken", line["error"])
	assert.Equal(t, map[string]any{"level": "inner"}, line["g"])
	_, err := time.Parse(time.RFC3339Nano, line["@timestamp"].(string))
	require.NoError(t, err)
}
