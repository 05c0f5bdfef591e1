package wandb

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"net/http"
	"strings"
	"unicode/utf8"
)

// form is how an answer was written, which shows who gave it: W&B writes JSON, stores
// write XML, and proxies, firewalls and gateways write pages and plain text.
type form int

const (
	formNothing form = iota
	formJSON
	formXML
	formPage
	formText
)

// serverError is an answer that is a refusal or a failure.
type serverError struct {
	// op names what was asked.
	op     string
	status int
	form   form
	means  meaning
	// messages are the server's words, as they came.
	messages []string
	// validation says that the server refused the document itself, as one does that is
	// older or newer than a field of it.
	validation bool
	// notWandB says that what answered does not speak W&B's protocol.
	notWandB bool
	// location is where a redirect leads.
	location string
}

// Error is for logs: people get the fault that explain makes.
func (e *serverError) Error() string {
	return strings.TrimSpace(fmt.Sprintf("%s: status %d %s", e.op, e.status, strings.Join(e.messages, "; ")))
}

// says reports whether one of the server's words holds a text, in any case.
func (e *serverError) says(text string) bool {
	return strings.Contains(strings.ToLower(strings.Join(e.messages, "\n")), text)
}

// between reports whether something between this computer and W&B gave the answer: a
// proxy, a firewall or a gateway, which know nothing of W&B's forms.
func (e *serverError) between() bool {
	switch {
	case e.notWandB || e.means != meansStatus || isRedirect(e.status):
		return false
	case e.status == http.StatusProxyAuthRequired:
		return true
	case e.form == formPage:
		return e.status != http.StatusRequestEntityTooLarge && e.status != http.StatusTooManyRequests && e.status < 500
	}
	return e.status == http.StatusForbidden && (e.form == formText || e.form == formNothing)
}

// newServerError reads a refusal in any of the forms that W&B's services use.
func newServerError(op string, r *reply) *serverError {
	return readRefusal(op, r, false)
}

// readRefusal is newServerError for an operation that may be a mutation.
func readRefusal(op string, r *reply, mutation bool) *serverError {
	e := &serverError{op: op, status: r.status, location: r.header.Get("Location"), form: formOf(r)}
	e.messages = errorTexts(r.body)
	text := strings.Join(e.messages, "\n")
	if e.form == formPage {
		e.messages, text = nil, string(r.body)
	}
	e.means = meaningOf(r.status, mutation, text)
	switch {
	case e.means != meansStatus, isRedirect(r.status): // Web servers send a page along with a redirect.
	case e.form == formPage:
		e.notWandB = r.status < 500 && r.status != http.StatusUnauthorized && r.status != http.StatusForbidden && r.status != http.StatusProxyAuthRequired &&
			r.status != http.StatusTooManyRequests && r.status != http.StatusRequestEntityTooLarge
	case len(e.messages) == 0 && (r.status == http.StatusOK || r.status == http.StatusNotFound || r.status == http.StatusMethodNotAllowed):
		e.notWandB = e.form != formJSON
	}
	return e
}

func isRedirect(status int) bool { return status >= 300 && status <= 399 }

func formOf(r *reply) form {
	body := bytes.ToLower(trimmed(r.body))
	switch {
	case len(body) == 0:
		return formNothing
	case strings.HasPrefix(r.header.Get("Content-Type"), "text/html"), bytes.HasPrefix(body, []byte("<!doctype html")), bytes.HasPrefix(body, []byte("<html")):
		return formPage
	case body[0] == '<':
		return formXML
	case json.Valid(body):
		return formJSON
	}
	return formText
}

// trimmed is a body without blanks around it and without the byte order mark that
// Azure puts before it.
func trimmed(body []byte) []byte {
	return bytes.TrimSpace(bytes.TrimPrefix(body, []byte("\ufeff")))
}

// errorTexts finds the words in {"errors":[{"message":…}|"…"]}, {"error":"…"},
// {"error":{"message":…}}, {"message":"…"}, S3's XML and plain text.
func errorTexts(body []byte) []string {
	body = trimmed(body)
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
