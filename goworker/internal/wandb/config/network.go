package config

import (
	"crypto/tls"
	"crypto/x509"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/net/http/httpproxy"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/fault"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/localfile"
)

// Proxy is the proxy that requests to an address go through; nil for none.
func (n Network) Proxy(u *url.URL) (*url.URL, error) {
	if n.proxy == nil {
		return nil, nil
	}
	return n.proxy(u)
}

// TLS is whom connections trust.
func (n Network) TLS() *tls.Config {
	return &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: n.roots, InsecureSkipVerify: n.insecure}
}

// resolveNetwork reads proxies and certificates from the caller's variables and
// W&B's settings files. The values of proxies may hold passwords: no fault shows them.
func resolveNetwork(in Inputs, files settingsFiles) (Network, error) {
	env := in.Env
	cfg := httpproxy.Config{
		HTTPProxy:  FirstOf(env["WANDB_HTTP_PROXY"], files.get("http_proxy"), env["HTTP_PROXY"], env["http_proxy"], env["ALL_PROXY"], env["all_proxy"]),
		HTTPSProxy: FirstOf(env["WANDB_HTTPS_PROXY"], files.get("https_proxy"), env["HTTPS_PROXY"], env["https_proxy"], env["ALL_PROXY"], env["all_proxy"]),
		NoProxy:    FirstOf(env["NO_PROXY"], env["no_proxy"]),
	}
	for name, value := range map[string]string{"HTTP_PROXY": cfg.HTTPProxy, "HTTPS_PROXY": cfg.HTTPSProxy} {
		if !isProxyURL(value) {
			return Network{}, fault.New(fault.Settings, fault.BadSettings,
				"The proxy of %s is not an address such as http://proxy.example.com:3128. Correct or unset it.", name)
		}
	}
	n := Network{
		proxy:    cfg.ProxyFunc(),
		insecure: truthy(FirstOf(env["WANDB_INSECURE_DISABLE_SSL"], files.get("insecure_disable_ssl"))),
	}
	var err error
	for _, name := range []string{"SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"} {
		if path := strings.TrimSpace(env[name]); path != "" {
			if n.roots, err = addRoots(n.roots, name, expandHome(path, in.Home)); err != nil {
				return Network{}, err
			}
		}
	}
	return n, nil
}

// isProxyURL reports whether the proxy library will understand the value: it takes
// one that it does not understand for none, and would go past the proxy.
func isProxyURL(value string) bool {
	if value == "" {
		return true
	}
	if !strings.Contains(value, "://") {
		value = "http://" + value
	}
	u, err := url.Parse(value)
	if err != nil || u.Hostname() == "" {
		return false
	}
	switch u.Scheme {
	case "http", "https", "socks5", "socks5h":
		return true
	}
	return false
}

// maxBundle is how large a file of certificates may be, in bytes.
const maxBundle = 64 << 20

// addRoots adds the certificates of a file, or of a directory's files, to the
// system's. Name is the variable that names the path.
func addRoots(pool *x509.CertPool, name, path string) (*x509.CertPool, error) {
	refuse := func(err error, why string) error {
		return fault.Wrap(err, fault.Settings, fault.BadSettings,
			"The certificates of %s (%s) %s. Correct or unset it.", name, path, why)
	}
	info, err := os.Stat(path)
	if err != nil {
		return nil, refuse(err, "cannot be read: "+localfile.Reason(err))
	}
	paths := []string{path}
	if info.IsDir() {
		if paths, err = filepath.Glob(filepath.Join(path, "*")); err != nil {
			return nil, refuse(err, "cannot be listed")
		}
	}
	if pool == nil {
		if pool, err = x509.SystemCertPool(); err != nil {
			pool = x509.NewCertPool()
		}
	}
	added := false
	for _, p := range paths {
		raw, err := localfile.ReadAll(p, maxBundle)
		if err != nil && !info.IsDir() {
			return nil, refuse(err, "cannot be read: "+localfile.Reason(err))
		}
		added = pool.AppendCertsFromPEM(raw) || added
	}
	if !added {
		return nil, refuse(nil, "hold no certificate in the PEM format")
	}
	return pool, nil
}
