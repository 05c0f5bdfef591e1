package wandb

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/fault"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/wandb/config"
)

// peer is who a request was sent to.
type peer struct {
	// host is its host and port; name is how a sentence calls it.
	host, name string
	// address is the request's address, which decides about the proxy.
	address string
	// store says that it is a file store, whose address W&B chose.
	store bool
}

// check says where an address that is wrong comes from.
func (p peer) check() string {
	if p.store {
		return "W&B gave this address: its administrator can correct it."
	}
	return "Check WANDB_BASE_URL or FIFTYONE_WANDB_URL."
}

// server is the peer of requests to the API.
func (c *Client) server() peer {
	return peer{host: c.host(), name: "the W&B server at " + c.host(), address: c.settings.BaseURL}
}

// explain makes a refusal or a network's failure the fault that a person gets.
// doing says what was being done, such as "creating the run". The context's error
// and what is a fault already stay as they are.
func (c *Client) explain(doing string, err error) error {
	return c.explainAt(c.server(), doing, err)
}

func (c *Client) explainAt(p peer, doing string, err error) error {
	if err == nil || isContextError(err) || fault.As(err) != nil {
		return err
	}
	e := refusal(err)
	if e == nil {
		return c.explainNetwork(p, doing, err)
	}
	f := c.faultOf(p, doing, e)
	if f.Err == nil {
		f.Err = &serverError{op: e.op, status: e.status, messages: []string{c.clean(strings.Join(e.messages, "; "))}}
	}
	f.Message = c.clean(f.Message)
	return f
}

// faultOf is the fault for a refusal: who answered comes first, then what the words
// mean, then the status.
func (c *Client) faultOf(p peer, doing string, e *serverError) *fault.Error {
	switch {
	case e.notWandB:
		return fault.New(fault.Settings, fault.BadSettings,
			"What answers at %s does not look like a W&B server (status %d while %s). Check WANDB_BASE_URL or FIFTYONE_WANDB_URL: it must be the address of the server itself, not of one of its pages.",
			p.host, e.status, doing)
	case e.between():
		return c.refusedBetween(p, doing, e)
	}
	if f := c.faultOfWords(p, doing, e); f != nil {
		return f
	}
	return c.faultOfStatus(p, doing, e)
}

// refusedBetween is the fault for a refusal by a proxy, a firewall or the like.
func (c *Client) refusedBetween(p peer, doing string, e *serverError) *fault.Error {
	proxy := c.proxyOf(p.address)
	switch {
	case e.status == http.StatusProxyAuthRequired:
		return c.proxyRefusal(p, doing, &proxyError{host: proxy, status: e.status})
	case e.status == http.StatusUnauthorized:
		return fault.New(fault.WandB, fault.Unreachable,
			"A proxy or login page in front of %s requires a login (status 401): %s failed. Sign in to your network, or ask its administrator how programs reach %s.", p.name, doing, p.host)
	case proxy != "":
		return fault.New(fault.WandB, fault.Unreachable,
			"The proxy or firewall at %s did not pass the request on to %s (status %d): %s failed.%s Check HTTPS_PROXY and NO_PROXY, or ask your network administrator to allow %s.",
			proxy, p.name, e.status, doing, c.words(e), p.host)
	}
	return fault.New(fault.WandB, fault.Unreachable,
		"A proxy or firewall in front of %s refused the request (status %d); W&B itself did not answer: %s failed.%s Ask your network administrator to allow %s, or check HTTPS_PROXY and NO_PROXY.",
		p.name, e.status, doing, c.words(e), p.host)
}

// faultOfWords is the fault for words that are known; nil for others.
func (c *Client) faultOfWords(p peer, doing string, e *serverError) *fault.Error {
	words := c.words(e)
	switch e.means {
	case meansBadKey:
		return c.badKey(e)
	case meansNoPermission:
		return c.noPermission(p, doing, e)
	case meansHiddenProject:
		return fault.New(fault.WandB, fault.NoPermission,
			"W&B at %s does not let this account write to the project: %s failed.%s Ask the owner of the entity for access, or choose another entity or project.", p.host, doing, words)
	case meansUnknownEntity:
		return c.unknownEntity(e.missingEntity())
	case meansOrganization:
		return fault.New(fault.Settings, fault.BadSettings,
			"W&B at %s logs runs to teams and users, and the entity is an organization: %s failed.%s Set entity=, FIFTYONE_WANDB_ENTITY or WANDB_ENTITY to one of your teams.", p.host, doing, words)
	case meansEntityNeeded:
		return noEntity()
	case meansRunDeleted:
		return fault.New(fault.Settings, fault.RunDeleted,
			"The W&B run was deleted, and W&B does not reuse the ID of a deleted run: %s failed. Use another run_id.", doing)
	case meansTooLarge:
		return c.tooLarge(p, doing, e)
	case meansNotFound:
		return c.notThere(p, doing, e)
	case meansBadValue:
		return fault.New(fault.Plugin, fault.Internal,
			"W&B at %s could not read a value that this plugin sent (status %d): %s failed.%s Please report this.", p.host, e.status, doing, words)
	case meansForeignClient:
		return fault.New(fault.WandB, fault.Refused,
			"W&B at %s answers this only to its own programs: %s failed.%s The API key is not the reason. Please report this.", p.host, doing, words)
	case meansWantsTLS:
		return fault.New(fault.Settings, fault.TLS,
			"%s expects HTTPS, and its address begins with http://: %s failed. %s", upperFirst(p.name), doing, p.check())
	}
	return nil
}

// faultOfStatus is the fault for a status.
func (c *Client) faultOfStatus(p peer, doing string, e *serverError) *fault.Error {
	words := c.words(e)
	switch s := e.status; {
	case isRedirect(s):
		to := config.HostOf(e.location)
		if u, err := url.Parse(e.location); err == nil && u.Host != "" {
			to = u.Scheme + "://" + u.Host
		}
		return fault.New(fault.Settings, fault.BadSettings,
			"The W&B server at %s redirects to %s. Your API key is only ever sent to the server that you configured. If that is the right server, set WANDB_BASE_URL or FIFTYONE_WANDB_URL to it.", c.settings.BaseURL, to)
	case s == http.StatusUnauthorized:
		return c.badKey(e)
	case s == http.StatusForbidden:
		return c.noPermission(p, doing, e)
	case s == http.StatusNotFound, s == http.StatusGone:
		return c.notThere(p, doing, e)
	case s == http.StatusRequestEntityTooLarge:
		return c.tooLarge(p, doing, e)
	case s == http.StatusTooManyRequests:
		return fault.New(fault.WandB, fault.RateLimited,
			"W&B at %s limits the rate of requests, and kept doing so for %s: %s failed.%s Try again in a few minutes.", p.host, inMinutes(c.timings.ServerPatience), doing, words)
	case s == http.StatusRequestTimeout:
		return fault.New(fault.WandB, fault.Timeout, "W&B at %s took too long: %s failed.%s Try again later.", p.host, doing, words)
	case s >= 500 && s != http.StatusNotImplemented && (e.form == formPage || e.form == formText):
		return fault.New(fault.WandB, fault.ServerError,
			"W&B at %s, or a gateway in front of it, has a problem (status %d): %s failed, and trying again did not help.%s Try again later.", p.host, s, doing, words)
	case s >= 500 && s != http.StatusNotImplemented:
		return fault.New(fault.WandB, fault.ServerError,
			"W&B at %s has an internal problem (status %d): %s failed, and trying again did not help.%s Try again later.", p.host, s, doing, words)
	}
	return fault.New(fault.WandB, fault.Refused, "W&B at %s refused (status %d): %s failed.%s", p.host, e.status, doing, words)
}

func (c *Client) noPermission(p peer, doing string, e *serverError) *fault.Error {
	return fault.New(fault.WandB, fault.NoPermission,
		"W&B at %s does not permit this account to do that: %s failed.%s Ask the owner of the entity for access, or choose another one.", p.host, doing, c.words(e))
}

func (c *Client) notThere(p peer, doing string, e *serverError) *fault.Error {
	return fault.New(fault.WandB, fault.NotFound, "W&B at %s could not find it: %s failed.%s", p.host, doing, c.words(e))
}

func (c *Client) tooLarge(p peer, doing string, e *serverError) *fault.Error {
	return fault.New(fault.WandB, fault.TooLarge,
		"W&B at %s refused a request as too large: %s failed.%s Log fewer samples or fields at once.", p.host, doing, c.words(e))
}

// unknownEntity is the fault for a user or team that the server does not know.
func (c *Client) unknownEntity(entity string) *fault.Error {
	return fault.New(fault.Settings, fault.UnknownEntity,
		"W&B at %s has no user or team %q (the entity), or this account may not see it. Correct entity=, FIFTYONE_WANDB_ENTITY or WANDB_ENTITY; "+
			"the name is the first part of the address of your W&B pages. A username is not always an entity: accounts made inside an organization have only teams.",
		c.host(), entity)
}

// badKey is the fault for a key that the server does not accept. err may be nil.
func (c *Client) badKey(e *serverError) *fault.Error {
	f := fault.New(fault.Settings, fault.BadKey,
		"W&B at %s does not accept the API key that was found in %s. Take a valid one from %s and run `wandb login --relogin`, or set FIFTYONE_WANDB_API_KEY or WANDB_API_KEY.",
		c.settings.Server(), c.settings.KeySource, c.settings.AuthorizeURL())
	if e != nil {
		f.Err = &serverError{op: e.op, status: e.status}
	}
	return f
}

// words is the server's own text, short and without the key, as a sentence.
func (c *Client) words(e *serverError) string {
	text := strings.TrimRight(c.clean(config.Clip(strings.Join(strings.Fields(strings.Join(e.messages, "; ")), " "), 300)), ". ")
	if text == "" {
		return ""
	}
	return " It says: " + text + "."
}

// clean takes the key out of a text that was not written by us.
func (c *Client) clean(text string) string { return c.scrub.Replace(text) }

// host is the server's name for messages.
func (c *Client) host() string { return config.HostOf(c.settings.BaseURL) }
