package host

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"math/big"
	"os"
	"strings"
	"sync/atomic"
	"time"
)

// envClientCert is go-plugin's variable for the certificate of the host, in PEM.
const envClientCert = "PLUGIN_CLIENT_CERT"

// The certificates live for one process. The first moment is in the past, for
// clocks that are set back a little between the two programs' looks at them.
const (
	backdated = 5 * time.Minute
	lifetime  = 30 * 24 * time.Hour
)

// certificateField is the place of the certificate in go-plugin's handshake
// core|app|network|address|protocol|certificate.
const certificateField = 5

// newCertificate makes a self-signed certificate whose key never leaves the
// process. The curve is P-256, because go-plugin's own certificates have P-521
// keys, and gRPC for Python refuses their signatures.
func newCertificate(now time.Time) (tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("making a key: %w", err)
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("making a serial number: %w", err)
	}
	template := &x509.Certificate{
		SerialNumber:          serial,
		Subject:               pkix.Name{CommonName: "localhost"},
		DNSNames:              []string{"localhost"},
		NotBefore:             now.Add(-backdated),
		NotAfter:              now.Add(lifetime),
		KeyUsage:              x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
		IsCA:                  true, // it signs itself
		BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("signing: %w", err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, nil
}

// tlsConfig lets in whoever holds the key of the one certificate in hostPEM.
func tlsConfig(own tls.Certificate, hostPEM []byte) (*tls.Config, error) {
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(hostPEM) {
		return nil, errors.New(envClientCert + " holds no certificate in PEM form")
	}
	return &tls.Config{
		Certificates: []tls.Certificate{own},
		ClientCAs:    pool,
		ClientAuth:   tls.RequireAndVerifyClientCert,
		MinVersion:   tls.VersionTLS13,
	}, nil
}

// announce makes sure that go-plugin's handshake line has our certificate:
// with a TLSProvider it leaves the field empty. Our pipe replaces os.Stdout
// until go-plugin replaces it by its own, right after that line. The
// returned function says whether the line has been printed.
func announce(der []byte) (announced func() bool, err error) {
	reader, writer, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("making a pipe: %w", err)
	}
	out := os.Stdout
	os.Stdout = writer
	var done atomic.Bool
	go func() {
		lines := bufio.NewReader(reader)
		line, err := lines.ReadString('\n')
		if err != nil {
			return
		}
		done.Store(true)
		_, _ = io.WriteString(out, withCertificate(line, der))
		_, _ = io.Copy(out, lines) // who has kept the old os.Stdout must not block
	}()
	return done.Load, nil
}

// withCertificate fills the empty field of a handshake line.
func withCertificate(line string, der []byte) string {
	fields := strings.Split(strings.TrimRight(line, "\n"), "|")
	if len(fields) > certificateField && fields[certificateField] == "" {
		fields[certificateField] = base64.RawStdEncoding.EncodeToString(der)
	}
	return strings.Join(fields, "|") + "\n"
}
