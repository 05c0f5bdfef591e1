"""Databases with TLS, logins of every kind, replica sets and unix sockets: the worker comes in wherever pymongo does."""

import subprocess
from urllib.parse import quote, quote_plus

import fiftyone as fo
import pymongo
import pytest
import services

from support.certificates import Authority
from support.waiting import wait_for

USER, PASSWORD = "us er+1", "p w+d:/@%é"
KEY_PASSWORD = "key pass"


class Secured:
    """A server that takes TLS only, and lets nobody in without a login. It is a replica set of one.

    Args:
        directory: where it keeps its data
    """

    def __init__(self, directory):
        authority, self.port = Authority(), services.free_port()
        server, _ = authority.issue("server", ["localhost"], unit="servers")
        client, self.subject = authority.issue("client", unit="clients")
        locked, _ = authority.issue("client", unit="clients", password=KEY_PASSWORD)
        texts = {
            "ca": authority.pem,
            "server": server,
            "client": client,
            "locked": locked,
            "other": Authority("other").pem,
        }
        self.files = {}
        for name, text in texts.items():
            self.files[name] = directory / f"{name} file.pem"
            self.files[name].write_text(text)

        (directory / "data").mkdir()
        command = [services.find_mongod(), "--dbpath", str(directory / "data"), "--port", str(self.port), "--auth"]
        command += ["--bind_ip", "127.0.0.1", "--nounixsocket", "--quiet", "--logpath", str(directory / "mongod.log")]
        command += [
            "--tlsMode",
            "requireTLS",
            "--tlsAllowConnectionsWithoutCertificates",
            "--wiredTigerCacheSizeGB",
            "0.25",
        ]
        command += ["--tlsCertificateKeyFile", str(self.files["server"]), "--tlsCAFile", str(self.files["ca"])]
        command += ["--setParameter", "authenticationMechanisms=SCRAM-SHA-1,SCRAM-SHA-256,MONGODB-X509"]
        self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        wait_for(lambda: services.accepts(self.port))
        self.admin = pymongo.MongoClient(self.uri("connect=true"))
        root = {"pwd": PASSWORD, "roles": ["root"]}
        self.admin.admin.command("createUser", USER, **root)
        login = f"{quote_plus(USER)}:{quote_plus(PASSWORD)}"
        self.admin = pymongo.MongoClient(self.uri("connect=true", login))
        self.admin["people"].command("createUser", USER, pwd=PASSWORD, roles=[{"role": "root", "db": "admin"}])
        self.admin["$external"].command("createUser", self.subject, roles=[{"role": "root", "db": "admin"}])

    def uri(self, options, login="", host="localhost", path="/"):
        """An address with this server's authority and more options."""
        at = f"{login}@" if login else ""
        return f"mongodb://{at}{host}:{self.port}{path}?tls=true&tlsCAFile={quote(str(self.files['ca']))}&{options}"

    def file(self, name):
        return quote(str(self.files[name]))

    def close(self):
        self.admin.close()
        self._process.kill()
        self._process.wait()


@pytest.fixture(scope="module")
def secured(tmp_path_factory):
    server = Secured(tmp_path_factory.mktemp("secured"))
    yield server
    server.close()


@pytest.fixture(scope="module")
def replica(tmp_path_factory):
    """A replica set of one that listens at a unix socket, too: its port and the socket."""
    directory = tmp_path_factory.mktemp("replica")
    # Such paths must be short.
    port, sockets = services.free_port(), tmp_path_factory.mktemp("s")
    (directory / "data").mkdir()
    command = [
        services.find_mongod(),
        "--dbpath",
        str(directory / "data"),
        "--port",
        str(port),
        "--bind_ip",
        "127.0.0.1",
    ]
    command += ["--replSet", "rs 0", "--unixSocketPrefix", str(sockets), "--quiet", "--oplogSize", "16"]
    command += ["--wiredTigerCacheSizeGB", "0.25", "--logpath", str(directory / "mongod.log")]
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    wait_for(lambda: services.accepts(port))
    with pymongo.MongoClient("127.0.0.1", port, directConnection=True) as client:
        client.admin.command("replSetInitiate", {"_id": "rs 0", "members": [{"_id": 0, "host": f"127.0.0.1:{port}"}]})
        wait_for(lambda: client.admin.command("hello")["isWritablePrimary"])

    yield port, sockets / f"mongodb-{port}.sock"
    process.kill()
    process.wait()


@pytest.fixture
def copied(data, monkeypatch):
    """Copies a dataset to where an address leads, and has FiftyOne say that this is its database."""
    dataset = data["images"]

    def copy(uri, writer=None):
        name, collection = fo.config.database_name, dataset._sample_collection_name
        source = fo.core.odm.get_db_conn()[collection]
        with pymongo.MongoClient(uri) as client:  # the address is one that pymongo takes
            target = (writer or client)[name][collection]
            if not target.estimated_document_count():
                target.insert_many(source.find())
            assert client[name][collection].estimated_document_count() == len(dataset)

        monkeypatch.setattr(fo.config, "database_uri", uri)
        return dataset

    return copy


LOGIN = f"{quote_plus(USER)}:{quote_plus(PASSWORD)}"
SECURED = {
    "default mechanism": lambda s: s.uri("connect=false", LOGIN),
    "no slash": lambda s: s.uri("connect=false", LOGIN, path=""),
    "SCRAM-SHA-1": lambda s: s.uri("authMechanism=SCRAM-SHA-1", LOGIN),
    "SCRAM-SHA-256": lambda s: s.uri("authMechanism=SCRAM-SHA-256&compressors=zlib", LOGIN),
    "source": lambda s: s.uri("authSource=people&tz_aware=true", LOGIN),
    "source by path": lambda s: s.uri("retryWrites=false", LOGIN, path="/people"),
    "X.509": lambda s: s.uri(f"authMechanism=MONGODB-X509&tlsCertificateKeyFile={s.file('client')}"),
    "X.509, locked key": lambda s: s.uri(
        f"authMechanism=MONGODB-X509&authSource=$external&tlsCertificateKeyFile={s.file('locked')}"
        f"&tlsCertificateKeyFilePassword={quote_plus(KEY_PASSWORD)}"
    ),
    "any host": lambda s: s.uri("tlsAllowInvalidHostnames=true", LOGIN, host="127.0.0.1"),
    "any certificate": lambda s: s.uri("tlsAllowInvalidCertificates=true", LOGIN).replace(
        s.file("ca"), s.file("other")
    ),
    "insecure": lambda s: f"mongodb://{LOGIN}@127.0.0.1:{s.port}/?ssl=true&tlsInsecure=true",
}


@pytest.mark.parametrize("kind", SECURED)
def test_the_worker_comes_in(secured, copied, log_view, kind):
    dataset = copied(SECURED[kind](secured), secured.admin)
    assert log_view(dataset.limit(3))["samples_logged"] == 3


@pytest.mark.parametrize("kind", ["set", "set, read from others", "found out", "socket"])
def test_replica_sets_and_sockets(replica, copied, log_view, kind):
    port, socket = replica
    dataset = copied(
        {
            "set": f"mongodb://127.0.0.1:{port}?replicaSet=rs+0",
            "set, read from others": f"mongodb://127.0.0.1:{port}/?replicaSet=rs%200&readPreference=secondaryPreferred"
            "&readPreferenceTags=dc:x&readPreferenceTags=&maxStalenessSeconds=120",
            "found out": f"127.0.0.1:{port}",
            "socket": f"mongodb://{quote(str(socket), safe='')}?directConnection=true",
        }[kind]
    )
    assert log_view(dataset.limit(3))["samples_logged"] == 3


def test_what_the_worker_does_not_use_is_said(replica, copied, log_view):
    port, _ = replica
    dataset = copied(f"mongodb://127.0.0.1:{port}/?replicaSet=rs+0&socketTimeoutMS=20000&connectTimeoutMS=5000")
    said = [w["message"] for w in log_view(dataset.limit(2))["warnings"] if w["code"] == "database_options"]
    assert said == ["Options of FiftyOne's database address that the worker does not use: socketTimeoutMS"]


WRONG = {
    "password": (
        lambda s: s.uri("serverSelectionTimeoutMS=3000", f"{quote_plus(USER)}:opensesame"),
        "refused the login",
    ),
    "authority": (
        lambda s: s.uri("serverSelectionTimeoutMS=3000", LOGIN).replace(s.file("ca"), s.file("other")),
        "No secure connection",
    ),
    "host": (lambda s: s.uri("serverSelectionTimeoutMS=3000", LOGIN, host="127.0.0.1"), "No secure connection"),
    "any host, wrong authority": (
        lambda s: s.uri("serverSelectionTimeoutMS=3000&tlsAllowInvalidHostnames=true", LOGIN).replace(
            s.file("ca"), s.file("other")
        ),
        "No secure connection",
    ),
    "option": (lambda s: s.uri(f"tlsCRLFile={s.file('ca')}", LOGIN), "because of tlsCRLFile"),
}


@pytest.mark.parametrize("kind", WRONG)
def test_what_is_wrong_is_said_without_the_address(secured, data, monkeypatch, log_view, kind):
    make, text = WRONG[kind]
    monkeypatch.setattr(fo.config, "database_uri", make(secured))
    with pytest.raises(RuntimeError, match=text) as error:
        log_view(data["images"].limit(2))

    assert not any(
        hidden in str(error.value) for hidden in ("opensesame", USER, PASSWORD, quote_plus(PASSWORD), "file.pem")
    )
