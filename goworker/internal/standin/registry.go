package standin

import (
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/standin/gqlexec"
)

// registryPrefix begins the names of the projects that are registries.
const registryPrefix = "wandb-registry-"

// An organization has a name that people see and an entity of its own, which holds its registries.
func organizationName(entity string) string { return entity + " Inc." }

// organization is that of an entity: of a team, and of an organization's own entity; nil for a
// user, who may belong to several.
func (s *Server) organization(entity string) any {
	switch {
	case slices.Contains(s.opts.Organizations, entity):
		return organizationObject(entity)
	case len(s.opts.Organizations) > 0 && slices.Contains(s.opts.Teams, entity):
		return organizationObject(s.opts.Organizations[0])
	}
	return nil
}

// organizations are all that the user belongs to.
func (s *Server) organizations() []gqlexec.Object {
	out := []gqlexec.Object{}
	for _, entity := range s.opts.Organizations {
		out = append(out, organizationObject(entity))
	}
	return out
}

func organizationObject(entity string) gqlexec.Object {
	return gqlexec.Object{
		"id": opaque("Organization", entity), "name": organizationName(entity), "orgEntity": entityName(entity),
		"coreWeaveOrganizationId": nil, "featureFlags": []gqlexec.Object{},
	}
}

// isRegistry reports whether a project is a registry of an organization.
func (s *Server) isRegistry(entity, project string) bool {
	return slices.Contains(s.opts.Organizations, entity) && strings.HasPrefix(project, registryPrefix)
}

// linkArtifact makes a version a member of a registry's collection, too, where it has another
// number and aliases of its own. The registry and the collection are made if they are new.
func (s *Server) linkArtifact(input gqlexec.Args) (any, error) {
	var m *membership
	entity, project, name := str(input, "entityName"), str(input, "projectName"), str(input, "artifactPortfolioName")
	err := s.change(func(d *data) error {
		a, err := d.artifact(s, str(input, "artifactID"))
		switch {
		case err != nil:
			return err
		case a.State != committed:
			return badRequest("cannot link artifact " + a.ID + " as it has not committed")
		case !s.isRegistry(entity, project):
			return refusal(http.StatusBadRequest, "this stand-in links to the registries of its organizations only")
		}
		kind := d.Collections[a.Collection].Type
		if err := checkArtifactName(name, kind); err != nil {
			return err
		}
		p := d.Projects[key(entity, project)]
		if p == nil {
			p = d.newProject(entity, project)
		}
		c := d.Collections[key(p.key(), name)]
		if c == nil {
			c = &collection{
				N: d.next(), ID: opaque("ArtifactCollection", d.next()), Entity: entity, Project: project, Name: name, Type: kind,
				Created: now(), Updated: now(), Aliases: map[string]string{}, births: map[fileKey]string{},
			}
			d.Collections[c.key()] = c
			d.typeOf(p, kind)
		}
		if c.Type != kind {
			return badRequest("the collection " + name + " is of the type " + c.Type)
		}
		if !slices.Contains(c.Links, a.ID) {
			c.Links = append(c.Links, a.ID)
		}
		c.Aliases["latest"] = a.ID
		for _, alias := range objects(input, "aliases") {
			if err := checkAliases([]string{str(alias, "alias")}); err != nil {
				return err
			}
			c.Aliases[str(alias, "alias")] = a.ID
		}
		m = c.memberOf(a)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return gqlexec.Object{
		"versionIndex": m.index, "artifactMembership": m, "artifactID": m.artifact.ID, "artifactCollectionID": m.collection.ID,
		"clientMutationId": input["clientMutationId"],
	}, nil
}

// memberOf is a version as a member of a collection, with its number there.
func (c *collection) memberOf(a *artifact) *membership {
	m := &membership{collection: c, artifact: a, index: a.Version}
	if c.Links != nil {
		m.index = slices.Index(c.Links, a.ID)
	}
	return m
}

// members are the versions of a collection, oldest first.
func (c *collection) members(d *data) []*artifact {
	if c.Links == nil {
		return c.versions
	}
	var out []*artifact
	for _, id := range c.Links {
		if a := d.Artifacts[id]; a != nil && a.State == committed {
			out = append(out, a)
		}
	}
	return out
}

// linkedTo are the collections that a version was linked to.
func (d *data) linkedTo(a *artifact) []*collection {
	return sorted(d.Collections, func(c *collection) bool { return slices.Contains(c.Links, a.ID) }, func(c *collection) int64 { return c.N })
}

// findLink is the linked version that an alias or vN of a collection names; nil if there is none.
func (c *collection) findLink(d *data, alias string) *artifact {
	for i, id := range c.Links {
		if fmt.Sprintf("v%d", i) == alias {
			return d.Artifacts[id]
		}
	}
	return nil
}

// portfolioFields are the fields of a registry's collection.
func (s *Server) portfolioFields() map[string]gqlexec.Resolver {
	fields := s.collectionFields()
	delete(fields, "latestArtifact")
	delete(fields, "digestAlgorithm")
	return fields
}
