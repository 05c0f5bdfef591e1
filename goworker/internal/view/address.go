package view

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"maps"
	"net/url"
	"slices"
	"strings"

	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/fault"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/secret"
)

// anyHost is an option of MongoDB's addresses that the driver does not know: the server's certificate has
// to be good, but may be another host's.
const anyHost = "tlsAllowInvalidHostnames"

// clientOptions are the driver's for an address. What is wrong with it shows when they are used.
func clientOptions(uri secret.String) *options.ClientOptions {
	out := options.Client().SetServerSelectionTimeout(selectTimeout).ApplyURI(uri.Reveal()).SetAppName(appName)
	if mode := query(uri).Get("serverMonitoringMode"); mode != "" {
		out.SetServerMonitoringMode(mode) // the driver reads it in addresses, and leaves it there
	}
	if query(uri).Get(anyHost) == "true" && out.TLSConfig != nil && !out.TLSConfig.InsecureSkipVerify {
		checkChainOnly(out.TLSConfig)
	}
	return out
}

// checkChainOnly makes connections check the server's certificate but for the host's name.
func checkChainOnly(c *tls.Config) {
	roots := c.RootCAs
	c.InsecureSkipVerify = true //nolint:gosec // VerifyConnection does the rest
	c.VerifyConnection = func(state tls.ConnectionState) error {
		if len(state.PeerCertificates) == 0 {
			return errors.New("tls: the server has sent no certificate")
		}
		between := x509.NewCertPool()
		for _, one := range state.PeerCertificates[1:] {
			between.AddCert(one)
		}
		_, err := state.PeerCertificates[0].Verify(x509.VerifyOptions{Roots: roots, Intermediates: between})
		return err
	}
}

// isTLS reports whether a connection failed for its certificates or its encryption. The driver hands on
// what was wrong with the last try of each server as text only.
func isTLS(err error) bool {
	return strings.Contains(err.Error(), "x509: ") || strings.Contains(err.Error(), "tls: ")
}

// query is an address's options.
func query(uri secret.String) url.Values {
	_, text, _ := strings.Cut(uri.Reveal(), "?")
	values, _ := url.ParseQuery(text)
	return values
}

// badAddress is the fault for an address that the driver refuses. Its message may repeat parts of the
// address, so only the names of options in it are shown.
func badAddress(uri secret.String, err error) error {
	var named []string
	text := strings.ToLower(err.Error())
	for _, name := range slices.Sorted(maps.Keys(query(uri))) {
		if strings.Contains(text, strings.ToLower(name)) {
			named = append(named, name)
		}
	}
	about := ""
	if len(named) > 0 {
		about = " because of " + strings.Join(named, ", ")
	}
	return fault.New(fault.FiftyOne, fault.NoDatabase,
		"FiftyOne's database address cannot be used%s: check database_uri in FiftyOne's configuration, and that the files that it names can be read.", about)
}
