package wandb

import (
	"net"
	"net/http"
	"net/url"
	"time"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/wandb/config"
)

// newTransport makes the connection pool that everything goes through. With HTTP/1.1 each transfer in flight has one of
// perHost connections, which are kept for the next; with HTTP/2 they share as few as the server's limit on streams lets them.
func newTransport(n config.Network, dial time.Duration, perHost int) *http.Transport {
	return &http.Transport{
		Proxy:                  func(r *http.Request) (*url.URL, error) { return n.Proxy(r.URL) },
		DialContext:            (&net.Dialer{Timeout: dial, KeepAlive: 30 * time.Second}).DialContext,
		TLSHandshakeTimeout:    dial,
		ForceAttemptHTTP2:      true,
		MaxIdleConns:           2 * perHost, // W&B's and its store's
		MaxIdleConnsPerHost:    perHost,
		MaxConnsPerHost:        perHost,
		IdleConnTimeout:        90 * time.Second,
		OnProxyConnectResponse: onProxyAnswer,
		TLSClientConfig:        n.TLS(),
	}
}
