"""The stand-in for W&B, with all that its admin endpoints tell."""

from support.server import Server as Base


class Server(Base):
    """A running stand-in.

    Args:
        facts: a ``services.Standin``
        directory: where it keeps its state
    """

    def __init__(self, facts, directory):
        super().__init__(facts)
        self.directory = directory

    def state(self):
        """All that it holds."""
        return self._ask("GET", "/__admin/state")

    def faults(self):
        """The faults that are still to come."""
        return self._ask("GET", "/__admin/faults")

    def stats(self):
        """What was asked of it since ``count()``."""
        return self._ask("GET", "/__admin/stats")

    def count(self):
        """Counts requests from zero again."""
        self._ask("DELETE", "/__admin/stats")

    def hang(self, **where):
        """Gives such requests no answer, and does not do what they ask for."""
        self.count()
        self.fault(mode="hang", count=-1, **where)

    def hanging(self):
        """How many requests hang."""
        return self.stats()["faults_fired"]

    def limit(self, **limits):
        """Changes its limits or its behaviour; see goworker/internal/standin/config.go."""
        self._ask("POST", "/__admin/config", limits)

    def artifact(self, result):
        """What it holds of the version that a result names."""
        found = [
            a
            for a in self.artifacts()
            if (a["entity"], a["project"], a["collection"])
            == (result["entity"], result["project"], result["artifact_name"])
            and f"v{a['version']}" == result["artifact_version"]
        ]
        (one,) = found
        return one

    def everything(self):
        """All that people can see: what a job that failed must leave as it was.

        An artifact that was not committed nobody can see, and W&B removes it after a while.
        """
        state = self.state()
        state["artifacts"] = [a for a in state["artifacts"] if a["state"] == "COMMITTED"]
        names = {(a["entity"], a["project"], a["collection"]) for a in state["artifacts"]}
        state["collections"] = [c for c in state["collections"] if (c["entity"], c["project"], c["name"]) in names]
        return state
