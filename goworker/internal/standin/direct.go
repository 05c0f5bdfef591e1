package standin

import (
	"encoding/base64"
	"encoding/hex"
	"net/http"
	"net/url"
	"strings"
)

// directEndpoint answers with where a file of an artifact is stored, for
// /artifactsV2/{region}/{entity}/{project}/{collection}/[{artifact}/]{birth}/{hex of the MD5}/{name}.
func (s *Server) directEndpoint(w http.ResponseWriter, r *http.Request) {
	s.stats.count(countDirect)
	s.withFaults(w, r, KindDownload, r.URL.Path, func(w http.ResponseWriter) {
		if !s.restricted(w, r) {
			return
		}
		// IDs may hold slashes, which are escaped in the path: cut it before it is unescaped.
		var parts []string
		for _, part := range strings.Split(r.URL.EscapedPath(), "/") {
			parts = append(parts, unescape(part))
		}
		if len(parts) < 9 || len(parts) > 10 {
			s.writeError(w, notFound("no such file"))
			return
		}
		storageKey, err := s.directKey(parts[3:6], parts[6:len(parts)-1])
		if err != nil {
			s.writeError(w, err)
			return
		}
		http.Redirect(w, r, s.signedURL(http.MethodGet, storageKey), http.StatusTemporaryRedirect)
	})
}

// directKey checks that the names and IDs of a path fit together. IDs are those of the
// artifact, which may be missing, and the birth artifact, then the hex of the MD5.
func (s *Server) directKey(names, ids []string) (storageKey string, err error) {
	err = notFound("no such file")
	sum, _ := hex.DecodeString(ids[len(ids)-1])
	digest := base64.StdEncoding.EncodeToString(sum)
	if _, denied := s.allowed(names[0]); denied != nil {
		return "", denied
	}
	s.read(func(d *data) {
		birth := d.Artifacts[ids[len(ids)-2]]
		if birth == nil || birth.Collection != key(names...) {
			return
		}
		if len(ids) == 3 {
			if a := d.Artifacts[ids[0]]; a == nil || a.State != committed || a.Collection != birth.Collection {
				return
			}
		}
		if _, ok := birth.Stored[digest]; ok {
			storageKey, err = d.objectKey(birth, digest), nil
		}
	})
	return storageKey, err
}

func unescape(part string) string {
	text, err := url.PathUnescape(part)
	if err != nil {
		return part
	}
	return text
}
