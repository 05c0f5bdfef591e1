package wandb

import (
	"context"
	"io"
	"net/http"
)

// request is what every try of an exchange sends.
type request struct {
	method, address string
	header          http.Header
	// host replaces the address's host in the request, if it is not empty.
	host string
	// size is the length of the body in bytes.
	size int64
	// body opens the body for one try; nil for an empty one.
	body func() (io.ReadCloser, error)
}

// open makes the request of one try.
func (r *request) open(ctx context.Context) (*http.Request, error) {
	out, err := http.NewRequestWithContext(ctx, r.method, r.address, nil)
	if err != nil {
		return nil, innerError(err)
	}
	if r.header != nil {
		out.Header = r.header.Clone()
	}
	if r.host != "" {
		out.Host = r.host
	}
	if r.body == nil {
		return out, nil
	}
	if out.Body, err = r.body(); err != nil {
		return nil, err
	}
	// The transport opens the body again after a redirect and on a connection that the
	// other end closed meanwhile. The length is always stated, since signed addresses
	// accept no chunked bodies.
	out.GetBody, out.ContentLength = r.body, r.size
	return out, nil
}
