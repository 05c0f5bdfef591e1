package standin

import (
	"cmp"
	"context"
	"net/http"
	"slices"
	"strings"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/standin/gqlexec"
)

// person is the one user of a stand-in, or, with another name, somebody for whom a service account
// works.
type person struct{ username string }

// userID is the ID of that user.
var userID = opaque("User", 1)

// entityName is an entity as the source of its fields.
type entityName string

func (s *Server) userFields() map[string]gqlexec.Resolver {
	return map[string]gqlexec.Resolver{
		"id":       constant(userID),
		"name":     constant("Local User"),
		"username": on(func(p person) any { return cmp.Or(p.username, s.opts.Entity) }), "email": constant(s.opts.Entity + "@localhost"),
		"admin": constant(false), "flags": constant("{}"), "deletedAt": constant(nil), "photoUrl": constant(nil),
		"entity":  constant(s.opts.Entity),
		"apiKeys": apiKeys,
		"teams": func() gqlexec.Resolver {
			edges := []gqlexec.Object{}
			for _, name := range s.entities() {
				edges = append(edges, node(entityName(name)))
			}
			return constant(gqlexec.Object{"edges": edges})
		}(),
		"organizations": constant(s.organizations()),
	}
}

// apiKeys are told to W&B's own clients only; whoever else asks is to log in again.
func apiKeys(ctx context.Context, _ any, _ gqlexec.Args) (any, error) {
	if r, ok := ctx.Value(asking{}).(*http.Request); !ok || !strings.HasPrefix(r.UserAgent(), "W&B Public Client") {
		return nil, refusal(http.StatusOK, "relogin required")
	}
	return gqlexec.Object{"edges": []any{}}, nil
}

func (s *Server) entityFields() map[string]gqlexec.Resolver {
	isTeam := func(e entityName) bool { return string(e) != s.opts.Entity }
	return map[string]gqlexec.Resolver{
		"id":        on(func(e entityName) any { return opaque("Entity", string(e)) }),
		"name":      on(func(e entityName) any { return string(e) }),
		"available": constant(false), "photoUrl": constant(nil), "readOnly": constant(false), "readOnlyAdmin": constant(false),
		"isTeam": on(func(e entityName) any { return isTeam(e) }),
		"entityType": on(func(e entityName) any {
			if isTeam(e) {
				return "TEAM"
			}
			return "USER"
		}),
		"privateOnly": constant(false), "storageBytes": constant(0), "codeSavingEnabled": constant(false),
		"defaultAccess": constant("PRIVATE"), "isPaid": constant(false), "members": constant([]any{}),
		"organization": on(func(e entityName) any { return s.organization(string(e)) }),
		"user": on(func(e entityName) any {
			if string(e) != s.opts.Entity {
				return nil
			}
			return person{}
		}),
		"project": with(func(e entityName, args gqlexec.Args) (any, error) {
			return s.data.Projects[key(string(e), str(args, "name"))], nil
		}),
		"xxhashDigestsEnabled": constant(false),
	}
}

// entities are the names that the user may use, the default one first.
func (s *Server) entities() []string { return append([]string{s.opts.Entity}, s.opts.Teams...) }

// allowed gives the entity of that name, the default one if it is empty; 403 or 404 if it is not the user's.
func (s *Server) allowed(entity string) (string, error) {
	switch {
	case entity == "":
		return s.opts.Entity, nil
	case slices.Contains(s.opts.Forbidden, entity):
		return "", &gqlexec.Error{Message: "permission denied", Status: http.StatusForbidden, Code: "PERMISSION_ERROR"}
	case !slices.Contains(s.entities(), entity) && !slices.Contains(s.opts.Organizations, entity):
		return "", notFound("entity " + entity + " not found")
	}
	return entity, nil
}
