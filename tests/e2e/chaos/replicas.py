"""A replica set of MongoDB servers on this machine, whose members can be killed."""

import contextlib
import subprocess
import time

import pymongo
import services

from support.waiting import SECONDS, wait_for

NAME = "chaos"


class Replicas:
    """Three servers of one replica set.

    Args:
        directory: where they keep their data
    """

    def __init__(self, directory):
        self._directory, self._ports = directory, [services.free_port() for _ in range(3)]
        self._members = {}
        hosts = [f"127.0.0.1:{port}" for port in self._ports]
        self.uri = f"mongodb://{','.join(hosts)}/?replicaSet={NAME}"
        for port in self._ports:
            self.start(port)
        members = [{"_id": i, "host": host} for i, host in enumerate(hosts)]
        # A primary that is gone is noticed in a second, not in ten.
        settings = {"electionTimeoutMillis": 1000, "heartbeatIntervalMillis": 300}
        with self._direct(self._ports[0]) as client:
            client.admin.command("replSetInitiate", {"_id": NAME, "members": members, "settings": settings})
        self.wait()

    def start(self, port):
        """Starts a member, with the data that it had."""
        directory = self._directory / str(port)
        directory.mkdir(parents=True, exist_ok=True)
        command = [services.find_mongod(), "--dbpath", str(directory), "--port", str(port), "--bind_ip", "127.0.0.1"]
        command += ["--replSet", NAME, "--nounixsocket", "--wiredTigerCacheSizeGB", "0.25", "--oplogSize", "64"]
        command += ["--logpath", str(directory / "mongod.log"), "--quiet", "--setParameter", "enableTestCommands=1"]
        self._members[port] = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        wait_for(lambda: services.accepts(port))

    @contextlib.contextmanager
    def _direct(self, port):
        with pymongo.MongoClient("127.0.0.1", port, directConnection=True, serverSelectionTimeoutMS=30_000) as client:
            yield client

    def primary(self):
        """The port of the primary, or None while there is none."""
        for port, process in self._members.items():
            if process.poll() is None:
                with contextlib.suppress(pymongo.errors.PyMongoError), self._direct(port) as client:
                    if client.admin.command("hello")["isWritablePrimary"]:
                        return port
        return None

    def wait(self):
        """Waits for a primary that the majority follows, and gives its port."""

        def follows():
            port = self.primary()
            if port is None:
                return None
            with contextlib.suppress(pymongo.errors.PyMongoError), self._direct(port) as client:
                states = [m["stateStr"] for m in client.admin.command("replSetGetStatus")["members"]]
                return states.count("PRIMARY") == 1 and "SECONDARY" in states and port
            return None

        return wait_for(follows)

    def kill(self, port):
        """Kills a member with -9."""
        self._members[port].kill()
        self._members[port].wait()

    def kill_all(self):
        """Kills all members."""
        for port in self._ports:
            self.kill(port)

    def restart(self):
        """Starts what is not running, and waits for a primary."""
        for port in self._ports:
            if self._members[port].poll() is not None:
                self.start(port)
        self.wait()

    def step_down(self):
        """Has the primary hand over, as for maintenance."""
        with contextlib.suppress(pymongo.errors.PyMongoError), self._direct(self.wait()) as client:
            client.admin.command("replSetStepDown", 5, force=True)

    def close(self):
        """Ends all members."""
        for process in self._members.values():
            process.kill()
        deadline = time.monotonic() + SECONDS
        for process in self._members.values():
            process.wait(max(deadline - time.monotonic(), 0.1))
