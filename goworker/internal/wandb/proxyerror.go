package wandb

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/fault"
)

// proxyError is a proxy's refusal to open a connection.
type proxyError struct {
	// host is the proxy's host and port.
	host   string
	status int
}

// Error is for logs.
func (e *proxyError) Error() string {
	return fmt.Sprintf("the proxy at %s answered CONNECT with status %d", e.host, e.status)
}

// proxyOf is host and port of the proxy that requests to an address go through; empty
// if they go directly.
func (c *Client) proxyOf(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return ""
	}
	proxy, err := c.settings.Network().Proxy(u)
	if err != nil || proxy == nil {
		return ""
	}
	return proxy.Host
}

// proxyRefusal is the fault for a proxy that does not let this plugin through.
func (c *Client) proxyRefusal(p peer, doing string, e *proxyError) *fault.Error {
	proxy := "The proxy"
	if e.host != "" {
		proxy += " at " + e.host
	}
	switch {
	case e.status == http.StatusProxyAuthRequired:
		return fault.New(fault.WandB, fault.Unreachable,
			"%s wants a login before it passes anything on to %s (status 407): %s failed. Put user and password into HTTPS_PROXY (HTTP_PROXY for http:// addresses), as in http://user:password@proxy.example.com:3128; correct them if they are there.",
			proxy, p.name, doing)
	case e.status < 500:
		return fault.New(fault.WandB, fault.Unreachable,
			"%s does not let this plugin through to %s (status %d): %s failed. Ask your network administrator to allow %s, or check HTTPS_PROXY and NO_PROXY.", proxy, p.name, e.status, doing, p.host)
	}
	return fault.New(fault.WandB, fault.Unreachable,
		"%s cannot reach %s (status %d): %s failed. Check the network, HTTPS_PROXY and NO_PROXY, or try again later.", proxy, p.name, e.status, doing)
}

// proxyFault is the fault for a proxy that cannot be reached, or not understood.
func (c *Client) proxyFault(p peer, doing string, err error) *fault.Error {
	proxy := "The proxy"
	if host := c.proxyOf(p.address); host != "" {
		proxy += " at " + host
	}
	code, why := fault.Unreachable, "cannot be reached"
	switch {
	case isCertificateError(err):
		code, why = fault.TLS, "has a certificate that is not accepted ("+tlsReason(err)+")"
	case isTLSError(err):
		code, why = fault.TLS, "does not speak HTTPS; its address should begin with http://"
	case isSocksLogin(err):
		why = "does not accept the login, or wants one"
	}
	return fault.New(fault.WandB, code,
		"%s on the way to %s %s: %s failed. Check HTTPS_PROXY (HTTP_PROXY for http:// addresses) and NO_PROXY.", proxy, p.name, why, doing)
}

// isSocksLogin reports whether a SOCKS proxy refused the login. Its errors have texts
// and no types.
func isSocksLogin(err error) bool {
	text := err.Error()
	return strings.Contains(text, "authentication failed") || strings.Contains(text, "no acceptable authentication methods")
}

// onProxyAnswer keeps a proxy's refusal of CONNECT with its status: net/http gives the
// reason phrase only, which is the proxy's own. (See http.Transport.)
func onProxyAnswer(_ context.Context, proxy *url.URL, _ *http.Request, answer *http.Response) error {
	if answer.StatusCode == http.StatusOK {
		return nil
	}
	return &proxyError{host: proxy.Host, status: answer.StatusCode}
}

// inMinutes is a duration for a sentence.
func inMinutes(d time.Duration) string {
	if m := int(d.Round(time.Minute) / time.Minute); m > 1 {
		return fmt.Sprintf("%d minutes", m)
	}
	return d.Round(time.Second).String()
}
