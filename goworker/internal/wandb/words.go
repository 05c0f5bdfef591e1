package wandb

import (
	"net/http"
	"regexp"
	"strings"
)

// meaning is what W&B's own words say about a refusal. They count for more than the
// status: bad input may come as 500, and a missing permission as 404.
type meaning int

const (
	// meansStatus: the words say no more than the status does.
	meansStatus meaning = iota
	meansBadKey
	meansNoPermission
	// meansHiddenProject: a mutation would have created the project, so "not found" is
	// what an account gets that must not.
	meansHiddenProject
	meansUnknownEntity
	// meansOrganization: the entity is an organization, which has no runs of its own.
	meansOrganization
	// meansEntityNeeded: the question needs an entity.
	meansEntityNeeded
	meansRunDeleted
	meansTooLarge
	meansNotFound
	// meansConflict: somebody else's version was committed meanwhile.
	meansConflict
	// meansBadValue: the server cannot read a value that we sent.
	meansBadValue
	// meansForeignClient: the server answers this to W&B's own clients only.
	meansForeignClient
	// meansWantsTLS: the server expects HTTPS.
	meansWantsTLS
)

// knownWords are the words of W&B's that say more than its statuses, in lower case; the
// first that are found count. from and to bound the statuses for which they do, if to
// is not 0. Where they were seen is in testdata/answers.jsonl.
var knownWords = []struct {
	words    *regexp.Regexp
	from, to int
	mutation bool
	means    meaning
}{
	{words: regexp.MustCompile(`relogin required`), means: meansForeignClient},
	{words: regexp.MustCompile(`not logged in`), means: meansBadKey},
	{words: regexp.MustCompile(`created and deleted`), from: 400, to: 499, means: meansRunDeleted},
	{words: regexp.MustCompile(`\bentity \S+ not found`), means: meansUnknownEntity},
	{words: regexp.MustCompile(`may not log runs directly to your organization`), means: meansOrganization},
	{words: regexp.MustCompile(`entityname required for project query`), means: meansEntityNeeded},
	{words: regexp.MustCompile(`run config cannot exceed`), means: meansTooLarge},
	{words: regexp.MustCompile(`(cannot|could not) unmarshal`), means: meansBadValue},
	{words: regexp.MustCompile(`not found for history loading`), means: meansNotFound},
	{words: regexp.MustCompile(`^project not found`), mutation: true, means: meansHiddenProject},
	{words: regexp.MustCompile(`http request (was sent )?to (an )?https|plain http to an ssl`), from: 400, to: 499, means: meansWantsTLS},
	{words: regexp.MustCompile(`permission denied`), from: 200, to: 200, means: meansNoPermission},
	{words: regexp.MustCompile(`rebase required`), from: 200, to: 200, means: meansConflict},
}

// statusOfMeaning are the statuses that W&B uses for a meaning, for answers that came
// with status 200, and for code that asks for the status.
var statusOfMeaning = map[meaning]int{
	meansBadKey: http.StatusUnauthorized, meansNoPermission: http.StatusForbidden, meansConflict: http.StatusConflict,
	meansUnknownEntity: http.StatusNotFound, meansNotFound: http.StatusNotFound,
}

// meaningOf finds what an answer's words mean.
func meaningOf(status int, mutation bool, text string) meaning {
	text = strings.ToLower(text)
	for _, k := range knownWords {
		if (k.to == 0 || status >= k.from && status <= k.to) && (mutation || !k.mutation) && k.words.MatchString(text) {
			return k.means
		}
	}
	return meansStatus
}

// statusOfErrors finds the HTTP status that errors would have had that came with status
// 200; 200 itself if their codes say nothing that is known.
func statusOfErrors(errs []gqlError) int {
	for _, e := range errs {
		switch strings.ToUpper(e.Extensions.Code) {
		case "UNAUTHENTICATED":
			return http.StatusUnauthorized
		case "PERMISSION_ERROR", "FORBIDDEN":
			return http.StatusForbidden
		case "NOT_FOUND":
			return http.StatusNotFound
		}
	}
	return http.StatusOK
}

// entityInWords finds the entity that W&B's words say is missing.
var entityInWords = regexp.MustCompile(`(?i)\bentity (\S+) not found`)

// missingEntity is the entity that the server says does not exist; empty if it names none.
func (e *serverError) missingEntity() string {
	if m := entityInWords.FindStringSubmatch(strings.Join(e.messages, "\n")); m != nil {
		return strings.Trim(m[1], `"'`)
	}
	return ""
}
