package standin

import (
	"bytes"
	"embed"
	"errors"
	"fmt"
	"html/template"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/standin/gqlexec"
)

//go:embed templates
var templateFiles embed.FS

// pages shows what a server holds, at the paths that W&B has for it, so that links lead
// somewhere. Reading needs no login: the server is on loopback only.
type pages struct {
	server    *Server
	templates map[string]*template.Template
	tables    tableCache
}

// pageNames are the templates; each fills the body of layout.html.
var pageNames = []string{"home", "project", "run", "collection", "artifact", "table", "file", "report", "error"}

func newPages(s *Server) (*pages, error) {
	p := &pages{server: s, templates: map[string]*template.Template{}}
	for _, name := range pageNames {
		t, err := template.New("layout.html").Funcs(pageFuncs).
			ParseFS(templateFiles, "templates/layout.html", "templates/parts.html", "templates/"+name+".html")
		if err != nil {
			return nil, err
		}
		p.templates[name] = t
	}
	return p, nil
}

var pageFuncs = template.FuncMap{
	"date":  func(t time.Time) string { return t.UTC().Format("2 Jan 2006, 15:04:05 UTC") },
	"bytes": humanBytes,
	"count": humanCount,
	"link":  link,
	"some": func(n int, what string) string {
		if n != 1 {
			what += "s"
		}
		return humanCount(n) + " " + what
	},
	"join": strings.Join,
}

// link makes a path of parts, each escaped.
func link(parts ...string) string {
	var out strings.Builder
	for _, part := range parts {
		out.WriteString("/" + url.PathEscape(part))
	}
	return out.String()
}

// filePath escapes a path but for its slashes.
func filePath(name string) string { return (&url.URL{Path: name}).EscapedPath() }

func humanBytes(n int64) string {
	units := []string{"B", "KB", "MB", "GB", "TB"}
	size, unit := float64(n), 0
	for size >= 1000 && unit < len(units)-1 {
		size /= 1000
		unit++
	}
	if unit == 0 || size >= 100 {
		return fmt.Sprintf("%.0f %s", size, units[unit])
	}
	return fmt.Sprintf("%.1f %s", size, units[unit])
}

// humanCount writes a number with its thousands apart.
func humanCount(n int) string {
	text := strconv.Itoa(n)
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}

// page is what a template gets: what the layout shows, and the page's own data.
type page struct {
	Title  string
	Trail  []crumb
	Server string
	Data   any
}

type crumb struct{ Name, Href string }

// trail is the way to a page: entity, project and what follows.
func trail(entity, project string, more ...crumb) []crumb {
	out := []crumb{{entity, link(entity)}}
	if project != "" {
		out = append(out, crumb{project, link(entity, project)})
	}
	return append(out, more...)
}

// shower makes a page for a request; the name is its template's.
type shower func(r *http.Request) (name string, p *page, err error)

func (p *pages) handler() http.Handler {
	mux := http.NewServeMux()
	show := func(pattern string, fn shower) {
		mux.HandleFunc("GET "+pattern, func(w http.ResponseWriter, r *http.Request) { p.show(w, r, fn) })
	}
	mux.HandleFunc("GET /-/style.css", func(w http.ResponseWriter, r *http.Request) {
		http.ServeFileFS(w, r, templateFiles, "templates/style.css")
	})
	show("/{$}", p.home)
	show("/{entity}", p.home)
	show("/{entity}/{project}", p.project)
	show("/{entity}/{project}/{tab}", p.project)
	show("/{entity}/{project}/runs/{run}", p.run)
	show("/{entity}/{project}/runs/{run}/{tab}", p.run)
	mux.HandleFunc("GET /{entity}/{project}/runs/{run}/files/{path...}", p.runFile)
	show("/{entity}/{project}/artifacts/{type}", p.project)
	show("/{entity}/{project}/artifacts/{type}/{collection}", p.collection)
	show("/{entity}/{project}/artifacts/{type}/{collection}/{version}", p.artifact)
	show("/{entity}/{project}/artifacts/{type}/{collection}/{version}/{tab}", p.artifact)
	show("/{entity}/{project}/artifacts/{type}/{collection}/{version}/files/{path...}", p.file)
	mux.HandleFunc("GET /{entity}/{project}/artifacts/{type}/{collection}/{version}/raw/{path...}", p.raw)
	mux.HandleFunc("GET /{entity}/{project}/artifacts/{type}/{collection}/{version}/mask/{path...}", p.mask)
	show("/{entity}/{project}/reports/{report}", p.report)
	mux.HandleFunc("GET /", func(w http.ResponseWriter, r *http.Request) {
		p.show(w, r, func(*http.Request) (string, *page, error) {
			return "", nil, notFound("There is nothing at this address.")
		})
	})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", "default-src 'none'; img-src 'self'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		mux.ServeHTTP(w, r)
	})
}

// show answers with a page, or with the page that says why there is none.
func (p *pages) show(w http.ResponseWriter, r *http.Request, fn shower) {
	status := http.StatusOK
	name, content, err := fn(r)
	if err != nil {
		status = http.StatusInternalServerError
		var known *gqlexec.Error
		if errors.As(err, &known) {
			status = known.Status
		}
		name, content = "error", &page{Title: http.StatusText(status), Data: err.Error()}
	}
	content.Server = p.server.URL()
	var out bytes.Buffer
	if err := p.templates[name].Execute(&out, content); err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = w.Write(out.Bytes())
}

// pageNumber is the request's page, from 1, within so many pages.
func pageNumber(r *http.Request, pages int) int {
	n, err := strconv.Atoi(r.URL.Query().Get("page"))
	if err != nil {
		n = 1
	}
	return max(1, min(n, pages))
}

// pager are the links between the pages of a list.
type pager struct {
	Page, Pages    int
	Total          int
	First, Last    int // the numbers of the first and the last item shown, from 1
	Previous, Next string
}

func newPager(r *http.Request, total, size int) pager {
	g := pager{Pages: max(1, (total+size-1)/size), Total: total}
	g.Page = pageNumber(r, g.Pages)
	g.First, g.Last = min((g.Page-1)*size+1, total), min(g.Page*size, total)
	if g.Page > 1 {
		g.Previous = fmt.Sprintf("?page=%d", g.Page-1)
	}
	if g.Page < g.Pages {
		g.Next = fmt.Sprintf("?page=%d", g.Page+1)
	}
	return g
}
