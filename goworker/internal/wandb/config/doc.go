// Package config settles all that has to be known before the first request to W&B: the server, the key, the entity and
// the project, the mode, proxies and certificates, and whether the names that the user gave are ones that W&B takes. It reads W&B's
// settings files, its variables (those of the caller, never the worker's own) and the netrc file, as W&B's own client does.
package config
