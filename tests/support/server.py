"""The local stand-in for W&B, as tests of the whole chain see it."""

import base64
import contextlib
import hashlib
import json
import secrets
import urllib.request

from support.waiting import SECONDS


class Server:
    """A running stand-in.

    Args:
        facts: a ``services.Standin``
    """

    def __init__(self, facts):
        self.url, self.key, self.entity = facts.url, facts.key, facts.entity

    def fault(self, **fault):
        """Makes something go wrong; see goworker/internal/standin/faults.go."""
        self._ask("POST", "/__admin/faults", fault)

    def heal(self):
        """Ends all faults; requests that are held get their answers."""
        self._ask("DELETE", "/__admin/faults")

    @contextlib.contextmanager
    def holding(self, **where):
        """While the block runs, the server is slow: such requests get their answers at its end, when all faults end."""
        self.fault(mode="hold", count=-1, **where)
        try:
            yield
        finally:
            self.heal()

    def run(self, run_id):
        """What the server knows of a run, or None."""
        return next((run for run in self.runs() if run["name"] == run_id), None)

    def runs(self):
        """What the server knows of all runs."""
        return self._ask("GET", "/__admin/state")["runs"]

    def artifacts(self):
        """The committed versions that the server has."""
        found = self._ask("GET", "/__admin/state")["artifacts"]
        return [artifact for artifact in found if artifact["state"] == "COMMITTED"]

    def make_run(self, project, run_id, name, state="finished", **values):
        """Makes a run; values are inputs of W&B's mutation upsertBucket."""
        document = "mutation U($i: UpsertBucketInput!) { upsertBucket(input: $i) { bucket { id } } }"
        run = {"entityName": self.entity, "modelName": project, "name": run_id, "displayName": name, "state": state}
        self.graphql(document, {"i": {**run, **values}})

    def make_report(self, project, title):
        """Makes a report."""
        document = "mutation U($i: UpsertViewInput!) { upsertView(input: $i) { view { id } } }"
        spec = json.dumps({"blocks": [{"type": "paragraph", "children": [{"text": "Words of the report."}]}]})
        self.graphql(
            document, {"i": {"entityName": self.entity, "projectName": project, "displayName": title, "spec": spec}}
        )

    def make_artifact(self, project, run_id, name, kind="dataset", **values):
        """Makes an artifact without files; values are inputs of W&B's mutation createArtifact."""
        place = {"entityName": self.entity, "projectName": project, "runName": run_id}
        manifest = {"version": 1, "storagePolicy": "wandb-storage-policy-v1", "contents": {}}
        manifest["storagePolicyConfig"] = {"storageLayout": "V2"}
        text = json.dumps(manifest).encode()
        created = self.graphql(
            "mutation C($i: CreateArtifactInput!) { createArtifact(input: $i) { artifact { id } } }",
            {
                "i": {
                    **place,
                    "artifactTypeName": kind,
                    "artifactCollectionName": name,
                    "digest": hashlib.md5(b"wandb-artifact-manifest-v1\n").hexdigest(),
                    "digestAlgorithm": "MANIFEST_MD5",
                    "aliases": [{"artifactCollectionName": name, "alias": "latest"}],
                    "clientID": secrets.token_hex(64),
                    "sequenceClientID": secrets.token_hex(64),
                    **values,
                }
            },
        )
        found = created["data"]["createArtifact"]["artifact"]["id"]
        described = self.graphql(
            "mutation M($i: CreateArtifactManifestInput!) { createArtifactManifest(input: $i) "
            "{ artifactManifest { file { uploadUrl uploadHeaders } } } }",
            {
                "i": {
                    **place,
                    "artifactID": found,
                    "name": "wandb_manifest.json",
                    "type": "FULL",
                    "digest": base64.b64encode(hashlib.md5(text).digest()).decode(),
                }
            },
        )
        file = described["data"]["createArtifactManifest"]["artifactManifest"]["file"]
        headers = dict(header.split(":", 1) for header in file["uploadHeaders"])
        request = urllib.request.Request(file["uploadUrl"], text, headers, method="PUT")
        urllib.request.urlopen(request, timeout=SECONDS).close()
        self.graphql(
            "mutation D($i: CommitArtifactInput!) { commitArtifact(input: $i) { artifact { id } } }",
            {"i": {"artifactID": found}},
        )

    def stream(self, project, run_id, rows, **ending):
        """Logs a run's history, each row as JSON; a run ends by ``complete=True, exitcode=0``."""
        path = f"/files/{self.entity}/{project}/{run_id}/file_stream"
        history = {"offset": 0, "content": rows}
        body = {"files": {"wandb-history.jsonl": history}, **ending}
        self._ask("POST", path, body, Authorization=self._login(self.key))

    def _login(self, key):
        return "Basic " + base64.b64encode(f"api:{key}".encode()).decode()

    def graphql(self, query, variables, key=None):
        """The answer to a document that the official package does not send."""
        body = {"query": query, "variables": variables}
        answer = self._ask("POST", "/graphql", body, Authorization=self._login(key or self.key))
        assert "errors" not in answer, answer
        return answer

    def _ask(self, method, path, body=None, **headers):
        data = None if body is None else json.dumps(body).encode()
        headers["Content-Type"] = "application/json"
        request = urllib.request.Request(self.url + path, data, headers, method=method)
        with urllib.request.urlopen(request, timeout=SECONDS) as answer:
            text = answer.read()

        return json.loads(text) if text else None
