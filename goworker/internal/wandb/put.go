package wandb

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"

	"github.com/hashicorp/go-retryablehttp"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/fault"
)

// uploadTarget is where the server wants some bytes.
type uploadTarget struct {
	url string
	// headers are "Name:Value" and part of the signature.
	headers []string
}

// address is the target's full address: one that starts with a slash is relative to
// the base URL.
func (c *Client) address(raw string) (string, error) {
	if strings.HasPrefix(raw, "/") {
		raw = c.settings.BaseURL + raw
	}
	u, err := url.Parse(raw)
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" {
		return "", fault.New(fault.WandB, "server_error", "W&B at %s gave an upload address that is none.", c.host())
	}
	return raw, nil
}

// put sends bytes to a signed address, with exactly the headers that belong to it
// and never with the key. moved, if not nil, gets the number of bytes as they go.
// A refusal is a *serverError: a 400 or 403 mostly means that the address expired.
func (c *Client) put(ctx context.Context, target uploadTarget, src source, moved func(int64)) (*reply, error) {
	address, err := c.address(target.url)
	if err != nil {
		return nil, err
	}
	req, err := c.putRequest(ctx, address, src, moved)
	if err != nil {
		return nil, err
	}
	for _, h := range target.headers {
		name, value, _ := strings.Cut(h, ":")
		if name, value = strings.TrimSpace(name), strings.TrimSpace(value); strings.EqualFold(name, "Host") {
			req.Host = value
		} else if name != "" {
			req.Header.Set(name, value)
		}
	}
	x := exchange{client: c, end: c.store, what: "An upload to " + hostOf(address)}
	r, err := x.send(ctx, req)
	if err != nil {
		return nil, c.explainAt(storeAt(address), "uploading", err)
	}
	if r.status < 200 || r.status > 299 {
		return nil, newServerError("upload to "+hostOf(address), r)
	}
	return r, nil
}

// putRequest makes the request with a fresh body for each try. Its length is always
// said, also for an empty file: signed addresses take no chunked bodies.
func (c *Client) putRequest(ctx context.Context, address string, src source, moved func(int64)) (*retryablehttp.Request, error) {
	if src.size == 0 {
		r, err := src.open()
		if err != nil {
			return nil, err
		}
		_ = r.Close()
		return retryablehttp.NewRequestWithContext(ctx, http.MethodPut, address, nil)
	}
	var (
		mu   sync.Mutex
		last *checkedBody
	)
	req, err := retryablehttp.NewRequestWithContext(ctx, http.MethodPut, address, retryablehttp.ReaderFunc(func() (io.Reader, error) {
		mu.Lock()
		defer mu.Unlock()
		if last != nil {
			last.takeBack()
		}
		last = newCheckedBody(src, moved)
		return last, nil
	}))
	if err != nil {
		return nil, err
	}
	req.ContentLength = src.size
	return req, nil
}

// storeAt names the file store for messages.
func storeAt(address string) peer {
	return peer{host: hostOf(address), name: "the file store of W&B at " + hostOf(address)}
}

// explainStore is the fault for bytes that the file store refused for good.
func (c *Client) explainStore(target uploadTarget, doing string, err error) error {
	e, ok := err.(*serverError) //nolint:errorlint // It is never wrapped.
	if !ok || e.status >= 500 || e.status == http.StatusTooManyRequests || e.status == http.StatusRequestEntityTooLarge {
		return c.explain(doing, err)
	}
	host := c.host()
	if address, err := c.address(target.url); err == nil {
		host = hostOf(address)
	}
	f := fault.Wrap(fmt.Errorf("status %d", e.status), fault.WandB, "refused",
		"The file store of W&B at %s refused (status %d), also with a fresh address: %s failed.%s", host, e.status, doing, c.words(e))
	f.Message = c.clean(f.Message)
	return f
}
