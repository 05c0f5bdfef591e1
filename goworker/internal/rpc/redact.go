package rpc

import (
	"net/url"
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"

	pb "github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/gen/wandbworker/v1"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/secret"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/wandb/config"
)

// newRedactor returns a function that takes the secrets of req out of a text
// that leaves the worker. No text should hold one; errors of libraries are
// beyond our control, and this is the one place that all of them pass.
func newRedactor(req *pb.RunRequest) func(string) string {
	var pairs []string
	add := func(text string) {
		if len(text) >= secret.Shortest {
			pairs = append(pairs, text, secret.String(text).String())
		}
	}
	for _, uri := range databaseURIs(req.ProtoReflect()) {
		add(uri)
		addPasswords(uri, add)
		addSecretOptions(uri, add)
	}
	add(req.GetWandb().GetApiKey())
	for name, value := range req.GetWandb().GetEnvironment() {
		if isSecretName(name) {
			add(value)
		}
		addPasswords(value, add) // proxies
	}
	for _, text := range config.ExtraHeaderSecrets(req.GetWandb().GetEnvironment()) {
		add(text)
	}
	if len(pairs) == 0 {
		return func(text string) string { return text }
	}
	return strings.NewReplacer(pairs...).Replace
}

// databaseURIs are those of all views and slots in a message, whichever job it is.
func databaseURIs(m protoreflect.Message) (uris []string) {
	switch one := m.Interface().(type) {
	case *pb.View:
		uris = append(uris, one.GetUri())
	case *pb.RunSlot:
		uris = append(uris, one.GetUri())
	}
	m.Range(func(f protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		switch {
		case f.Kind() != protoreflect.MessageKind || f.IsMap():
		case f.IsList():
			for i := range v.List().Len() {
				uris = append(uris, databaseURIs(v.List().Get(i).Message())...)
			}
		default:
			uris = append(uris, databaseURIs(v.Message())...)
		}
		return true
	})
	return uris
}

// addPasswords adds the password of a URL, as it is written and as it is meant.
func addPasswords(raw string, add func(string)) {
	_, rest, found := strings.Cut(raw, "://")
	if !found {
		return
	}
	authority, _, _ := strings.Cut(rest, "/")
	at := strings.LastIndex(authority, "@")
	if at < 0 {
		return
	}
	_, password, _ := strings.Cut(authority[:at], ":")
	add(password)
	if plain, err := url.PathUnescape(password); err == nil && plain != password {
		add(plain)
	}
}

// addSecretOptions adds the secrets among the options of MongoDB's address.
func addSecretOptions(uri string, add func(string)) {
	_, text, _ := strings.Cut(uri, "?")
	options, _ := url.ParseQuery(text)
	for name, values := range options {
		for _, value := range values {
			switch strings.ToLower(name) {
			case "tlscertificatekeyfilepassword":
				add(value)
			case "authmechanismproperties":
				if _, token, found := strings.Cut(value, "AWS_SESSION_TOKEN:"); found {
					token, _, _ = strings.Cut(token, ",")
					add(token)
				}
			}
		}
	}
}

// isSecretName reports whether a variable of that name holds a secret.
func isSecretName(name string) bool {
	name = strings.ToUpper(name)
	for _, part := range []string{"KEY", "TOKEN", "PASSWORD", "SECRET"} {
		if strings.Contains(name, part) {
			return true
		}
	}
	return false
}
