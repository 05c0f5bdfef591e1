"""The local stand-in for W&B, as tests of the whole chain see it."""

import json
import urllib.request


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
        """Ends all faults."""
        self._ask("DELETE", "/__admin/faults")

    def run(self, run_id):
        """What the server knows of a run, or None."""
        runs = self._ask("GET", "/__admin/state")["runs"]
        return next((run for run in runs if run["name"] == run_id), None)

    def artifacts(self):
        """The committed versions that the server has."""
        found = self._ask("GET", "/__admin/state")["artifacts"]
        return [artifact for artifact in found if artifact["state"] == "COMMITTED"]

    def _ask(self, method, path, body=None):
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data, {"Content-Type": "application/json"}, method=method)
        with urllib.request.urlopen(request, timeout=30) as answer:
            text = answer.read()

        return json.loads(text) if text else None
