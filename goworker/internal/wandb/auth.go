package wandb

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/fault"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/localfile"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/secret"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/wandb/config"
)

// authTransport adds the credentials to requests under the base URL, and to no
// other, no matter who sends a request through it.
type authTransport struct {
	base, userAgent string
	identity        http.Header // for GraphQL requests
	credentials     func(context.Context) (header secret.String, err error)
	next            http.RoundTripper
}

// RoundTrip implements http.RoundTripper.
func (t *authTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Set("User-Agent", t.userAgent)
	if underBase(t.base, r.URL) {
		header, err := t.credentials(r.Context())
		if err != nil {
			return nil, err
		}
		r.Header.Set("Authorization", header.Reveal())
		if strings.HasSuffix(r.URL.Path, "/graphql") {
			maps.Copy(r.Header, t.identity)
		}
	}
	return t.next.RoundTrip(r)
}

// underBase reports whether an address has the scheme, host, port and path prefix of
// the base URL.
func underBase(base string, u *url.URL) bool {
	b, err := url.Parse(base)
	if err != nil || u.User != nil {
		return false
	}
	return u.Scheme == b.Scheme && strings.EqualFold(u.Host, b.Host) &&
		strings.HasPrefix(u.EscapedPath(), b.EscapedPath()+"/")
}

// basicAuth is the header for a key. The server looks at the password only.
func basicAuth(key secret.String) secret.String {
	return secret.String("Basic " + base64.StdEncoding.EncodeToString([]byte("api:"+key.Reveal())))
}

// scrubber takes the key and the user's headers out of a server's words, in every form that we
// send them in.
func scrubber(s config.Settings) *strings.Replacer {
	var pairs []string
	add := func(text string) { pairs = append(pairs, text, secret.String(text).String()) }
	if key := s.APIKey; key.Reveal() != "" {
		_, encoded, _ := strings.Cut(basicAuth(key).Reveal(), " ")
		add(key.Reveal())
		add(encoded)
	}
	for _, text := range s.ExtraHeaders.Secrets() {
		if len(text.Reveal()) >= secret.Shortest {
			add(text.Reveal())
		}
	}
	return strings.NewReplacer(pairs...)
}

// credentials is the source of the Authorization header.
func (c *Client) credentials() func(context.Context) (secret.String, error) {
	if c.settings.IdentityTokenFile != "" {
		t := &tokenSource{settings: c.settings, http: &http.Client{
			Transport: c.wire, Timeout: c.timings.Try,
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		}}
		return t.header
	}
	header := basicAuth(c.settings.APIKey)
	return func(context.Context) (secret.String, error) { return header, nil }
}

// An access token is renewed tokenMargin before its end; tokenLife is for how long
// one is taken to last whose answer does not say.
const (
	tokenMargin = time.Minute
	tokenLife   = 5 * time.Minute
)

// tokenSource exchanges the JWT of a file, which some other process keeps fresh,
// for W&B's access tokens.
type tokenSource struct {
	settings config.Settings
	http     *http.Client

	mu      sync.Mutex
	token   secret.String
	renewAt time.Time
}

func (t *tokenSource) header(ctx context.Context) (secret.String, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.token == "" || time.Now().After(t.renewAt) {
		if err := t.exchange(ctx); err != nil {
			return "", err
		}
	}
	return "Bearer " + t.token, nil
}

// exchange asks for a token: W&B's federated identity, a JWT bearer grant of RFC 7523.
func (t *tokenSource) exchange(ctx context.Context) error {
	jwt, err := localfile.ReadAll(t.settings.IdentityTokenFile, config.MaxFile)
	if err != nil {
		return fault.Wrap(err, fault.Settings, fault.BadSettings,
			"The identity token file of WANDB_IDENTITY_TOKEN_FILE (%s) cannot be read (%s). Correct the path, or unset the variable and use an API key.",
			t.settings.IdentityTokenFile, localfile.Reason(err))
	}
	form := url.Values{
		"grant_type": {"urn:ietf:params:oauth:grant-type:jwt-bearer"},
		"assertion":  {strings.TrimSpace(string(jwt))},
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, t.settings.BaseURL+"/oidc/token", strings.NewReader(form.Encode()))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("User-Agent", t.settings.UserAgent)
	resp, err := t.http.Do(req)
	if err != nil {
		return innerError(err)
	}
	defer func() { _ = resp.Body.Close() }()
	raw, err := io.ReadAll(io.LimitReader(resp.Body, maxStoreReply))
	if err != nil {
		return err
	}
	if retryStatus(resp.StatusCode) {
		return &serverError{op: "the exchange of the identity token", status: resp.StatusCode}
	}
	var answer struct {
		AccessToken string  `json:"access_token"`
		ExpiresIn   float64 `json:"expires_in"`
	}
	if err := json.Unmarshal(raw, &answer); resp.StatusCode != http.StatusOK || err != nil || answer.AccessToken == "" {
		return fault.New(fault.Settings, fault.BadKey,
			"W&B at %s does not accept the identity token of WANDB_IDENTITY_TOKEN_FILE (%s): the exchange for an access token was answered with status %d. Renew the token, or unset the variable and use an API key.",
			config.HostOf(t.settings.BaseURL), t.settings.IdentityTokenFile, resp.StatusCode)
	}
	t.token = secret.String(answer.AccessToken)
	life := time.Duration(answer.ExpiresIn * float64(time.Second))
	if life <= 0 {
		life = tokenLife
	}
	t.renewAt = time.Now().Add(life - min(tokenMargin, life/2))
	return nil
}
