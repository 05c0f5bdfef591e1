package wandb

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

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
		return "", fault.New(fault.WandB, "server_error", "W&B at %s gave an address that is none.", c.host())
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
	x := exchange{client: c, end: c.store, what: "An upload to " + hostOf(address)}
	r, err := x.send(ctx, req)
	if err != nil {
		takeBack()
		return nil, c.explainAt(storeAt(address), "uploading", err)
	}
	if r.status < 200 || r.status > 299 {
		takeBack()
		return nil, newServerError("upload to "+hostOf(address), r)
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

// putFresh uploads to an address that ask gets, and asks anew for one that is
// refused, as one that expired is.
func (c *Client) putFresh(ctx context.Context, doing string, src source, ask func() (uploadTarget, error)) error {
	for round := 1; ; round++ {
		target, err := ask()
		if err != nil {
			return err
		}
		if _, err = c.put(ctx, target, src, nil); !addressRefused(err) || round == maxRounds {
			return c.explainStore(target, doing, err)
		}
	}
}

// addressRefused tells whether a fresh address may help.
func addressRefused(err error) bool {
	switch statusOf(err) {
	case http.StatusBadRequest, http.StatusUnauthorized, http.StatusForbidden:
		return true
	}
	return false
}

// storeAt names the file store for messages.
func storeAt(address string) peer {
	return peer{host: hostOf(address), name: "the file store of W&B at " + hostOf(address), address: address}
}

// explainStore is the fault for bytes that the file store refused for good.
func (c *Client) explainStore(target uploadTarget, doing string, err error) error {
	e := refusal(err)
	if e == nil || e.status >= 500 || e.status == http.StatusTooManyRequests || e.status == http.StatusRequestEntityTooLarge {
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
