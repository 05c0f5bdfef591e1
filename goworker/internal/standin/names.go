package standin

import (
	"encoding/json"
	"fmt"
	"net/http"
	"path"
	"regexp"
	"strings"
	"unicode/utf8"
)

// nameMax is the most characters of a name of anything but a run's tag.
const nameMax = 128

// tagMax is the most characters of a tag, a job type and a host of a run.
const tagMax = 64

// metadataMax is the most top-level keys of an artifact's metadata.
const metadataMax = 100

var (
	typeNames    = regexp.MustCompile(`^[-\w]+([ ]*[-.\w]+)*$`)
	tagNames     = regexp.MustCompile(`^[-\w]+( +[-\w]+)*$`)
	versionNames = regexp.MustCompile(`^v\d+$`)
)

func tooLong(name string) bool { return name == "" || utf8.RuneCountInString(name) > nameMax }

func checkProjectName(name string) error {
	if tooLong(name) || strings.ContainsAny(name, "/\\#?%:\r\n") {
		return badRequest(fmt.Sprintf("invalid project name %q: at most %d characters, none of / \\ # ? %% :", name, nameMax))
	}
	return nil
}

func checkRunID(name string) error {
	if tooLong(name) || strings.ContainsAny(name, `:;,#?/'\`) || strings.TrimSpace(name) != name {
		return badRequest(fmt.Sprintf("invalid run ID %q: at most %d characters, none of : ; , # ? / ' and no blanks at its ends", name, nameMax))
	}
	return nil
}

func checkRunTags(tags []string) error {
	for _, tag := range tags {
		if n := utf8.RuneCountInString(tag); n < 1 || n > tagMax {
			return badRequest(fmt.Sprintf("invalid tag '%s'. must be between 1 and %d characters", tag, tagMax))
		}
	}
	return nil
}

// checkArtifactName checks a collection's name and its type.
func checkArtifactName(name, kind string) error {
	// The official client's own pattern is stricter; the server refuses no more than this.
	if tooLong(name) {
		return badRequest(fmt.Sprintf("invalid artifact name %s, must be %d characters or less", name, nameMax))
	}
	if strings.ContainsAny(name, "/:") {
		return badRequest(fmt.Sprintf("invalid artifact name %s, must not contain / or :", name))
	}
	if tooLong(kind) || !typeNames.MatchString(kind) {
		return badRequest(fmt.Sprintf("invalid artifact type %q", kind))
	}
	if kind == "job" || strings.HasPrefix(kind, "wandb-") {
		return badRequest(fmt.Sprintf("the artifact type %q is reserved", kind))
	}
	return nil
}

func checkAliases(aliases []string) error {
	for _, alias := range aliases {
		if tooLong(alias) || strings.ContainsAny(alias, "/:") {
			return badRequest(fmt.Sprintf("invalid alias %q: at most %d characters, no / and no :", alias, nameMax))
		}
		if versionNames.MatchString(alias) {
			return badRequest(fmt.Sprintf("the alias %q is reserved for versions", alias))
		}
	}
	return nil
}

func checkArtifactTags(tags []string) error {
	for _, tag := range tags {
		if tooLong(tag) || !tagNames.MatchString(tag) {
			return badRequest(fmt.Sprintf("invalid artifact tag %q: letters, digits, _, - and blanks between", tag))
		}
	}
	return nil
}

// jsonKind is what a JSON value is called in Go's errors.
func jsonKind(text string) string {
	switch strings.TrimLeft(text, " \t\r\n")[0] {
	case '{':
		return "object"
	case '[':
		return "array"
	case '"':
		return "string"
	case 't', 'f':
		return "bool"
	}
	return "number"
}

// checkMetadata checks an artifact's metadata, which is known to be JSON; empty if there is none.
func checkMetadata(text string) (string, error) {
	if text == "" || text == "null" {
		return "", nil
	}
	var object map[string]json.RawMessage
	if kind := jsonKind(text); kind != "object" {
		return "", refusal(http.StatusInternalServerError, "json: cannot unmarshal "+kind+" into Go value of type map[string]interface {}")
	}
	if err := json.Unmarshal([]byte(text), &object); err != nil {
		return "", refusal(http.StatusInternalServerError, err.Error())
	}
	if len(object) > metadataMax {
		return "", badRequest(fmt.Sprintf("an artifact's metadata has at most %d keys, not %d", metadataMax, len(object)))
	}
	return text, nil
}

// checkFileName checks the path of a file in an artifact or a run.
func checkFileName(name string) error {
	if name == "" || !utf8.ValidString(name) || path.Clean(name) != name || path.IsAbs(name) ||
		name == "." || name == ".." || strings.HasPrefix(name, "../") || strings.ContainsAny(name, "\\\x00") {
		return badRequest(fmt.Sprintf("invalid file name %q: a relative path with / between its parts is wanted", name))
	}
	return nil
}

func checkDigest(digest, what string) error {
	if _, ok := decodeMD5(digest); !ok {
		return badRequest(fmt.Sprintf("invalid digest %q of %s: the base64 of an MD5 is wanted", digest, what))
	}
	return nil
}
