package standin

import "net/http"

type pages struct{ server *Server }

func newPages(s *Server) (*pages, error) { return &pages{server: s}, nil }

func (p *pages) handler() http.Handler { return http.NotFoundHandler() }
