package wandb

import (
	"cmp"
	"context"
	"net/http"
	"strconv"
	"strings"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/fault"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/wandb/config"
)

// URL is the page of a version; in a registry, that of its member of the registry.
func (a ArtifactInfo) URL(s config.Settings) string {
	if !strings.HasPrefix(a.Project, config.RegistryPrefix) || a.Organization == "" {
		return s.ArtifactURL(a.Entity, a.Project, a.Type, a.Name, a.Version)
	}
	return s.MemberURL(a.Organization, a.Entity, a.Project, a.Name, a.Version)
}

// organization is one that an account belongs to.
type organization struct {
	// name is what people see; entity is the entity that holds the registries.
	name, entity string
}

// organizationNode is an organization in an answer. Those of one's own have no entity.
type organizationNode struct {
	Name   string `json:"name"`
	Entity *struct {
		Name string `json:"name"`
	} `json:"orgEntity"`
}

// registry finds the organization whose registry a project is; a zero one for a project that is
// not a registry. named is what stands before the project: the organization, by the name that
// people see or by its entity, or a team or user of it; empty for the settings' entity or the
// viewer's. wandb 0.31 goes about it in the same way (sdk/artifacts/_gqlutils.py). Faults beside
// the network's: no_organization.
func (c *Client) registry(ctx context.Context, named, project string) (organization, error) {
	if !strings.HasPrefix(project, config.RegistryPrefix) {
		return organization{}, nil
	}
	of := named
	candidates, err := c.organizations(ctx, named)
	if own := c.settings.Entity; err == nil && len(candidates) == 0 && own != named {
		of = own
		candidates, err = c.organizations(ctx, own)
	}
	if err == nil && len(candidates) == 0 {
		var v Viewer
		if v, err = c.Viewer(ctx); err == nil && v.Entity != named {
			of = v.Entity
			candidates, err = c.organizations(ctx, of)
		}
	}
	if err != nil {
		return organization{}, err
	}
	for _, o := range candidates {
		if len(candidates) == 1 && (named == "" || named == of) || named != "" && (named == o.name || named == o.entity) {
			return o, nil
		}
	}
	if len(candidates) > 1 && (named == "" || named == of) {
		var names []string
		for _, o := range candidates {
			names = append(names, strconv.Quote(o.name))
		}
		return organization{}, fault.New(fault.Settings, fault.NoOrganization,
			"%s belongs to several organizations: %s. Say whose registry is meant: \"organization/%s/name:version\".", of, strings.Join(names, ", "), project)
	}
	if named == "" {
		return organization{}, fault.New(fault.Settings, fault.NoOrganization,
			"W&B at %s knows no organization of %s, and registries belong to one. Name it: \"organization/%s/name:version\".", c.host(), cmp.Or(of, "this account"), project)
	}
	return organization{entity: named}, nil // of others, if anything: the server knows
}

// organizations are those that an entity belongs to: that of a team or of an organization's own
// entity, or all those of a user. A server that knows no registries has none.
func (c *Client) organizations(ctx context.Context, entity string) (out []organization, err error) {
	if entity == "" {
		return nil, nil
	}
	var answer struct {
		Entity *struct {
			Organization *organizationNode `json:"organization"`
			User         *struct {
				Organizations []organizationNode `json:"organizations"`
			} `json:"user"`
		} `json:"entity"`
	}
	err = c.graphql(ctx, "Organizations", map[string]string{"entity": entity}, &answer)
	if isUnknownToServer(err) || statusOf(err) == http.StatusNotFound || statusOf(err) == http.StatusForbidden {
		return nil, nil
	}
	if err != nil || answer.Entity == nil {
		return nil, err
	}
	var nodes []organizationNode
	if o := answer.Entity.Organization; o != nil {
		nodes = append(nodes, *o)
	} else if u := answer.Entity.User; u != nil {
		nodes = u.Organizations
	}
	for _, o := range nodes {
		if o.Entity != nil && o.Entity.Name != "" {
			out = append(out, organization{o.Name, o.Entity.Name})
		}
	}
	return out, nil
}
