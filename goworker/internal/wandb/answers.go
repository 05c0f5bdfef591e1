package wandb

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"unicode/utf8"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/fault"
)

// serverError is an answer that is a refusal or a failure.
type serverError struct {
	// op names what was asked.
	op     string
	status int
	// messages are the server's words, as they came.
	messages []string
	// notWandB says that what answered does not speak W&B's protocol.
	notWandB bool
	// location is where a redirect leads.
	location string
}

// Error is for logs: people get the fault that explain makes.
func (e *serverError) Error() string {
	return strings.TrimSpace(fmt.Sprintf("%s: status %d %s", e.op, e.status, strings.Join(e.messages, "; ")))
}

// says tells whether one of the server's words holds a text, in any case.
func (e *serverError) says(text string) bool {
	return strings.Contains(strings.ToLower(strings.Join(e.messages, "\n")), text)
}

// newServerError reads a refusal in any of the forms that W&B's services use.
func newServerError(op string, r *reply) *serverError {
	e := &serverError{op: op, status: r.status, location: r.header.Get("Location")}
	e.messages = errorTexts(r.body)
	html := strings.HasPrefix(r.header.Get("Content-Type"), "text/html") || bytes.HasPrefix(bytes.ToLower(bytes.TrimSpace(r.body)), []byte("<!doctype html"))
	switch {
	case html:
		e.messages = nil
		e.notWandB = r.status < 500 && r.status != http.StatusForbidden && r.status != http.StatusTooManyRequests && r.status != http.StatusRequestEntityTooLarge
	case len(e.messages) == 0 && (r.status == http.StatusOK || r.status == http.StatusNotFound || r.status == http.StatusMethodNotAllowed):
		e.notWandB = !json.Valid(r.body)
	}
	return e
}

// errorTexts finds the words in {"errors":[{"message":…}|"…"]}, {"error":"…"},
// {"error":{"message":…}}, {"message":"…"}, S3's XML and plain text.
func errorTexts(body []byte) []string {
	body = bytes.TrimSpace(body)
	if len(body) == 0 {
		return nil
	}
	if body[0] == '<' {
		var x struct {
			Code    string `xml:"Code"`
			Message string `xml:"Message"`
		}
		if xml.Unmarshal(body, &x) == nil && x.Code+x.Message != "" {
			return []string{strings.Trim(x.Code+": "+x.Message, ": ")}
		}
		return nil
	}
	var j struct {
		Errors  []errorText `json:"errors"`
		Error   errorText   `json:"error"`
		Message errorText   `json:"message"`
	}
	if json.Unmarshal(body, &j) != nil {
		if json.Valid(body) || !printable(body) {
			return nil
		}
		return []string{string(body)}
	}
	var out []string
	for _, t := range append(j.Errors, j.Error, j.Message) {
		if t != "" {
			out = append(out, string(t))
		}
	}
	return out
}

// errorText is a text, or an object that holds it as its message.
type errorText string

// UnmarshalJSON implements json.Unmarshaler. What is neither stays empty.
func (t *errorText) UnmarshalJSON(raw []byte) error {
	var text string
	var object struct {
		Message string `json:"message"`
	}
	if json.Unmarshal(raw, &text) == nil {
		*t = errorText(text)
	} else if json.Unmarshal(raw, &object) == nil {
		*t = errorText(object.Message)
	}
	return nil
}

func printable(b []byte) bool {
	return len(b) <= 2000 && !bytes.ContainsFunc(b, func(r rune) bool { return r == utf8.RuneError || r < ' ' && r != '\n' && r != '\r' && r != '\t' })
}

// explain makes a refusal or a network's failure the fault that a person gets.
// doing says what was being done, such as "creating the run". The context's error
// and what is a fault already stay as they are.
func (c *Client) explain(doing string, err error) error {
	return c.explainAt(peer{host: c.host(), name: "the W&B server at " + c.host()}, doing, err)
}

// peer is who a request was sent to.
type peer struct{ host, name string }

func (c *Client) explainAt(p peer, doing string, err error) error {
	if err == nil || isContextError(err) || fault.As(err) != nil {
		return err
	}
	e := refusal(err)
	if e == nil {
		return c.explainNetwork(p, doing, err)
	}
	host := p.host
	wrap := func(source fault.Source, code, format string, args ...any) error {
		f := fault.Wrap(&serverError{op: e.op, status: e.status, messages: []string{c.clean(strings.Join(e.messages, "; "))}}, source, code, format, args...)
		f.Message = c.clean(f.Message)
		return f
	}
	words := c.words(e)
	if e.notWandB {
		return wrap(fault.Settings, "bad_settings",
			"What answers at %s does not look like a W&B server (status %d while %s). Check WANDB_BASE_URL or FIFTYONE_WANDB_URL: it is the address of the server itself, without a path to a page.",
			host, e.status, doing)
	}
	switch s := e.status; {
	case s >= 300 && s < 400:
		to := hostOf(e.location)
		if u, err := url.Parse(e.location); err == nil && u.Host != "" {
			to = u.Scheme + "://" + u.Host
		}
		return wrap(fault.Settings, "bad_settings",
			"The W&B server at %s sends us on to %s, and the API key is not sent anywhere but to the server that you named. If that is the right server, set WANDB_BASE_URL or FIFTYONE_WANDB_URL to it.", c.settings.BaseURL, to)
	case s == http.StatusUnauthorized:
		return c.badKey(e)
	case s == http.StatusForbidden:
		return wrap(fault.WandB, "no_permission",
			"W&B at %s does not permit this account: %s failed.%s Ask the owner of the entity for access, or choose another one.", host, doing, words)
	case s == http.StatusNotFound, s == http.StatusGone:
		return wrap(fault.WandB, "not_found", "W&B at %s has no such thing: %s failed.%s", host, doing, words)
	case s == http.StatusRequestEntityTooLarge:
		return wrap(fault.WandB, "too_large",
			"W&B at %s refused a request as too large: %s failed.%s Log fewer samples or fields at once.", host, doing, words)
	case s == http.StatusTooManyRequests:
		return wrap(fault.WandB, "rate_limited",
			"W&B at %s limits the rate of requests and did not let us go on: %s failed.%s Try again in a few minutes.", host, doing, words)
	case s == http.StatusRequestTimeout:
		return wrap(fault.WandB, "timeout", "W&B at %s took too long: %s failed.%s Try again later.", host, doing, words)
	case s >= 500 && s != http.StatusNotImplemented:
		return wrap(fault.WandB, "server_error",
			"W&B at %s has a problem of its own (status %d): %s failed, and trying again did not help.%s Try again later.", host, s, doing, words)
	}
	return wrap(fault.WandB, "refused", "W&B at %s refused (status %d): %s failed.%s", host, e.status, doing, words)
}

// badKey is the fault for a key that the server does not accept. err may be nil.
func (c *Client) badKey(e *serverError) error {
	f := fault.New(fault.Settings, "bad_key",
		"W&B at %s does not accept the API key that was found in %s. Take a valid one from %s and run `wandb login --relogin`, or set FIFTYONE_WANDB_API_KEY or WANDB_API_KEY.",
		c.host(), c.settings.KeySource, c.settings.AuthorizeURL())
	if e != nil {
		f.Err = &serverError{op: e.op, status: e.status}
	}
	return f
}

// words is the server's own text, short and without the key, as a sentence.
func (c *Client) words(e *serverError) string {
	text := strings.TrimRight(c.clean(clip(strings.Join(strings.Fields(strings.Join(e.messages, "; ")), " "), 300)), ". ")
	if text == "" {
		return ""
	}
	return " It says: " + text + "."
}

// clean takes the key out of a text that was not written by us.
func (c *Client) clean(text string) string { return c.scrub.Replace(text) }

// host is the server's name for messages.
func (c *Client) host() string { return hostOf(c.settings.BaseURL) }
