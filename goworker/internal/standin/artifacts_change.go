package standin

import (
	"net/http"
	"slices"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/standin/gqlexec"
)

// useArtifact records a committed artifact as input of a run.
func (s *Server) useArtifact(input gqlexec.Args) (any, error) {
	var a *artifact
	var r *run
	err := s.change(func(d *data) (err error) {
		if a, err = d.artifact(s, str(input, "artifactID")); err != nil {
			return err
		}
		if a.State != committed {
			return badRequest("cannot use artifact " + a.ID + " as it has not committed")
		}
		r, err = d.runByName(s, str(input, "entityName"), str(input, "projectName"), str(input, "runName"))
		if err != nil {
			return err
		}
		if !slices.Contains(r.Inputs, a.ID) {
			r.Inputs = append(r.Inputs, a.ID)
		}
		if name := str(input, "usedAs"); name != "" && !slices.Contains(r.UsedAs[a.ID], name) {
			if r.UsedAs == nil {
				r.UsedAs = map[string][]string{}
			}
			r.UsedAs[a.ID] = append(r.UsedAs[a.ID], name)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return gqlexec.Object{"artifact": a, "run": r}, nil
}

func (s *Server) updateArtifact(input gqlexec.Args) (any, error) {
	metadata, err := checkMetadata(str(input, "metadata"))
	if err != nil {
		return nil, err
	}
	add, remove := tagNamesOf(input, "tagsToAdd"), tagNamesOf(input, "tagsToDelete")
	if err := checkArtifactTags(add); err != nil {
		return nil, err
	}
	var aliases []string
	for _, alias := range objects(input, "aliases") {
		aliases = append(aliases, str(alias, "alias"))
	}
	if err := checkAliases(aliases); err != nil {
		return nil, err
	}
	var a *artifact
	err = s.change(func(d *data) (err error) {
		if a, err = d.artifact(s, str(input, "artifactID")); err != nil {
			return err
		}
		c := d.Collections[a.Collection]
		if input["metadata"] != nil {
			a.Metadata = metadata
		}
		if description, ok := input["description"].(string); ok {
			a.Description = description
		}
		if input["ttlDurationSeconds"] != nil {
			a.TTL = pointer(input["ttlDurationSeconds"])
		}
		if input["aliases"] != nil {
			c.drop(c.aliasesOf(a.ID), a)
			c.move(a, aliases)
		}
		a.Tags = retag(a.Tags, add, remove)
		a.Updated = now()
		return nil
	})
	if err != nil {
		return nil, err
	}
	return gqlexec.Object{"artifact": a}, nil
}

func tagNamesOf(input gqlexec.Args, field string) []string {
	var out []string
	for _, tag := range objects(input, field) {
		out = append(out, str(tag, "tagName"))
	}
	return out
}

func retag(tags, add, remove []string) []string {
	tags = slices.DeleteFunc(slices.Clone(tags), func(t string) bool { return slices.Contains(remove, t) })
	for _, t := range add {
		if !slices.Contains(tags, t) {
			tags = append(tags, t)
		}
	}
	return tags
}

// drop takes names off a version.
func (c *collection) drop(aliases []string, a *artifact) {
	for _, alias := range aliases {
		if c.Aliases[alias] == a.ID {
			delete(c.Aliases, alias)
		}
	}
	c.Updated = now()
}

func (s *Server) deleteArtifact(input gqlexec.Args) (any, error) {
	var a *artifact
	err := s.change(func(d *data) (err error) {
		if a, err = d.artifact(s, str(input, "artifactID")); err != nil {
			return err
		}
		c := d.Collections[a.Collection]
		own := slices.DeleteFunc(c.aliasesOf(a.ID), func(alias string) bool { return alias == "latest" })
		if len(own) > 0 && input["deleteAliases"] != true {
			return badRequest("the artifact has aliases: delete them first")
		}
		d.remove(a)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return gqlexec.Object{"artifact": a}, nil
}

// remove deletes a version. What other versions were first stored with it stays.
func (d *data) remove(a *artifact) {
	c := d.Collections[a.Collection]
	_, wasLatest := c.Aliases["latest"]
	wasLatest = wasLatest && c.Aliases["latest"] == a.ID
	c.drop(c.aliasesOf(a.ID), a)
	a.State = deleted
	c.versions = slices.DeleteFunc(c.versions, func(v *artifact) bool { return v == a })
	if wasLatest && len(c.versions) > 0 {
		c.Aliases["latest"] = c.versions[len(c.versions)-1].ID
	}
}

func (s *Server) addAliases(input gqlexec.Args) (any, error) {
	return s.changeAliases(input, func(c *collection, a *artifact, alias string) { c.move(a, []string{alias}) })
}

func (s *Server) deleteAliases(input gqlexec.Args) (any, error) {
	return s.changeAliases(input, func(c *collection, a *artifact, alias string) { c.drop([]string{alias}, a) })
}

func (s *Server) changeAliases(input gqlexec.Args, change func(*collection, *artifact, string)) (any, error) {
	list := objects(input, "aliases")
	for _, item := range list {
		if err := checkAliases([]string{str(item, "alias")}); err != nil {
			return nil, err
		}
	}
	var a *artifact
	err := s.change(func(d *data) (err error) {
		if a, err = d.artifact(s, str(input, "artifactID")); err != nil {
			return err
		}
		if a.State != committed {
			return badRequest("the artifact is not committed")
		}
		for _, item := range list {
			c, err := d.collectionNamed(s, item)
			if err != nil {
				return err
			}
			if c.key() != a.Collection {
				return badRequest("the artifact is not in the collection " + c.Name)
			}
			change(c, a, str(item, "alias"))
		}
		return nil
	})
	return gqlexec.Object{"success": true, "artifact": a}, err
}

// collectionNamed finds the collection that an input names.
func (d *data) collectionNamed(s *Server, input gqlexec.Args) (*collection, error) {
	entity, err := s.allowed(str(input, "entityName"))
	if err != nil {
		return nil, err
	}
	c := d.Collections[key(entity, str(input, "projectName"), str(input, "artifactCollectionName"))]
	if c == nil {
		return nil, notFound("artifact collection " + str(input, "artifactCollectionName") + " not found")
	}
	return c, nil
}

func (s *Server) updateCollection(input gqlexec.Args) (any, error) {
	var c *collection
	err := s.change(func(d *data) error {
		if c = d.collectionByID(str(input, "artifactSequenceID")); c == nil {
			return notFound("artifact collection not found")
		}
		if description, ok := input["description"].(string); ok {
			c.Description = description
		}
		c.Updated = now()
		if name := str(input, "name"); name != "" && name != c.Name {
			return d.rename(c, name)
		}
		return nil
	})
	return gqlexec.Object{"artifactCollection": c}, err
}

// rename gives a collection another name that is free.
func (d *data) rename(c *collection, name string) error {
	if err := checkArtifactName(name, c.Type); err != nil {
		return err
	}
	from, to := c.key(), key(c.projectKey(), name)
	if d.Collections[to] != nil {
		return refusal(http.StatusConflict, "there is a collection "+name+" already")
	}
	delete(d.Collections, from)
	c.Name = name
	d.Collections[to] = c
	for _, a := range d.Artifacts {
		if a.Collection == from {
			a.Collection = to
		}
	}
	return nil
}

func (s *Server) deleteCollection(input gqlexec.Args) (any, error) {
	var c *collection
	err := s.change(func(d *data) error {
		if c = d.collectionByID(str(input, "artifactSequenceID")); c == nil {
			return notFound("artifact collection not found")
		}
		for _, a := range d.Artifacts {
			if a.Collection == c.key() {
				a.State = deleted
			}
		}
		delete(d.Collections, c.key())
		return nil
	})
	return gqlexec.Object{"artifactCollection": c}, err
}

func (s *Server) addCollectionTags(input gqlexec.Args) (any, error) {
	return s.changeCollectionTags(input, tagNamesOf(input, "tags"), nil)
}

func (s *Server) deleteCollectionTags(input gqlexec.Args) (any, error) {
	return s.changeCollectionTags(input, nil, tagNamesOf(input, "tags"))
}

func (s *Server) changeCollectionTags(input gqlexec.Args, add, remove []string) (any, error) {
	if err := checkArtifactTags(add); err != nil {
		return nil, err
	}
	if len(add) > 20 {
		return nil, badRequest("at most 20 tags at a time")
	}
	var out []gqlexec.Object
	err := s.change(func(d *data) error {
		c, err := d.collectionNamed(s, input)
		if err == nil {
			c.Tags = retag(c.Tags, add, remove)
			out = tags(c.Tags)
		}
		return err
	})
	return gqlexec.Object{"tags": out, "success": true}, err
}
