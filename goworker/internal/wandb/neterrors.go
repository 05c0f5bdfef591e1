package wandb

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/fault"
)

// innerError takes off what net/http puts around an error: the address, which may
// hold a signature.
func innerError(err error) error {
	var u *url.Error
	for errors.As(err, &u) {
		err = u.Err
	}
	return err
}

// isContextError tells whether the caller's own context ended. A try's time-out is
// none: it comes as another error, or as one that says so.
func isContextError(err error) bool {
	return err == context.Canceled || err == context.DeadlineExceeded // Not errors.Is: wrapped ones are of single tries.
}

// isTLSError tells whether the two ends do not trust or understand each other:
// trying again does not change that.
func isTLSError(err error) bool {
	var (
		verify    *tls.CertificateVerificationError
		authority x509.UnknownAuthorityError
		hostname  x509.HostnameError
		invalid   x509.CertificateInvalidError
		record    tls.RecordHeaderError
		op        *net.OpError
	)
	return errors.As(err, &verify) || errors.As(err, &authority) || errors.As(err, &hostname) ||
		errors.As(err, &invalid) || errors.As(err, &record) || isPlainHTTPAnswer(err) ||
		// Alerts of the other end and our own have no exported type.
		errors.As(err, &op) && (op.Op == "remote error" || op.Op == "local error")
}

// isPlainHTTPAnswer tells whether a server answered HTTPS with HTTP. net/http has
// a text for it and no type.
func isPlainHTTPAnswer(err error) bool {
	return strings.Contains(err.Error(), "server gave HTTP response to HTTPS client")
}

// proxyStatus is the status with which a proxy refused to pass a connection on; 0
// where the error is another one. net/http gives the words of the answer to CONNECT
// as the error.
func proxyStatus(err error) int {
	for code := http.StatusBadRequest; code <= http.StatusNetworkAuthenticationRequired; code++ {
		if text := http.StatusText(code); text != "" && text == err.Error() {
			return code
		}
	}
	return 0
}

// explainNetwork makes a failure without an answer the fault that a person gets.
func (c *Client) explainNetwork(p peer, doing string, err error) error {
	host, where := p.host, p.name
	wrap := func(code, format string, args ...any) error {
		f := fault.Wrap(errors.New(c.clean(err.Error())), fault.WandB, code, format, args...)
		f.Message = c.clean(f.Message)
		return f
	}
	var (
		op  *net.OpError
		dns *net.DNSError
	)
	proxied := errors.As(err, &op) && op.Op == "proxyconnect"
	switch {
	case isPlainHTTPAnswer(err):
		return wrap("tls", "The server at %s speaks HTTP, not HTTPS: %s failed. Check WANDB_BASE_URL or FIFTYONE_WANDB_URL.", host, doing)
	case isTLSError(err):
		return wrap("tls", "The certificate of %s is not accepted: %s failed (%s). "+
			"If your organization has its own certificates, set SSL_CERT_FILE or REQUESTS_CA_BUNDLE to the file that holds them.",
			where, doing, tlsReason(err))
	case proxyStatus(err) != 0:
		return wrap("unreachable", "The proxy does not let us through to %s (%s): %s failed. Check HTTPS_PROXY, its user and password, and NO_PROXY.", where, err, doing)
	case proxied:
		return wrap("unreachable", "The proxy on the way to %s cannot be reached: %s failed. Check HTTPS_PROXY and NO_PROXY.", where, doing)
	case errors.As(err, &dns):
		return wrap("unreachable", "There is no computer called %s, or no network: %s failed. Check the network, and WANDB_BASE_URL or FIFTYONE_WANDB_URL.", dns.Name, doing)
	case isTimeout(err):
		return wrap("timeout", "%s did not answer in time: %s failed. Check the network, or try again later.", upperFirst(where), doing)
	case isDialError(err):
		return wrap("unreachable", "Nothing answers at %s: %s failed. Check that the W&B server runs, the network, and WANDB_BASE_URL or FIFTYONE_WANDB_URL.", dialled(op, host), doing)
	}
	return wrap("unreachable", "The connection to %s breaks off again and again: %s failed. Check the network, or try again later.", where, doing)
}

// dialled is the host with the address that was tried, if that says more.
func dialled(op *net.OpError, host string) string {
	if op == nil || op.Addr == nil || op.Addr.String() == host {
		return host
	}
	return host + " (" + op.Addr.String() + ")"
}

func tlsReason(err error) string {
	var verify *tls.CertificateVerificationError
	if errors.As(err, &verify) {
		err = verify.Err
	}
	return strings.TrimPrefix(strings.TrimPrefix(err.Error(), "tls: "), "x509: ")
}

// shortReason says in a few words why a try failed.
func shortReason(r *reply, err error) string {
	switch {
	case limited(r):
		return "the server limits the rate of requests (status 429)"
	case err == nil:
		return fmt.Sprintf("the server answered with status %d", r.status)
	case isTimeout(err):
		return "no answer in time"
	case isDialError(err):
		return "no connection"
	}
	return "the connection broke off"
}

func upperFirst(text string) string { return strings.ToUpper(text[:1]) + text[1:] }
