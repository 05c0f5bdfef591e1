package wandb

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/wandb/config"
)

// headerTransport adds the user's headers to the requests that we make: those to the API, and
// those to the addresses in the store that the API gave us, as wandb does. A redirect takes them to
// no other host.
type headerTransport struct {
	headers []config.ExtraHeader
	base    string
	next    http.RoundTripper
}

// RoundTrip implements http.RoundTripper. A header that the request already has is kept, except
// those that say who asks: there the user's own value wins, as with wandb.
func (t *headerTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	if len(t.headers) == 0 || !t.meant(r) {
		return t.next.RoundTrip(r)
	}
	r = r.Clone(r.Context())
	for _, h := range t.headers {
		if r.Header.Get(h.Name) == "" || h.Name == "User-Agent" || strings.HasPrefix(h.Name, "X-Wandb-") {
			r.Header.Set(h.Name, h.Value.Reveal())
		}
	}
	return t.next.RoundTrip(r)
}

// meant reports whether the user's headers may go where a request goes: it is one that we made, or
// a redirect to the same place as the first of its chain, or to the API.
func (t *headerTransport) meant(r *http.Request) bool {
	if r.Response == nil { // net/http notes the answer that a redirect came from
		return true
	}
	first := r
	for first.Response != nil && first.Response.Request != nil {
		first = first.Response.Request
	}
	return sameOrigin(r.URL, first.URL) || underBase(t.base, r.URL)
}

// sameOrigin reports whether two addresses have scheme, host and port in common.
func sameOrigin(a, b *url.URL) bool {
	return a.Scheme == b.Scheme && strings.EqualFold(a.Host, b.Host)
}
