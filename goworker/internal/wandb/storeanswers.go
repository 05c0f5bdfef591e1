package wandb

import (
	"encoding/xml"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/fault"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/wandb/config"
)

// storeError is an answer of the file store, or of something before it, that is not a
// success.
type storeError struct {
	host   string
	method string
	status int
	// code, message and details are the store's own; message alone may be plain text.
	code, message, details string
	// page says that a web page came back: stores do not send any.
	page bool
	// repeated says that an earlier try of the same request may have brought the bytes.
	repeated bool
}

// Error is for logs: people get the fault that explainStore makes.
func (e *storeError) Error() string {
	return strings.TrimSpace(fmt.Sprintf("%s %s: status %d %s", e.method, e.host, e.status, e.words()))
}

// words are the store's own.
func (e *storeError) words() string {
	var out []string
	for _, text := range []string{e.code, e.message, e.details} {
		if text = strings.TrimRight(strings.Join(strings.Fields(text), " "), "."); text != "" {
			out = append(out, text)
		}
	}
	return strings.Join(out, ": ")
}

// says reports whether the store's words hold a text, in any case.
func (e *storeError) says(text string) bool {
	return strings.Contains(strings.ToLower(e.words()), strings.ToLower(text))
}

// newStoreError reads a refusal. Stores write XML.
func newStoreError(method, address string, r *reply) *storeError {
	e := &storeError{method: method, host: config.HostOf(address), status: r.status}
	switch formOf(r) {
	case formPage:
		e.page = true
	case formXML:
		var x struct {
			Code    string `xml:"Code"`
			Message string `xml:"Message"`
			Details string `xml:"Details"`                   // Google's
			Reason  string `xml:"AuthenticationErrorDetail"` // Azure's
		}
		if xml.Unmarshal(trimmed(r.body), &x) == nil {
			e.code, e.message, e.details = strings.TrimSpace(x.Code), x.Message, config.FirstOf(x.Details, x.Reason)
		}
	default:
		e.message = strings.Join(errorTexts(r.body), "; ")
	}
	return e
}

// verdict is what an answer of the store means for the bytes.
type verdict int

const (
	// refusedForGood: asking again does not help.
	refusedForGood verdict = iota
	// alreadyThere: an object of this name lies there, and the store does not overwrite.
	alreadyThere
	// freshAddress: another address helps, as the one in use has expired.
	freshAddress
	// freshAddressOnce: another address may help, but not if it is refused too.
	freshAddressOnce
	// rightMissing: the account that signs the addresses lacks a right.
	rightMissing
	// noParts: the store does not take files in parts.
	noParts
	// storeFull: the store has no room left.
	storeFull
	// altered: what arrived is not what was sent.
	altered
	// tooLarge: the store does not take so many bytes at once.
	tooLarge
	// gone: nothing lies at this address.
	gone
	// trouble: the store failed, and patience with it has ended.
	trouble
)

// storeAnswers says what the stores' answers mean; the first row that fits counts. An
// answer fits if it has one of the statuses, one of the codes and one of the words, as far
// as the row has any. Codes and words are those of Google Cloud Storage, S3, MinIO and Azure.
var storeAnswers = []struct {
	statuses []int
	codes    []string
	words    []string
	means    verdict
}{
	// Google says so where the account that signs the addresses may create but not replace.
	{words: []string{"storage.objects.delete"}, means: alreadyThere},
	{codes: []string{"BlobAlreadyExists", "BlobImmutableDueToPolicy", "PreconditionFailed"}, means: alreadyThere},
	{words: []string{"storage.multipartUploads"}, means: noParts},
	{statuses: []int{http.StatusNotImplemented}, codes: []string{"NotImplemented"}, means: noParts},
	{statuses: []int{http.StatusInsufficientStorage}, means: storeFull},
	{codes: []string{"XMinioStorageFull", "XMinioAdminBucketQuotaExceeded", "QuotaExceeded"}, means: storeFull},
	{words: []string{"no space left on device", "disk full", "disk is full"}, means: storeFull},
	{codes: []string{
		"BadDigest", "InvalidDigest", "Md5Mismatch", "InvalidMd5", "XAmzContentSHA256Mismatch", "IncompleteBody",
		"MissingRequiredHeader", "MissingContentLength", "MissingContentMD5",
	}, means: altered},
	{statuses: []int{http.StatusLengthRequired}, means: altered},
	{codes: []string{"EntityTooLarge", "RequestBodyTooLarge"}, means: tooLarge},
	{statuses: []int{http.StatusRequestEntityTooLarge}, means: tooLarge},
	{codes: []string{"ExpiredToken", codeNoUpload, "RequestTimeout"}, means: freshAddress},
	{statuses: addressStatuses, words: []string{"expired", "not valid in the specified time frame"}, means: freshAddress},
	{statuses: []int{http.StatusForbidden}, words: []string{"does not have storage.", "is not authorized to perform"}, means: rightMissing},
	{statuses: addressStatuses, means: freshAddressOnce},
	{statuses: []int{http.StatusNotFound, http.StatusGone}, means: gone},
}

// codeNoUpload is S3's code for an upload in parts that it does not know, or does not know any more.
const codeNoUpload = "NoSuchUpload"

// addressStatuses are those with which stores refuse a signature.
var addressStatuses = []int{http.StatusBadRequest, http.StatusUnauthorized, http.StatusForbidden}

// means is the verdict on an answer.
func (e *storeError) means() verdict {
	for _, row := range storeAnswers {
		switch {
		case len(row.statuses) > 0 && !slices.Contains(row.statuses, e.status):
		case len(row.codes) > 0 && !slices.ContainsFunc(row.codes, func(code string) bool { return strings.EqualFold(code, e.code) }):
		case len(row.words) > 0 && !slices.ContainsFunc(row.words, e.says):
		default:
			return row.means
		}
	}
	if retryStatus(e.status) {
		return trouble
	}
	return refusedForGood
}

// verdictOn is the verdict on an error of the store; refusedForGood for any other error.
func verdictOn(err error) verdict {
	if e := storeRefusal(err); e != nil {
		return e.means()
	}
	return refusedForGood
}

// storeRefusal is the store's answer that err is, nil for any other error.
func storeRefusal(err error) *storeError {
	e, _ := err.(*storeError) // Not errors.As: one that a fault was made of has been dealt with.
	return e
}

// another reports whether a fresh address is worth asking for after so many that were
// refused with err.
func another(err error, refused int) bool {
	switch verdictOn(err) {
	case freshAddress:
		return refused < maxRounds
	case freshAddressOnce:
		return refused < 2
	}
	return false
}

// isFull reports whether an answer that looks like a passing failure says that the store
// is full, which no waiting helps.
func isFull(r *reply) bool { return newStoreError("", "", r).means() == storeFull }

// storeAt names the file store for messages.
func storeAt(address string) peer {
	return peer{host: config.HostOf(address), name: "the file store of W&B at " + config.HostOf(address), address: address, store: true}
}

// explainStore is the fault for bytes that the file store at an address did not take or
// give. doing says what was being done, such as "uploading a.png".
func (c *Client) explainStore(address, doing string, err error) error {
	e := storeRefusal(err)
	if full, addressErr := c.address(address); addressErr == nil {
		address = full
	}
	if e == nil {
		return c.explainAt(storeAt(address), doing, err)
	}
	if e.status < 500 && meaningOf(e.status, false, e.words()) == meansWantsTLS {
		return c.explainAt(storeAt(address), doing, &serverError{op: e.method, status: e.status, means: meansWantsTLS})
	}
	if e.page && e.status < 500 || e.status == http.StatusProxyAuthRequired {
		return c.explainAt(storeAt(address), doing, &serverError{op: e.method, status: e.status, form: formPage})
	}
	code, text := e.sentence(doing)
	words := c.clean(config.Clip(e.words(), 400))
	if words != "" {
		text += " It says: " + words + "."
	}
	if next := e.advice(); next != "" {
		text += " " + next
	}
	return fault.Wrap(&storeError{host: e.host, method: e.method, status: e.status, message: words}, fault.WandB, code, "%s", c.clean(text))
}

// sentence says what happened, with the fault's code.
func (e *storeError) sentence(doing string) (code, text string) {
	store := "The file store of W&B at " + e.host
	f := fmt.Sprintf
	switch means := e.means(); {
	case means == freshAddress, means == freshAddressOnce:
		return fault.Refused, f("%s refused (status %d), also with a fresh address: %s failed.", store, e.status, doing)
	case means == noParts:
		return fault.Refused, f("%s does not take large files in parts (status %d): %s failed.", store, e.status, doing)
	case means == storeFull:
		return fault.ServerError, f("%s is full (status %d): %s failed.", store, e.status, doing)
	case means == altered:
		return fault.Refused, f("%s did not get what was sent (status %d): %s failed.", store, e.status, doing)
	case means == tooLarge:
		return fault.TooLarge, f("%s does not accept a file this large (status %d): %s failed.", store, e.status, doing)
	case means == gone && e.method == http.MethodGet:
		return fault.NotFound, f("%s does not have the file any more (status %d): %s failed.", store, e.status, doing)
	case e.status == http.StatusTooManyRequests:
		return fault.RateLimited, f("%s limits the rate of requests and kept refusing: %s failed.", store, doing)
	case e.status == http.StatusRequestTimeout:
		return fault.Timeout, f("%s took too long: %s failed.", store, doing)
	case means == trouble:
		return fault.ServerError, f("%s has an internal problem (status %d): %s failed, and trying again did not help.", store, e.status, doing)
	}
	return fault.Refused, f("%s refused (status %d): %s failed.", store, e.status, doing)
}

// advice says what to do next.
func (e *storeError) advice() string {
	switch means := e.means(); {
	case means == rightMissing:
		return "Whoever runs this W&B server has to give its store's account that right."
	case means == storeFull:
		return "Whoever runs this W&B server has to make room on its disk or raise the quota. Then log again."
	case means == altered:
		return "Something on the way, such as a proxy or a virus scanner, changes or drops bytes or headers. Check HTTPS_PROXY and NO_PROXY, or ask whoever runs the network or the W&B server."
	case means == gone && e.method == http.MethodGet:
		return "Log the artifact again."
	case e.status == http.StatusMethodNotAllowed:
		return "Whoever runs this W&B server has to check how it is connected to its store (its bucket proxy)."
	case means == trouble:
		return "Try again later."
	}
	return ""
}
