package standin

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// header is a header that a signed upload must carry.
type header struct{ name, value string }

// signedURL gives a URL of the storage that allows one method on one key for a while, to
// whoever holds it. Headers must be sent with just these values.
func (s *Server) signedURL(method, storageKey string, headers ...header) string {
	ttl := s.limits.Load().DownloadURLTTL
	if method == http.MethodPut {
		ttl = s.limits.Load().UploadURLTTL
	}
	expires := strconv.FormatInt(time.Now().Add(ttl).UnixMilli(), 10)
	names := make([]string, len(headers))
	values := make(http.Header, len(headers))
	for i, h := range headers {
		names[i] = strings.ToLower(h.name)
		values.Set(h.name, h.value)
	}
	slices.Sort(names)
	query := url.Values{"expires": {expires}, "signature": {s.signature(method, storageKey, expires, names, values)}}
	if len(names) > 0 {
		query.Set("signed-headers", strings.Join(names, ";"))
	}
	u := url.URL{Path: storagePrefix + storageKey, RawQuery: query.Encode()}
	return s.storageURL + u.String()
}

func (s *Server) signature(method, storageKey, expires string, names []string, values http.Header) string {
	mac := hmac.New(sha256.New, s.signer)
	for _, part := range []string{method, storageKey, expires} {
		mac.Write([]byte(strconv.Quote(part)))
	}
	for _, name := range names {
		mac.Write([]byte(strconv.Quote(name) + strconv.Quote(values.Get(name))))
	}
	return hex.EncodeToString(mac.Sum(nil))
}

// checkSignature says why a request may not use its URL; nil if it may.
func (s *Server) checkSignature(r *http.Request, storageKey string) *storageError {
	query := r.URL.Query()
	expires, err := strconv.ParseInt(query.Get("expires"), 10, 64)
	if err != nil {
		return &storageError{status: http.StatusForbidden, code: "AccessDenied", message: "the URL is not signed"}
	}
	var names []string
	if signed := query.Get("signed-headers"); signed != "" {
		names = strings.Split(signed, ";")
	}
	for _, name := range names {
		if r.Header.Values(name) == nil {
			return &storageError{status: http.StatusForbidden, code: "SignatureDoesNotMatch", message: "the signed header " + name + " was not sent"}
		}
	}
	want := s.signature(r.Method, storageKey, query.Get("expires"), names, r.Header)
	if !hmac.Equal([]byte(want), []byte(query.Get("signature"))) {
		return &storageError{status: http.StatusForbidden, code: "SignatureDoesNotMatch", message: "the signature does not fit the method, the path, the expiry or a signed header"}
	}
	if r.Header.Get("Authorization") != "" {
		return &storageError{status: http.StatusBadRequest, code: "InvalidArgument", message: "a signed URL must be used without an Authorization header"}
	}
	if time.Now().UnixMilli() >= expires {
		status := http.StatusForbidden
		if r.Method == http.MethodPut {
			status = http.StatusBadRequest
		}
		return &storageError{
			status: status, code: "ExpiredToken", message: "Invalid argument.",
			details: "The provided token has expired. Request signature expired at: " + time.UnixMilli(expires).UTC().Format("2006-01-02T15:04:05+00:00"),
		}
	}
	return nil
}
