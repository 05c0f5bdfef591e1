package config

import (
	"crypto/x509"
	"net/url"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/secret"
)

// Settings says where W&B is and who we are. Make one with Resolve.
type Settings struct {
	// BaseURL is the server's API address, without a slash at the end.
	BaseURL string
	// AppURL is where the server's pages are, without a slash at the end.
	AppURL string
	// APIKey is the key; empty when IdentityTokenFile stands for it.
	APIKey secret.String
	// KeySource says in words where the key was found.
	KeySource string
	// IdentityTokenFile holds a JWT that is exchanged for an access token.
	IdentityTokenFile string
	// Entity is empty when the server's default is meant.
	Entity string
	// Project is never empty.
	Project string
	// UserAgent names us to the server.
	UserAgent string
	// Username and UserEmail are whom a service account acts for; empty for nobody.
	Username, UserEmail string
	// ExtraHeaders go along with every request.
	ExtraHeaders ExtraHeaders
	// Files are the paths of the settings files that named the server, the entity or the
	// project; empty where none did.
	Files []string

	network Network
	newRun  NewRun
	// serverFile is the settings file that named the server, localServer whether that is ./wandb/settings.
	serverFile  string
	localServer bool
}

// Network is how the server is reached.
func (s Settings) Network() Network { return s.network }

// ExtraHeader is a header that the user wants on every request, mostly for an access proxy before
// the server. Its value is a secret, as the key is.
type ExtraHeader struct {
	Name  string
	Value secret.String
}

// ExtraHeaders are the user's headers.
type ExtraHeaders struct {
	list    []ExtraHeader
	secrets []secret.String
}

// NewRun is what W&B's variables say of the runs that are created, and empty where they do not: W&B's own client gives it to
// its runs, too.
type NewRun struct {
	Group, JobType, DisplayName, Notes string
	Tags                               []string
	Host, Program                      string
}

// Network is how the server is reached: through which proxy, trusting whom.
type Network struct {
	proxy    func(*url.URL) (*url.URL, error)
	roots    *x509.CertPool
	insecure bool
}

// NewRun is what these settings say of a run that is created.
func (s Settings) NewRun() NewRun { return s.newRun }
