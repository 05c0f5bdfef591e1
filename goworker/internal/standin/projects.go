package standin

import (
	"maps"
	"slices"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/standin/gqlexec"
)

// features are the abilities that the official client asks for before it uses them.
var features = []string{
	"ARTIFACT_COLLECTION_MEMBERSHIP_FILES", "PROJECT_ARTIFACT_COLLECTION_MEMBERSHIP", "TOTAL_COUNT_IN_FILE_CONNECTION",
	"USE_ARTIFACT_WITH_ENTITY_AND_PROJECT_INFORMATION", "ARTIFACT_TAGS", "ARTIFACT_COLLECTIONS_FILTERING_SORTING",
	"ARTIFACT_V2_DOWNLOAD_HANDLER_SUPPORTS_ARTIFACT_ID", "FILESTREAM_GZIP",
}

// queryFields are the entry points for reading. The data is locked while they run.
func (s *Server) queryFields() map[string]gqlexec.Resolver {
	serverFeatures := []gqlexec.Object{}
	for _, name := range features {
		serverFeatures = append(serverFeatures, gqlexec.Object{"name": name, "isEnabled": true})
	}
	return map[string]gqlexec.Resolver{
		"viewer": constant(person{}),
		"user": root(func(args gqlexec.Args) (any, error) {
			name, id := str(args, "userName"), str(args, "id")
			if (name != "" && name != s.opts.Entity) || (id != "" && id != userID) {
				return nil, nil
			}
			return person{}, nil
		}),
		"entity": root(func(args gqlexec.Args) (any, error) {
			name, err := s.allowed(str(args, "name"))
			return entityName(name), err
		}),
		"organization": root(func(args gqlexec.Args) (any, error) {
			for _, o := range s.organizations() {
				if o["name"] == str(args, "name") {
					return o, nil
				}
			}
			return nil, nil
		}),
		"project": root(s.queryProject), "model": root(s.queryModel),
		"models": root(s.queryModels),
		"artifact": root(func(args gqlexec.Args) (any, error) {
			if a := s.data.Artifacts[str(args, "id")]; a != nil && a.State != deleted {
				return a, nil
			}
			return nil, nil
		}),
		"artifactCollection": root(func(args gqlexec.Args) (any, error) {
			return s.data.collectionByID(str(args, "id")), nil
		}),
		"clientIDMapping": root(func(args gqlexec.Args) (any, error) {
			if a := s.data.byClient[str(args, "clientID")]; a != nil {
				return gqlexec.Object{"clientID": str(args, "clientID"), "serverID": a.ID}, nil
			}
			return nil, nil
		}),
		"serverInfo": constant(gqlexec.Object{
			"features": serverFeatures, "cliVersionInfo": map[string]string{"max_cli_version": "99.0.0"}, "latestLocalVersionInfo": nil,
		}),
		"view": root(func(args gqlexec.Args) (any, error) { return s.data.Views[str(args, "id")], nil }),
	}
}

// queryProject finds a project; null if there is none, or if the key may not see it. Other
// than model, it wants to be told of whom.
func (s *Server) queryProject(args gqlexec.Args) (any, error) {
	if str(args, "name") == "" {
		return nil, badRequest("name required for project query")
	}
	if str(args, "entityName") == "" && !s.behaviour.Load().EntityOptional {
		return nil, badRequest("entityName required for project query")
	}
	return s.queryModel(args)
}

func (s *Server) queryModel(args gqlexec.Args) (any, error) {
	p, err := s.data.project(s, str(args, "entityName"), str(args, "name"))
	if err != nil || p == nil || s.hidden(p.Entity, p.Name) {
		return nil, nil
	}
	return p, nil
}

func (s *Server) queryModels(args gqlexec.Args) (any, error) {
	entity, err := s.allowed(str(args, "entityName"))
	if err != nil {
		return nil, err
	}
	return connection(s, s.data.projectsOf(entity), args, node[*project])
}

// projectsOf are an entity's projects, newest first.
func (d *data) projectsOf(entity string) []*project {
	out := sorted(d.Projects, func(p *project) bool { return p.Entity == entity }, func(p *project) int64 { return p.N })
	slices.Reverse(out)
	return out
}

// project finds a project; nil if there is none, an error if its entity is not the user's.
func (d *data) project(s *Server, entity, name string) (*project, error) {
	entity, err := s.allowed(entity)
	if err != nil {
		return nil, err
	}
	if name == "" {
		name = "uncategorized"
	}
	return d.Projects[key(entity, name)], nil
}

// ensureProject finds a project, making it if it is new.
func (d *data) ensureProject(s *Server, entity, name string) (*project, bool, error) {
	p, err := d.project(s, entity, name)
	if p != nil || err != nil {
		return p, false, err
	}
	entity, _ = s.allowed(entity)
	if name == "" {
		name = "uncategorized"
	}
	if err := checkProjectName(name); err != nil {
		return nil, false, err
	}
	return d.newProject(entity, name), true, nil
}

func (d *data) newProject(entity, name string) *project {
	p := &project{
		ID: opaque("Project", "v1:"+name+":"+entity), N: d.next(), Entity: entity, Name: name, Created: now(),
		Types: map[string]*artifactType{},
	}
	d.Projects[p.key()] = p
	return p
}

// deleteProject removes a project with its runs, artifacts and reports.
func (s *Server) deleteProject(input gqlexec.Args) (any, error) {
	err := s.change(func(d *data) error {
		found := sorted(d.Projects, func(p *project) bool { return p.ID == str(input, "id") }, func(p *project) int64 { return p.N })
		if len(found) == 0 {
			return notFound("project not found")
		}
		p := found[0]
		for _, a := range d.Artifacts {
			if c := d.Collections[a.Collection]; c != nil && c.projectKey() == p.key() {
				a.State = deleted
			}
		}
		maps.DeleteFunc(d.Collections, func(_ string, c *collection) bool { return c.projectKey() == p.key() })
		maps.DeleteFunc(d.Runs, func(_ string, r *run) bool { return key(r.Entity, r.Project) == p.key() })
		maps.DeleteFunc(d.runsByID, func(_ string, r *run) bool { return key(r.Entity, r.Project) == p.key() })
		maps.DeleteFunc(d.Views, func(_ string, v *view) bool { return key(v.Entity, v.Project) == p.key() })
		delete(d.Projects, p.key())
		return nil
	})
	return gqlexec.Object{"success": err == nil}, err
}

func (s *Server) projectFields() map[string]gqlexec.Resolver {
	return map[string]gqlexec.Resolver{
		"id":          on(func(p *project) any { return p.ID }),
		"internalId":  on(func(p *project) any { return opaque("ProjectInternalId", p.N) }),
		"name":        on(func(p *project) any { return p.Name }),
		"entityName":  on(func(p *project) any { return p.Entity }),
		"entity":      on(func(p *project) any { return entityName(p.Entity) }),
		"description": on(func(p *project) any { return opt(p.Description) }),
		"createdAt":   on(func(p *project) any { return p.Created }),
		"updatedAt":   on(func(p *project) any { return p.Created }),
		"isBenchmark": constant(false), "readOnly": constant(false), "access": constant("PRIVATE"), "views": constant(nil),
		"user": constant(person{}), "totalSweeps": constant(0), "allowAllArtifactTypesInRegistry": constant(false),
		"run": with(func(p *project, args gqlexec.Args) (any, error) {
			return s.data.run(p, str(args, "name")), nil
		}),
		"bucket": with(func(p *project, args gqlexec.Args) (any, error) {
			r := s.data.run(p, str(args, "name"))
			if missingOk, _ := args["missingOk"].(bool); r == nil && !missingOk {
				return nil, notFound("run " + key(p.key(), str(args, "name")) + " not found")
			}
			return r, nil
		}),
		"runs": with(func(p *project, args gqlexec.Args) (any, error) {
			runs, err := s.matchingRuns(p, args)
			if err != nil {
				return nil, err
			}
			return connection(s, runs, args, node[*run])
		}),
		"runCount": with(func(p *project, args gqlexec.Args) (any, error) {
			runs, err := s.matchingRuns(p, args)
			return len(runs), err
		}),
		"artifactTypes": with(func(p *project, args gqlexec.Args) (any, error) {
			return connection(s, p.typeList(), args, node[*artifactType])
		}),
		"artifactType": with(func(p *project, args gqlexec.Args) (any, error) { return p.Types[str(args, "name")], nil }),
		"artifactCollections": with(func(p *project, args gqlexec.Args) (any, error) {
			return s.collections(p.key(), "", args)
		}),
		"artifactCollection": with(func(p *project, args gqlexec.Args) (any, error) {
			return s.data.Collections[key(p.key(), str(args, "name"))], nil
		}),
		"artifactCollectionMembership": with(func(p *project, args gqlexec.Args) (any, error) {
			return s.data.membership(p, str(args, "name")), nil
		}),
		"artifact": with(func(p *project, args gqlexec.Args) (any, error) {
			if m := s.data.membership(p, str(args, "name")); m != nil {
				return m.artifact, nil
			}
			return nil, nil
		}),
		"allViews": with(func(p *project, args gqlexec.Args) (any, error) {
			return connection(s, s.data.views(p, args), args, node[*view])
		}),
	}
}

// typeList are the artifact types of a project by name.
func (p *project) typeList() []*artifactType {
	var out []*artifactType
	for _, t := range p.Types {
		out = append(out, t)
	}
	slices.SortFunc(out, func(a, b *artifactType) int {
		if a.Name < b.Name {
			return -1
		}
		return 1
	})
	return out
}

func (s *Server) upsertModel(input gqlexec.Args) (any, error) {
	var p *project
	var inserted bool
	err := s.change(func(d *data) (err error) {
		if p, inserted, err = d.ensureProject(s, str(input, "entityName"), str(input, "name")); err != nil {
			return err
		}
		if description, ok := input["description"].(string); ok {
			p.Description = description
		}
		return nil
	})
	return gqlexec.Object{"project": p, "model": p, "inserted": inserted}, err
}
