package standin

import (
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"slices"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/standin/gqlexec"
)

func (s *Server) viewFields() map[string]gqlexec.Resolver {
	return map[string]gqlexec.Resolver{
		"id": on(func(v *view) any { return v.ID }), "type": on(func(v *view) any { return v.Type }),
		"name": on(func(v *view) any { return v.Name }), "displayName": on(func(v *view) any { return opt(v.DisplayName) }),
		"description": on(func(v *view) any { return opt(v.Description) }), "spec": on(func(v *view) any { return v.Spec }),
		"user": constant(person{}), "createdAt": on(func(v *view) any { return v.Created }),
		"updatedAt": on(func(v *view) any { return v.Updated }),
		"project":   on(func(v *view) any { return s.data.Projects[key(v.Entity, v.Project)] }),
	}
}

// views are a project's views of one type ("runs" are reports), newest first.
func (d *data) views(p *project, args gqlexec.Args) []*view {
	kind, name := str(args, "viewType"), str(args, "viewName")
	if kind == "" {
		kind = "runs"
	}
	out := sorted(d.Views, func(v *view) bool {
		return key(v.Entity, v.Project) == p.key() && v.Type == kind && (name == "" || v.Name == name)
	}, func(v *view) int64 { return v.N })
	slices.Reverse(out)
	return out
}

// upsertView makes or changes a report.
func (s *Server) upsertView(input gqlexec.Args) (any, error) {
	spec, given := input["spec"].(string)
	if !given {
		spec = "{}"
	}
	if !json.Valid([]byte(spec)) {
		return nil, badRequest("the spec of a view is JSON")
	}
	var v *view
	inserted := false
	err := s.change(func(d *data) error {
		if id := str(input, "id"); id != "" {
			if v = d.Views[id]; v == nil {
				return notFound("view " + id + " not found")
			}
		} else {
			p, err := d.project(s, str(input, "entityName"), str(input, "projectName"))
			if err != nil {
				return err
			}
			if p == nil {
				return notFound("project " + str(input, "projectName") + " not found")
			}
			v, inserted = d.newView(p, input), true
		}
		for name, field := range map[string]*string{"displayName": &v.DisplayName, "description": &v.Description} {
			if text, ok := input[name].(string); ok {
				*field = text
			}
		}
		if given || inserted {
			v.Spec = spec
		}
		v.Updated = now()
		return nil
	})
	if err != nil {
		return nil, err
	}
	return gqlexec.Object{"view": v, "inserted": inserted}, nil
}

func (d *data) newView(p *project, input gqlexec.Args) *view {
	v := &view{N: d.next(), Entity: p.Entity, Project: p.Name, Type: str(input, "type"), Name: str(input, "name"), Created: now()}
	v.ID = opaque("View", v.N)
	if v.Type == "" {
		v.Type = "runs"
	}
	if v.Name == "" {
		raw := make([]byte, 6)
		_, _ = rand.Read(raw) // never fails: it ends the process instead
		v.Name = hex.EncodeToString(raw)
	}
	d.Views[v.ID] = v
	return v
}
