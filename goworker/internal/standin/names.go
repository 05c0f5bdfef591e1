package standin

import (
	"encoding/json"
	"fmt"
	"path"
	"regexp"
	"strings"
	"unicode/utf8"
)

// nameMax is the most characters of a name of anything but a run's tag.
const nameMax = 128

// metadataMax is the most top-level keys of an artifact's metadata.
const metadataMax = 100

var (
	artifactNames = regexp.MustCompile(`^[a-zA-Z0-9_\-.]+$`)
	typeNames     = regexp.MustCompile(`^[-\w]+([ ]*[-.\w]+)*$`)
	tagNames      = regexp.MustCompile(`^[-\w]+( +[-\w]+)*$`)
	versionNames  = regexp.MustCompile(`^v\d+$`)
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
		if n := utf8.RuneCountInString(tag); n < 1 || n > 64 {
			return badRequest(fmt.Sprintf("invalid tag %q: a run's tags have 1 to 64 characters", tag))
		}
	}
	return nil
}

// checkArtifactName checks a collection's name and its type.
func checkArtifactName(name, kind string) error {
	if tooLong(name) || !artifactNames.MatchString(name) {
		return badRequest(fmt.Sprintf("invalid artifact name %q: at most %d letters, digits, _ - and .", name, nameMax))
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

// checkMetadata checks an artifact's metadata, which is known to be JSON; empty if there is none.
func checkMetadata(text string) (string, error) {
	if text == "" || text == "null" {
		return "", nil
	}
	var object map[string]json.RawMessage
	if json.Unmarshal([]byte(text), &object) != nil {
		return "", badRequest("an artifact's metadata is a JSON object")
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
