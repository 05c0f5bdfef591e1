package config

import (
	"crypto/sha256"
	"encoding/hex"
	"regexp"
	"strings"
	"unicode/utf8"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/fault"
)

// Limits of W&B's names, in characters.
const (
	MaxName  = 128
	maxRunID = 128
	maxTags  = 20
)

var (
	typeForm        = regexp.MustCompile(`^[-\w]+( *[-.\w]+)*$`)
	tagForm         = regexp.MustCompile(`^[-\w]+( +[-\w]+)*$`)
	versionForm     = regexp.MustCompile(`^v\d+$`)
	notArtifactName = regexp.MustCompile(`[^a-z0-9_.-]`)
	illegalInName   = regexp.MustCompile(`[^a-zA-Z0-9_.-]`)
	separatorRun    = regexp.MustCompile(`[_-]+`)
)

func badName(format string, args ...any) error {
	return fault.New(fault.Settings, fault.BadName, format, args...)
}

// SanitizeName makes an artifact's name of any text: lower case, everything but
// letters, digits, dots and dashes to underscores, runs of dashes and underscores
// to one underscore, none of "-_." at the ends. It may become empty. Settings.ArtifactRefs is the way back.
func SanitizeName(text string) string {
	// Python, and so the original plugin, lowers this one letter to an "i" and a dot.
	text = strings.ReplaceAll(text, "\u0130", "i\u0307")
	name := notArtifactName.ReplaceAllString(strings.ToLower(text), "_")
	return strings.Trim(separatorRun.ReplaceAllString(name, "_"), "_-.")
}

// GeneratedName makes the artifact's name that nobody gave, of a head that comes from users and a tail. Unlike
// SanitizeName it changes only what W&B refuses: each character that no name may have becomes an
// underscore, and the head of a name that is too long ends in a hash of the whole head.
func GeneratedName(head, tail string) string {
	const hashLength = 8
	name := illegalInName.ReplaceAllString(head, "_")
	if most := MaxName - len(tail); len(name) > most {
		sum := sha256.Sum256([]byte(head))
		name = name[:most-hashLength-1] + "_" + hex.EncodeToString(sum[:])[:hashLength]
	}
	return name + illegalInName.ReplaceAllString(tail, "_")
}

// CheckArtifactName refuses a name that W&B's server would refuse: fault bad_name.
func CheckArtifactName(name string) error {
	switch {
	case strings.TrimSpace(name) == "":
		return badName("The artifact's name is empty once everything that W&B does not allow is taken out. Use letters, digits, dots, dashes and underscores.")
	case utf8.RuneCountInString(name) > MaxName:
		return badName("The artifact's name %q is too long: W&B allows %d characters.", Clip(name, 40), MaxName)
	case strings.ContainsAny(name, "/:") || hasControl(name):
		return badName("%q cannot be an artifact's name in W&B: it must not hold / or :.", Clip(name, MaxName))
	}
	return nil
}

// CheckArtifactType refuses a type that W&B would refuse.
func CheckArtifactType(name string) error {
	if len(name) > MaxName || !typeForm.MatchString(name) || name == "job" || strings.HasPrefix(name, "wandb-") {
		return badName("%q cannot be an artifact's type in W&B.", Clip(name, MaxName))
	}
	return nil
}

// CheckEntity refuses what can be no user or team, before it gets into a path.
func CheckEntity(name string) error {
	if strings.ContainsAny(name, "/\\#?%: \t\r\n") || len(name) > MaxName {
		return badName("%q is not the name of a W&B user or team (the entity). Use the name as it stands in the address of its page.", Clip(name, MaxName))
	}
	return nil
}

// CheckProject refuses a project name that W&B would refuse: fault bad_name.
func CheckProject(name string) error {
	switch {
	case strings.TrimSpace(name) == "":
		return badName("The W&B project's name is empty. Say which project is meant.")
	case utf8.RuneCountInString(name) > MaxName:
		return badName("The W&B project's name %q is too long: W&B allows %d characters.", Clip(name, 40), MaxName)
	case strings.ContainsAny(name, "/\\#?%:\r\n"):
		return badName("%q cannot be a project's name in W&B: it must not hold any of / \\ # ? %% : or a line break.", name)
	}
	return nil
}

// CheckRunID refuses a run id that W&B would refuse: fault bad_name.
func CheckRunID(id string) error {
	switch {
	case id == "":
		return badName("The W&B run's id is empty.")
	case id != strings.TrimSpace(id):
		return badName("The W&B run's id %q begins or ends with a blank. Remove it.", Clip(id, MaxName))
	case utf8.RuneCountInString(id) > maxRunID:
		return badName("The W&B run's id %q is too long: use at most %d characters.", Clip(id, 40), maxRunID)
	case strings.ContainsAny(id, ":;,#?/'\\") || hasControl(id):
		return badName(`The W&B run's id %q must not hold any of : ; , # ? / \ '. The id is the last part of the address of the run's page.`, Clip(id, MaxName))
	}
	return nil
}

// CheckAlias refuses an alias that W&B would refuse: fault bad_name.
func CheckAlias(alias string) error {
	switch {
	case strings.TrimSpace(alias) == "":
		return badName("An alias of the artifact is empty.")
	case utf8.RuneCountInString(alias) > MaxName:
		return badName("The alias %q is too long: W&B allows %d characters.", Clip(alias, 40), MaxName)
	case strings.ContainsAny(alias, "/:") || hasControl(alias):
		return badName("%q cannot be an alias in W&B: it must not hold / or :.", alias)
	case IsVersion(alias):
		return badName("%q cannot be an alias: W&B gives names like this to the versions itself.", alias)
	}
	return nil
}

// IsVersion reports whether a name is one that W&B gives to versions itself, such as "v3".
func IsVersion(alias string) bool { return versionForm.MatchString(alias) }

// CheckTag refuses an artifact's tag that W&B would refuse: fault bad_name.
func CheckTag(tag string) error {
	if utf8.RuneCountInString(tag) > MaxName || !tagForm.MatchString(tag) {
		return badName("%q cannot be a tag of an artifact in W&B: use at most %d letters, digits, dashes, underscores and blanks between words.", Clip(tag, MaxName), MaxName)
	}
	return nil
}

// CheckArtifactLabels checks aliases and tags together: fault bad_name.
func CheckArtifactLabels(aliases, tags []string) error {
	for _, a := range aliases {
		if err := CheckAlias(a); err != nil {
			return err
		}
	}
	if len(tags) > maxTags {
		return badName("%d tags are too many: W&B allows %d on an artifact.", len(tags), maxTags)
	}
	for _, t := range tags {
		if err := CheckTag(t); err != nil {
			return err
		}
	}
	return nil
}

func hasControl(text string) bool {
	return strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r == 0x7f })
}

// Clip cuts a text for a message.
func Clip(text string, n int) string {
	runes := []rune(text)
	if len(runes) <= n {
		return text
	}
	return string(runes[:n]) + "…"
}
