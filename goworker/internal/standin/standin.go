// Package standin is a local stand-in for W&B: it answers what W&B's API answers
// to a client that logs runs and artifacts and reads them back, and refuses what
// W&B refuses. The demo logs to it and tests inject faults into it. It listens on
// loopback only and is not a product.
package standin

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"net/http"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/secret"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/standin/gqlexec"
)

// Options say what a Server serves. Only Dir must be given.
type Options struct {
	// Dir holds the state and the files; it is made if it is missing.
	Dir string
	// Keys are the API keys that are let in. Without any, a key is generated: see Server.Key.
	Keys []secret.String
	// Entity is the user's name and default entity: "local-user" if empty.
	Entity string
	// Teams are further entities that the keys may use.
	Teams []string
	// Forbidden are entities that exist but are not the user's: 403.
	Forbidden []string
	// Organizations are names of organizations: they own no runs, 400.
	Organizations []string
	// Answers is a file of answers of the real server, one JSON a line, that faults can replay
	// by their id: see Fault.Answer.
	Answers string
	// Addr is the loopback host:port of the API and the pages: any free port of 127.0.0.1 if empty.
	Addr string
	// StorageAddr is the loopback host:port of the file storage: if empty any free port of
	// 127.0.0.2, or of 127.0.0.1 where the system has no other loopback address.
	StorageAddr string
	// Middleware, if it is set, is put before the API and before the file storage, in this order.
	Middleware func(http.Handler) http.Handler
	// Limits are the limits at the start; zero fields have their defaults.
	Limits Limits
	// Behaviour is the behaviour at the start.
	Behaviour Behaviour
}

// Limits bound what the server takes and gives. They can be changed while it runs.
type Limits struct {
	// UploadURLTTL and DownloadURLTTL are how long a signed URL is good: a day and an hour by default.
	UploadURLTTL, DownloadURLTTL time.Duration
	// URLTTL is for both, where they are not given.
	URLTTL time.Duration
	// CrashAfter is how long a running run may be silent before it counts as crashed: five minutes by default.
	CrashAfter time.Duration
	// PageMax is the most items in one page of a list, whatever was asked for: 1,000 by default.
	PageMax int
	// MaxBatch is the most files in one createArtifactFiles: 10,000 by default.
	MaxBatch int
	// MaxBody is the most bytes in one GraphQL request: 20 MB by default.
	MaxBody int64
	// MaxFileStream is the most bytes in one post to file_stream: 10 MB by default.
	MaxFileStream int64
	// ConfigMax is the most bytes of a run's config: 15 MB by default.
	ConfigMax int
	// TypeMax is the most characters of a value of the key _type in a summary: 128 by default.
	TypeMax int
	// Hang is how long a request waits that never gets an answer, such as one with Infinity in
	// an artifact's metadata, before its connection is closed: two minutes by default.
	Hang time.Duration
}

func (l Limits) withDefaults() Limits {
	l.UploadURLTTL = cmp.Or(l.UploadURLTTL, l.URLTTL, 24*time.Hour)
	l.DownloadURLTTL = cmp.Or(l.DownloadURLTTL, l.URLTTL, time.Hour)
	l.CrashAfter = cmp.Or(l.CrashAfter, 5*time.Minute)
	l.PageMax = cmp.Or(l.PageMax, 1000)
	l.MaxBatch = cmp.Or(l.MaxBatch, 10000)
	l.MaxBody = cmp.Or(l.MaxBody, 20<<20)
	l.MaxFileStream = cmp.Or(l.MaxFileStream, 10<<20)
	l.ConfigMax = cmp.Or(l.ConfigMax, 15<<20)
	l.TypeMax = cmp.Or(l.TypeMax, 128)
	l.Hang = cmp.Or(l.Hang, 2*time.Minute)
	return l
}

// Server is a stand-in. Its methods are safe for concurrent use.
type Server struct {
	opts      Options
	keys      map[[sha256.Size]byte]bool
	key       secret.String
	gql       *gqlexec.Executor
	blobs     blobStore
	signer    []byte
	faults    faultList
	stats     statistics
	limits    atomic.Pointer[Limits]
	answers   map[string]answer // of the real server, by id
	behaviour atomic.Pointer[Behaviour]
	parts     blobStore // parts of uploads that are not complete
	pages     *pages
	stopped   context.Context
	stop      context.CancelFunc

	mu    sync.RWMutex // guards data
	data  *data
	dirty atomic.Bool

	api, storage       *http.Server
	apiURL, storageURL string
	background         sync.WaitGroup
}

// New reads the state in opts.Dir and makes a Server that is not yet listening.
func New(opts Options) (*Server, error) {
	if opts.Dir == "" {
		return nil, errors.New("the stand-in needs a directory for its state")
	}
	if opts.Entity == "" {
		opts.Entity = "local-user"
	}
	s := &Server{opts: opts, keys: map[[sha256.Size]byte]bool{}, signer: make([]byte, 32)}
	if _, err := rand.Read(s.signer); err != nil {
		return nil, err
	}
	if len(opts.Keys) == 0 {
		s.opts.Keys = []secret.String{NewKey()}
	}
	s.key = s.opts.Keys[0]
	for _, key := range s.opts.Keys {
		s.keys[sha256.Sum256([]byte(key.Reveal()))] = true
	}
	s.SetLimits(opts.Limits)
	err := s.SetBehaviour(opts.Behaviour)
	if err != nil {
		return nil, err
	}
	s.stats.reset()
	s.stopped, s.stop = context.WithCancel(context.Background())
	if s.answers, err = readAnswers(opts.Answers); err != nil {
		return nil, err
	}
	if s.blobs, err = newBlobStore(filepath.Join(opts.Dir, "files")); err != nil {
		return nil, err
	}
	if s.parts, err = newBlobStore(filepath.Join(opts.Dir, "parts")); err != nil {
		return nil, err
	}
	if s.data, err = loadData(s.statePath(), s.blobs); err != nil {
		return nil, err
	}
	if s.gql, err = s.newExecutor(); err != nil {
		return nil, err
	}
	if s.pages, err = newPages(s); err != nil {
		return nil, err
	}
	return s, nil
}

// NewKey makes a throw-away API key of the form that clients accept.
func NewKey() secret.String {
	raw := make([]byte, 20)
	_, _ = rand.Read(raw) // never fails: it ends the process instead
	return secret.String(hex.EncodeToString(raw))
}

// Start listens and serves until Close.
func (s *Server) Start() error {
	api, err := listenLoopback(s.opts.Addr, "127.0.0.1:0")
	if err != nil {
		return err
	}
	storage, err := listenLoopback(s.opts.StorageAddr, "127.0.0.2:0")
	if err != nil && s.opts.StorageAddr == "" {
		storage, err = listenLoopback("127.0.0.1:0", "")
	}
	if err != nil {
		_ = api.Close()
		return err
	}
	s.apiURL, s.storageURL = "http://"+api.Addr().String(), "http://"+storage.Addr().String()
	before := s.opts.Middleware
	if before == nil {
		before = func(h http.Handler) http.Handler { return h }
	}
	s.api = s.httpServer(before(s.apiHandler()))
	s.storage = s.httpServer(before(s.storageHandler()))
	s.background.Go(func() { _ = s.api.Serve(api) })
	s.background.Go(func() { _ = s.storage.Serve(storage) })
	s.background.Go(s.saveLoop)
	return nil
}

func (s *Server) httpServer(h http.Handler) *http.Server {
	return &http.Server{
		Handler:           h,
		ReadHeaderTimeout: 10 * time.Second,
		IdleTimeout:       2 * time.Minute,
		BaseContext:       func(net.Listener) context.Context { return s.stopped },
	}
}

// closeGrace is how long requests may take to end when the server closes.
const closeGrace = 500 * time.Millisecond

// Close stops listening, ends what is still being answered and saves the state.
func (s *Server) Close() error {
	s.stop()
	if s.api != nil {
		ctx, cancel := context.WithTimeout(context.Background(), closeGrace)
		defer cancel()
		for _, server := range []*http.Server{s.api, s.storage} {
			if server.Shutdown(ctx) != nil {
				_ = server.Close()
			}
		}
	}
	s.background.Wait()
	s.dirty.Store(true)
	return s.save()
}

// URL is the base URL of the API and of the pages.
func (s *Server) URL() string { return s.apiURL }

// StorageURL is the base URL of signed URLs.
func (s *Server) StorageURL() string { return s.storageURL }

// Key is a key that is let in: the first of the options, or the generated one.
func (s *Server) Key() secret.String { return s.key }

// Entity is the default entity.
func (s *Server) Entity() string { return s.opts.Entity }

// SetLimits replaces the limits; zero fields get their defaults.
func (s *Server) SetLimits(l Limits) {
	l = l.withDefaults()
	s.limits.Store(&l)
}

// listenLoopback listens on a loopback address and refuses every other one: the pages need no login.
func listenLoopback(addr, fallback string) (net.Listener, error) {
	if addr == "" {
		addr = fallback
	}
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, fmt.Errorf("the address %q is not host:port: %w", addr, err)
	}
	if !isLoopback(host) {
		return nil, fmt.Errorf("the address %q is not a loopback address: the stand-in serves this machine only", addr)
	}
	return net.Listen("tcp", addr)
}

func isLoopback(host string) bool {
	if host == "localhost" {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}

func (s *Server) statePath() string { return filepath.Join(s.opts.Dir, "state.json") }
