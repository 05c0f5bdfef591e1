"""How tests are shared out to processes: by files, but for those that share something which takes long to start."""

from xdist.scheduler import LoadFileScheduling

# The App's server, its page in a browser, and what is logged for it: half a minute of CPU, once for all of these files.
_TOGETHER = {
    f"tests/app/{name}": "tests/app"
    for name in ("test_evaluations.py", "test_forms.py", "test_panel.py", "test_states.py")
}

# What takes minutes begins first, or the last of it would run alone at the end.
_LONG_FIRST = (
    "tests/app",
    "tests/test_install.py",
    "tests/e2e/test_workers.py",
    "tests/test_services.py",
    "tests/readme/test_examples.py",
    "tests/readme/test_documents.py",
    "tests/app/test_demo.py",
    "tests/e2e/test_large.py",
    "tests/e2e/chaos/test_database.py",
)
_RANKS = {name: rank for rank, name in enumerate(_LONG_FIRST)}


def unit(nodeid):
    """The name of what a test is in one process with."""
    file = nodeid.partition("::")[0]
    return _TOGETHER.get(file, file)


def rank(nodeid):
    """Where a test is in the order."""
    return _RANKS.get(unit(nodeid), len(_RANKS))


class Scheduling(LoadFileScheduling):
    """Gives each process the next unit."""

    def _split_scope(self, nodeid):
        return unit(nodeid)

    def remove_node(self, node):
        """Gives the tests of a process that has ended to another, without the one that it ended in, which it returns.

        xdist would run that test again, and lose twice as many processes as there are, until it gives up.
        """
        for tests in self.assigned_work[node].values():
            for nodeid, done in tests.items():
                if not done:
                    tests[nodeid] = True
                    super().remove_node(node)
                    return nodeid

        return super().remove_node(node)
