package wandb

import (
	"context"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/fault"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/wandb/config"
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
		return "", fault.New(fault.WandB, fault.ServerError, "W&B at %s gave an address that is not valid.", c.host())
	}
	return raw, nil
}

// put sends bytes to a signed address, with exactly the headers that belong to it
// and never with the key. moved, if not nil, gets the number of bytes as they go, and watch, if not nil, each try (see exchange).
// An error is the context's, a *fault.Error, or a *storeError for what the store answered.
func (c *Client) put(ctx context.Context, target uploadTarget, src source, moved func(int64), watch func() func(time.Duration, bool)) (*reply, error) {
	address, err := c.address(target.url)
	if err != nil {
		return nil, err
	}
	req, takeBack, err := putRequest(address, src, moved)
	if err != nil {
		return nil, err
	}
	for _, h := range target.headers {
		name, value, _ := strings.Cut(h, ":")
		if name, value = strings.TrimSpace(name), strings.TrimSpace(value); strings.EqualFold(name, "Host") {
			req.host = value
		} else if name != "" {
			req.header.Set(name, value)
		}
	}
	x := exchange{client: c, end: c.store, what: "An upload to " + config.HostOf(address), watch: watch}
	r, err := x.send(ctx, req)
	if err != nil {
		takeBack()
		return nil, c.explainAt(storeAt(address), "uploading", err)
	}
	if !isSuccess(r.status) {
		takeBack()
		e := newStoreError(http.MethodPut, address, r)
		e.repeated = x.tries > 0
		return nil, e
	}
	return r, nil
}

// putRequest makes the request, with a fresh body for each try. takeBack subtracts
// what the last try counted.
func putRequest(address string, src source, moved func(int64)) (req *request, takeBack func(), err error) {
	req = &request{method: http.MethodPut, address: address, header: http.Header{}, size: src.size}
	if src.size == 0 {
		r, err := src.open()
		if err != nil {
			return nil, nil, err
		}
		return req, func() {}, r.Close()
	}
	var last *checkedBody
	takeBack = func() {
		if last != nil {
			last.takeBack()
		}
	}
	req.body = func() (io.ReadCloser, error) {
		takeBack()
		last = newCheckedBody(src, moved)
		return last, nil
	}
	return req, takeBack, nil
}

// putFresh uploads to an address that ask gets, and asks for another one where that may
// help. What lies there already counts as uploaded.
func (c *Client) putFresh(ctx context.Context, doing string, src source, ask func() (uploadTarget, error)) error {
	for refused := 1; ; refused++ {
		target, err := ask()
		if err != nil {
			return err
		}
		_, err = c.put(ctx, target, src, nil, nil)
		if verdictOn(err) == alreadyThere {
			return nil
		}
		if !another(err, refused) {
			return c.explainStore(target.url, doing, err)
		}
	}
}
