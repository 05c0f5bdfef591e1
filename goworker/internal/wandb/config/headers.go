package config

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"golang.org/x/net/http/httpguts"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/fault"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/secret"
)

// extraHeaderVariables name W&B's own variable for further headers, in both of its spellings:
// wandb reads WANDB__ as the prefix of its internal settings, whose names begin with x_.
var extraHeaderVariables = []string{"WANDB_X_EXTRA_HTTP_HEADERS", "WANDB__EXTRA_HTTP_HEADERS"}

// messageHeaders belong to each request: credentials, and what says how to read it. One for all
// requests would break the signatures of uploads.
var messageHeaders = []string{
	"Accept-Encoding", "Authorization", "Connection", "Content-Encoding", "Content-Length", "Content-Md5", "Content-Type",
	"Expect", "Host", "Range", "Te", "Trailer", "Transfer-Encoding", "Upgrade",
}

// List is the headers in the order of their names.
func (h ExtraHeaders) List() []ExtraHeader { return h.list }

// Secrets are what no text may show of them.
func (h ExtraHeaders) Secrets() []secret.String { return h.secrets }

// Format implements fmt.Formatter: fmt would print the secrets in unexported fields.
func (h ExtraHeaders) Format(f fmt.State, _ rune) {
	_, _ = fmt.Fprintf(f, "%d extra headers", len(h.list))
}

// extraHeaders reads the variables' JSON object. No fault shows a value.
func extraHeaders(env map[string]string) (h ExtraHeaders, err error) {
	for _, text := range ExtraHeaderSecrets(env) {
		h.secrets = append(h.secrets, secret.String(text))
	}
	h.list, err = parseExtraHeaders(env)
	return h, err
}

func parseExtraHeaders(env map[string]string) ([]ExtraHeader, error) {
	for _, variable := range extraHeaderVariables {
		text := strings.TrimSpace(env[variable])
		if text == "" {
			continue
		}
		refuse := func(format string, args ...any) ([]ExtraHeader, error) {
			return nil, fault.New(fault.Settings, fault.BadSettings, variable+" "+format+" Correct or unset it.", args...)
		}
		var values map[string]string
		if json.Unmarshal([]byte(text), &values) != nil || values == nil {
			return refuse(`is not a JSON object of texts, such as {"CF-Access-Client-Id": "..."}.`)
		}
		var out []ExtraHeader
		for name, value := range values {
			canonical := http.CanonicalHeaderKey(name)
			switch {
			case !httpguts.ValidHeaderFieldName(name):
				return refuse("has %q, which is not a valid name of an HTTP header.", Clip(name, 40))
			case slices.Contains(messageHeaders, canonical):
				return refuse("sets the header %s, which is different for each request and cannot be set for all of them.", canonical)
			case !httpguts.ValidHeaderFieldValue(value):
				return refuse("has a value for the header %s that HTTP does not allow, such as one with a line break.", canonical)
			}
			out = append(out, ExtraHeader{canonical, secret.String(value)})
		}
		slices.SortFunc(out, func(a, b ExtraHeader) int { return strings.Compare(a.Name, b.Name) })
		return out, nil
	}
	return nil, nil
}

// shortestPart is the length from which one part of a header's value is taken for a secret of its own.
const shortestPart = 16

// ExtraHeaderSecrets are the texts that must not be shown of the extra headers in the caller's
// variables: each value whole, and its long parts, such as the token of "Bearer <token>" or the
// values of several cookies.
func ExtraHeaderSecrets(env map[string]string) (out []string) {
	for _, variable := range extraHeaderVariables {
		text := strings.TrimSpace(env[variable])
		if text == "" {
			continue
		}
		var values map[string]string
		if json.Unmarshal([]byte(text), &values) != nil {
			out = append(out, text)
		}
		for _, value := range values {
			out = append(out, value)
			for _, part := range strings.FieldsFunc(value, func(r rune) bool { return strings.ContainsRune(" \t;,=:\"", r) }) {
				if len(part) >= shortestPart && part != value {
					out = append(out, part)
				}
			}
		}
	}
	slices.SortFunc(out, func(a, b string) int { return len(b) - len(a) }) // a replacer takes the first that fits
	return out
}

// Identity are the headers of the API by which a service account names the person that it acts for. W&B's own
// client sends them with GraphQL requests only.
func (s Settings) Identity() http.Header {
	h := http.Header{}
	if s.Username != "" {
		h.Set("X-WANDB-USERNAME", s.Username)
	}
	if s.UserEmail != "" {
		h.Set("X-WANDB-USER-EMAIL", s.UserEmail)
	}
	return h
}

// resolveIdentity reads who the requests are for, and the user's headers.
func (s *Settings) resolveIdentity(env map[string]string) (err error) {
	for variable, field := range map[string]*string{"WANDB_USERNAME": &s.Username, "WANDB_USER_EMAIL": &s.UserEmail} {
		if *field = strings.TrimSpace(env[variable]); !httpguts.ValidHeaderFieldValue(*field) {
			return fault.New(fault.Settings, fault.BadSettings, "%s has characters that cannot be sent in an HTTP header. Correct or unset it.", variable)
		}
	}
	s.ExtraHeaders, err = extraHeaders(env)
	return err
}
