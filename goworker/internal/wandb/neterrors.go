package wandb

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/url"
	"slices"
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

// isContextError reports whether the caller's own context ended. A try's time-out is
// not: it comes as another error, or as one that says so.
func isContextError(err error) bool {
	return err == context.Canceled || err == context.DeadlineExceeded // Not errors.Is: wrapped ones are of single tries.
}

// isTLSError reports whether the two ends do not trust or understand each other:
// trying again does not change that.
func isTLSError(err error) bool {
	var record tls.RecordHeaderError
	return isCertificateError(err) || errors.As(err, &record) || isPlainHTTPAnswer(err) || isTLSAnswer(err) ||
		// Alerts of the other end and our own have no exported type.
		isOp(err, "remote error") || isOp(err, "local error")
}

// isCertificateError reports whether the other end's certificate is not accepted.
func isCertificateError(err error) bool {
	var (
		verify    *tls.CertificateVerificationError
		authority x509.UnknownAuthorityError
		hostname  x509.HostnameError
		invalid   x509.CertificateInvalidError
	)
	return errors.As(err, &verify) || errors.As(err, &authority) || errors.As(err, &hostname) || errors.As(err, &invalid)
}

// isPlainHTTPAnswer reports whether a server answered HTTPS with HTTP. net/http has
// a text for it and no type.
func isPlainHTTPAnswer(err error) bool {
	return strings.Contains(err.Error(), "server gave HTTP response to HTTPS client")
}

// isTLSAnswer reports whether a server answered HTTP with a record of TLS: an alert, as
// the first bytes 21 and 3 show. net/http has a text for it and no type.
func isTLSAnswer(err error) bool {
	return strings.Contains(err.Error(), `malformed HTTP response "\x15\x03`)
}

// isOp reports whether a network operation of one of these names failed, at any depth.
func isOp(err error, names ...string) bool {
	var op *net.OpError
	for errors.As(err, &op) {
		if slices.Contains(names, op.Op) {
			return true
		}
		err = op.Err
	}
	return false
}

// atProxy reports whether it is the connection to the proxy that failed, and with
// what.
func atProxy(err error) (inner error, ok bool) {
	var op *net.OpError
	if errors.As(err, &op) && (op.Op == "proxyconnect" || op.Op == "socks connect") {
		return op.Err, true
	}
	return err, false
}

// explainNetwork makes a failure without an answer the fault that a person gets.
func (c *Client) explainNetwork(p peer, doing string, err error) error {
	f := c.networkFault(p, doing, err)
	f.Err = errors.New(c.clean(err.Error()))
	f.Message = c.clean(f.Message)
	return f
}

func (c *Client) networkFault(p peer, doing string, err error) *fault.Error {
	var (
		refused *proxyError
		dns     *net.DNSError
		op      *net.OpError
	)
	if errors.As(err, &refused) {
		return c.proxyRefusal(p, doing, refused)
	}
	if inner, ok := atProxy(err); ok {
		return c.proxyFault(p, doing, inner)
	}
	unreachable := func(format string, args ...any) *fault.Error {
		return fault.New(fault.WandB, fault.Unreachable, format, args...)
	}
	switch {
	case isTLSError(err):
		return c.tlsFault(p, doing, err)
	case errors.As(err, &dns):
		return unreachable("The host %s could not be found: %s failed. Check your network connection, and WANDB_BASE_URL or FIFTYONE_WANDB_URL.", dns.Name, doing)
	case isTimeout(err):
		return fault.New(fault.WandB, fault.Timeout, "%s did not answer in time: %s failed. Check the network, or try again later.", upperFirst(p.name), doing)
	case isDialError(err):
		_ = errors.As(err, &op)
		return unreachable("Nothing answers at %s: %s failed. Check that the W&B server runs, the network, and WANDB_BASE_URL or FIFTYONE_WANDB_URL.", dialled(op, p.host), doing)
	}
	hint := ""
	if strings.HasPrefix(p.address, "http://") {
		hint = " If it expects HTTPS, its address has to begin with https://."
	}
	return unreachable("The connection to %s keeps dropping: %s failed. Check the network, or try again later.%s", p.name, doing, hint)
}

// tlsFault is the fault for two ends that do not understand or trust each other.
func (c *Client) tlsFault(p peer, doing string, err error) *fault.Error {
	var (
		hostname x509.HostnameError
		invalid  x509.CertificateInvalidError
	)
	check := p.check()
	tlsError := func(format string, args ...any) *fault.Error {
		return fault.New(fault.WandB, fault.TLS, format, args...)
	}
	switch {
	case isPlainHTTPAnswer(err):
		return tlsError("%s speaks HTTP, not HTTPS: %s failed. %s", upperFirst(p.name), doing, check)
	case isTLSAnswer(err):
		return tlsError("%s expects HTTPS, and its address begins with http://: %s failed. %s", upperFirst(p.name), doing, check)
	case errors.As(err, &hostname):
		return tlsError("The certificate of %s belongs to another host: %s failed (%s). %s", p.name, doing, tlsReason(err), check)
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return tlsError("The certificate of %s has expired or is not valid yet: %s failed (%s). Check this computer's clock, or ask the server's administrator to renew it.", p.name, doing, tlsReason(err))
	case isCertificateError(err):
		return tlsError("The certificate of %s is not accepted: %s failed (%s). "+
			"If your organization has its own certificates, or a proxy that inspects TLS, set SSL_CERT_FILE or REQUESTS_CA_BUNDLE to the file that holds them.",
			p.name, doing, tlsReason(err))
	}
	return tlsError("No secure connection to %s could be set up: %s failed (%s). Check that the address and its port speak HTTPS. %s", p.name, doing, tlsReason(err), check)
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
