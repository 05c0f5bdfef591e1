package wandb_test

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
)

func str(v any) string { s, _ := v.(string); return s }

func (f *fake) viewer() obj {
	return obj{"id": "u", "entity": "me", "username": "me", "teams": obj{"edges": []obj{{"node": obj{"name": "team"}}}}}
}

// resolve answers an operation, or gives the words of a conflict.
func (f *fake) resolve(op string, v obj) (data obj, conflict string) {
	key := str(v["entity"]) + "/" + str(v["project"])
	switch op {
	case "Viewer":
		return obj{"viewer": f.viewer()}, ""
	case "Entity":
		if !f.entities[str(v["entity"])] {
			return obj{"entity": nil}, ""
		}
		return obj{"entity": obj{"name": v["entity"]}}, ""
	case "FindRun", "RunConfig", "RunContent", "FindProject":
		if !f.projects[key] {
			return obj{"project": nil}, ""
		}
		return obj{"project": obj{"name": v["project"], "run": f.runNode(key, str(v["run"]))}}, ""
	case "ListRuns", "RunDetails":
		if f.projects[str(v["entity"])+"/"+str(v["project"])] {
			run := obj{"id": "x", "name": str(v["run"]), "state": "finished"}
			return obj{"viewer": f.viewer(), "project": obj{"name": v["project"], "entityName": v["entity"], "run": run, "runs": obj{"edges": []obj{}}}}, ""
		}
		return obj{"viewer": f.viewer(), "project": nil}, ""
	case "CreateRun":
		f.projects[key] = true
		_, there := f.runs[key+"/"+str(v["run"])]
		if !there {
			f.runs[key+"/"+str(v["run"])] = &fakeRun{state: "running"}
		}
		r := f.runs[key+"/"+str(v["run"])]
		r.config, r.displayName = str(v["config"]), str(v["displayName"])
		return obj{"upsertBucket": obj{"bucket": f.runNode(key, str(v["run"])), "inserted": !there}}, ""
	case "SetRunConfig":
		f.runs[str(v["id"])].config = str(v["config"])
		return obj{"upsertBucket": obj{"bucket": obj{"id": v["id"]}}}, ""
	case "SetRunContent":
		f.runs[str(v["id"])].config, f.runs[str(v["id"])].summary = str(v["config"]), str(v["summary"])
		return obj{"upsertBucket": obj{"bucket": obj{"id": v["id"]}}}, ""
	case "CreateRunFiles":
		return obj{"createRunFiles": obj{"uploadHeaders": []string{}, "files": []obj{{"name": "x", "uploadUrl": f.address("runfile")}}}}, ""
	case "UseArtifact":
		f.uses = append(f.uses, str(v["runName"])+" "+str(v["artifactID"]))
		return obj{"useArtifact": obj{"artifact": obj{"id": v["artifactID"]}}}, ""
	}
	return f.resolveArtifact(op, v)
}

func (f *fake) runNode(key, id string) obj {
	r := f.runs[key+"/"+id]
	if r == nil {
		return nil
	}
	entity, project, _ := strings.Cut(key, "/")
	return obj{
		"id": key + "/" + id, "name": id, "state": r.state, "displayName": r.displayName, "config": r.config, "summaryMetrics": r.summary,
		"project": obj{"name": project, "entity": obj{"name": entity}},
	}
}

func (f *fake) resolveArtifact(op string, v obj) (data obj, conflict string) {
	input, _ := v["input"].(obj)
	switch op {
	case "ArtifactType":
		for _, a := range f.arts {
			if a.name == str(v["name"]) {
				return obj{"project": obj{"artifactCollection": obj{"defaultArtifactType": obj{"name": a.kind}}}}, ""
			}
		}
		return obj{"project": obj{"artifactCollection": nil}}, ""
	case "CreateArtifact":
		return f.createArtifact(input)
	case "CreateArtifactManifest":
		file := obj{"id": "f"}
		if v["includeUpload"] == true {
			file["uploadUrl"] = f.address("manifest/" + str(v["artifactID"]))
			file["uploadHeaders"] = []string{"Content-MD5:" + str(v["digest"]), "Content-Type: application/json"}
		}
		return obj{"createArtifactManifest": obj{"artifactManifest": obj{"id": "m" + str(v["artifactID"]), "file": file}}}, ""
	case "CreateArtifactFiles":
		var edges []obj
		for _, spec := range input["artifactFiles"].([]any) {
			edges = append(edges, obj{"node": f.fileNode(spec.(obj))})
		}
		return obj{"createArtifactFiles": obj{"files": obj{"edges": edges}}}, ""
	case "CompleteMultipart":
		return f.complete(v)
	case "CommitArtifact":
		a := f.artifact(str(v["artifactID"]))
		if a.state != "COMMITTED" {
			for _, other := range f.arts {
				if other.name == a.name && other.state == "COMMITTED" {
					a.index++
				}
			}
			a.state = "COMMITTED"
		}
		return obj{"commitArtifact": obj{"artifact": a.node()}}, ""
	case "ArtifactVersion":
		return obj{"artifact": f.artifact(str(v["id"])).node()}, ""
	case "ArtifactByName":
		a := f.arts[0]
		node := a.node()
		node["artifactSequence"] = obj{"name": a.name}
		var edges []obj
		for path, digest := range a.born {
			raw, _ := base64.StdEncoding.DecodeString(digest)
			key := "file/" + a.id + "/" + hex.EncodeToString(raw)
			edges = append(edges, obj{"node": obj{"name": path, "digest": digest, "sizeBytes": len(f.blobs[key]), "directUrl": f.address(key)}})
		}
		node["files"] = obj{"edges": edges}
		node["currentManifest"] = obj{"file": obj{"directUrl": f.address("manifest/" + a.id)}}
		return obj{"viewer": f.viewer(), "project": obj{"name": "p", "entityName": "me", "artifactCollectionMembership": obj{"artifact": node}}}, ""
	case "ArtifactFiles":
		data, _ := f.resolveArtifact("ArtifactByName", v)
		return obj{"artifact": data["project"].(obj)["artifactCollectionMembership"].(obj)["artifact"]}, ""
	case "AddAliases":
		a := f.artifact(str(input["artifactID"]))
		for _, alias := range input["aliases"].([]any) {
			a.aliases = append(a.aliases, str(alias.(obj)["alias"]))
		}
		return obj{"addAliases": obj{"success": true}}, ""
	case "UpdateArtifact":
		a := f.artifact(str(input["artifactID"]))
		a.input["updated"] = input
		return obj{"updateArtifact": obj{"artifact": obj{"id": a.id}}}, ""
	}
	return nil, "unknown operation " + op
}

func (a *fakeArtifact) node() obj {
	var aliases []obj
	for _, x := range a.aliases {
		aliases = append(aliases, obj{"alias": x, "artifactCollection": obj{"name": a.name}})
	}
	return obj{
		"id": a.id, "digest": a.digest, "state": a.state, "versionIndex": a.index, "aliases": aliases,
		"createdBy": obj{"name": a.run, "project": obj{"name": "p", "entity": obj{"name": "me"}}},
	}
}

func (f *fake) createArtifact(in obj) (data obj, conflict string) {
	answer := func(a *fakeArtifact) (obj, string) {
		return obj{"createArtifact": obj{"artifact": obj{"id": a.id, "state": a.state, "artifactSequence": obj{"latestArtifact": nil}}}}, ""
	}
	for _, a := range f.arts {
		switch {
		case a.name == str(in["artifactCollectionName"]) && a.kind != str(in["artifactTypeName"]):
			return nil, "the collection has another type"
		case a.clientID == str(in["clientID"]):
			return answer(a)
		case a.name == str(in["artifactCollectionName"]) && a.digest == str(in["digest"]) && a.state == "COMMITTED":
			return answer(a)
		}
	}
	a := &fakeArtifact{
		id: artifactID(len(f.arts)), clientID: str(in["clientID"]), name: str(in["artifactCollectionName"]), kind: str(in["artifactTypeName"]),
		digest: str(in["digest"]), state: "PENDING", run: str(in["runName"]), input: in, born: map[string]string{},
	}
	for _, alias := range in["aliases"].([]any) {
		a.aliases = append(a.aliases, str(alias.(obj)["alias"]))
	}
	f.arts = append(f.arts, a)
	return answer(a)
}

func (f *fake) fileNode(spec obj) obj {
	id, name, digest := str(spec["artifactID"]), str(spec["name"]), str(spec["md5"])
	f.artifact(id).born[name] = digest
	raw, _ := base64.StdEncoding.DecodeString(digest)
	for _, a := range f.arts {
		if a.state == "COMMITTED" && a.name == f.artifact(id).name && a.born[name] == digest {
			return obj{"artifact": obj{"id": a.id}, "uploadUrl": nil}
		}
	}
	key := "file/" + id + "/" + hex.EncodeToString(raw)
	if f.byPath {
		key = "file/" + id + "/" + name
	}
	if _, there := f.blobs[key]; there && !f.forgetful {
		return obj{"artifact": obj{"id": id}, "uploadUrl": nil}
	}
	node := obj{
		"artifact": obj{"id": id}, "storagePath": key, "uploadUrl": f.address(key),
		"uploadHeaders": []string{"Content-MD5:" + digest, "Content-Type: text/plain", "x-ms-blob-type:BlockBlob"},
	}
	if parts, ok := spec["uploadPartsInput"].([]any); ok {
		var urls []obj
		f.parts[key] = nil
		for i, p := range parts {
			f.parts[key] = append(f.parts[key], str(p.(obj)["hexMD5"]))
			urls = append(urls, obj{"partNumber": i + 1, "uploadUrl": f.address(fmt.Sprintf("part/%d/%s", i, key))})
		}
		slices.Reverse(urls)
		node["uploadMultipartUrls"] = obj{"uploadID": "multi", "uploadUrlParts": urls}
	}
	return node
}

func (f *fake) complete(v obj) (data obj, conflict string) {
	key := str(v["storagePath"])
	var whole []byte
	for i, p := range v["parts"].([]any) {
		if want := `"` + f.parts[key][i] + `"`; str(p.(obj)["hexMD5"]) != want {
			return nil, "wrong ETag"
		}
		whole = append(whole, f.blobs[fmt.Sprintf("part/%d/%s", i, key)]...)
	}
	f.blobs[key] = whole
	return obj{"completeMultipartUploadArtifact": obj{"digest": ""}}, ""
}
