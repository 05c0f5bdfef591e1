package wandb

import (
	"embed"
	"errors"
	"io/fs"
	"path"
	"regexp"
	"strings"
)

// fragments are the parts that several documents share, in files named after them.
//
//go:embed graphql/fragments/*.graphql
var fragments embed.FS

// newerDocuments have what no published schema of the server has. Each names the document of the
// official client that proves it.
//
//go:embed graphql/newer/*.graphql
var newerDocuments embed.FS

// spread finds the names of the fragments that a document uses.
var spread = regexp.MustCompile(`\.\.\.(\w+)`)

// document is the text of an operation with the fragments that it needs.
func document(op string) (string, error) {
	text, err := documents.ReadFile("graphql/" + op + ".graphql")
	if errors.Is(err, fs.ErrNotExist) {
		text, err = newerDocuments.ReadFile("graphql/newer/" + op + ".graphql")
	}
	if err != nil {
		return "", err
	}
	return withFragments(string(text))
}

// withFragments adds the fragments that a document uses, and those that they use.
func withFragments(text string) (string, error) {
	var b strings.Builder
	b.WriteString(text)
	added := map[string]bool{}
	for todo := []string{text}; len(todo) > 0; todo = todo[1:] {
		for _, m := range spread.FindAllStringSubmatch(todo[0], -1) {
			if added[m[1]] {
				continue
			}
			added[m[1]] = true
			part, err := fragments.ReadFile(path.Join("graphql/fragments", m[1]+".graphql"))
			if err != nil {
				return "", err
			}
			b.WriteByte('\n')
			b.Write(part)
			todo = append(todo, string(part))
		}
	}
	return b.String(), nil
}
