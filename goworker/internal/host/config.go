package host

import (
	"crypto/tls"
	"os"
	"sync/atomic"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/go-plugin"
	"google.golang.org/grpc"
)

// pluginConfig is what go-plugin needs to serve w.
func (w Worker) pluginConfig(config *tls.Config, calls *calls, server *atomic.Pointer[grpc.Server]) *plugin.ServeConfig {
	version := w.Protocol
	if version == 0 {
		version = ProtocolVersion
	}
	return &plugin.ServeConfig{
		HandshakeConfig: plugin.HandshakeConfig{MagicCookieKey: cookieKey, MagicCookieValue: cookieValue},
		VersionedPlugins: map[int]plugin.PluginSet{
			version: {"worker": servicePlugin{register: w.Register}},
		},
		TLSProvider: func() (*tls.Config, error) { return config, nil },
		Logger: hclog.New(&hclog.LoggerOptions{
			Name: "go-plugin", Level: hclog.Warn, Output: os.Stderr, JSONFormat: true,
		}),
		GRPCServer: func(options []grpc.ServerOption) *grpc.Server {
			options = append(options,
				grpc.MaxRecvMsgSize(MaxMessage),
				grpc.ChainUnaryInterceptor(calls.unary),
				grpc.ChainStreamInterceptor(calls.stream),
			)
			s := grpc.NewServer(options...)
			server.Store(s)
			return s
		},
	}
}
