package view

import (
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/fault"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/secret"
)

// TestAddresses checks what the driver reads in addresses of the host. The environment may name a file with
// more of them: a Python test puts there what pymongo has read in random ones.
func TestAddresses(t *testing.T) {
	raw := []byte(`[
		{"uri": "mongodb://a%20b:c%2B%3A%40@h1:1,[::1]:2,%2Ftmp%2Fm.sock/?authSource=x&replicaSet=r&tls=true&tlsAllowInvalidHostnames=true",
		 "want": {"hosts": ["/tmp/m.sock", "[::1]:2", "h1:1"], "user": "a b", "password": "c+:@", "authsource": "x", "replicaset": "r",
		          "tls": true, "insecure": false, "anyhost": true}},
		{"uri": "mongodb://h:1/?tls=true&tlsInsecure=true&tlsAllowInvalidHostnames=true", "want": {"hosts": ["h:1"], "user": null, "tls": true, "insecure": true, "anyhost": false}},
		{"uri": "mongodb://h:1/", "want": {"hosts": ["h:1"], "user": null, "tls": false, "insecure": false, "anyhost": false}}
	]`)
	if path := os.Getenv("ADDRESSES"); path != "" {
		var err error
		raw, err = os.ReadFile(path)
		require.NoError(t, err)
	}
	var cases []struct {
		URI  string         `json:"uri"`
		Want map[string]any `json:"want"`
	}
	require.NoError(t, json.Unmarshal(raw, &cases))
	require.NotEmpty(t, cases)
	for _, c := range cases {
		opts := clientOptions(secret.String(c.URI))
		if !assert.NoError(t, opts.Validate(), c.URI) {
			continue
		}
		found, err := json.Marshal(facts(opts))
		require.NoError(t, err)
		var got map[string]any
		require.NoError(t, json.Unmarshal(found, &got))
		for name, want := range c.Want {
			assert.Equal(t, want, got[name], "%s of %s", name, c.URI)
		}
	}
}

// facts are what a driver's options say, under the names of the options in addresses.
func facts(o *options.ClientOptions) map[string]any {
	hosts := slices.Sorted(slices.Values(o.Hosts))
	out := map[string]any{
		"hosts": hosts, "user": nil, "tls": o.TLSConfig != nil, "insecure": false, "anyhost": false,
		"compressors": o.Compressors, "zlibcompressionlevel": o.ZlibLevel, "directconnection": o.Direct, "loadbalanced": o.LoadBalanced,
		"maxconnecting": o.MaxConnecting, "maxpoolsize": o.MaxPoolSize, "minpoolsize": o.MinPoolSize,
		"replicaset": o.ReplicaSet, "retryreads": o.RetryReads, "servermonitoringmode": o.ServerMonitoringMode,
	}
	if o.ConnectTimeout != nil {
		out["connecttimeoutms"] = o.ConnectTimeout.Milliseconds()
	}
	if o.HeartbeatInterval != nil {
		out["heartbeatfrequencyms"] = o.HeartbeatInterval.Milliseconds()
	}
	if o.LocalThreshold != nil {
		out["localthresholdms"] = o.LocalThreshold.Milliseconds()
	}
	if o.MaxConnIdleTime != nil {
		out["maxidletimems"] = o.MaxConnIdleTime.Milliseconds()
	}
	if o.ServerSelectionTimeout != nil {
		out["serverselectiontimeoutms"] = o.ServerSelectionTimeout.Milliseconds()
	}
	if o.ReadConcern != nil {
		out["readconcernlevel"] = o.ReadConcern.Level
	}
	if c := o.TLSConfig; c != nil {
		out["anyhost"] = c.VerifyConnection != nil
		out["insecure"] = c.InsecureSkipVerify && c.VerifyConnection == nil
	}
	if p := o.ReadPreference; p != nil {
		out["readpreference"] = p.Mode().String()
		if age, ok := p.MaxStaleness(); ok {
			out["maxstalenessseconds"] = age.Seconds()
		}
		sets := []map[string]string{}
		for _, set := range p.TagSets() {
			one := map[string]string{}
			for _, tag := range set {
				one[tag.Name] = tag.Value
			}
			sets = append(sets, one)
		}
		out["readpreferencetags"] = sets
	}
	if a := o.Auth; a != nil {
		out["user"], out["password"], out["mechanism"], out["authsource"] = a.Username, a.Password, a.AuthMechanism, a.AuthSource
		out["properties"] = a.AuthMechanismProperties
	}
	return out
}

func TestARefusedAddressNamesOptionsOnly(t *testing.T) {
	for uri, about := range map[string]string{
		"mongodb://me:opensesame@h/?maxPoolSize=hush":               "because of maxPoolSize:",
		"mongodb://me:opensesame@h/?tlsCAFile=%2Fhush":              "used: check",
		"mongodb://me:opensesame@h:port/":                           "used: check",
		"mongodb://h/?authMechanism=SCRAM-SHA-1&authSource=hush":    "used: check",
		"mongodb://me:opensesame@a,b/?directConnection=true&w=hush": "used: check",
	} {
		_, err := Connect(t.Context(), secret.String(uri))
		require.Error(t, err)
		assert.Equal(t, "no_database", fault.Code(err))
		assert.Contains(t, err.Error(), about)
		for _, hidden := range []string{"opensesame", "hush", "port"} {
			assert.False(t, strings.Contains(err.Error(), hidden), err.Error())
		}
	}
}
