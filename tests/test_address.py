"""Addresses of MongoDB: what pymongo understands, MongoDB's Go driver understands too."""

import json
import os
import random
import socket
import ssl
import subprocess
import threading
import warnings
from pathlib import Path
from urllib.parse import quote, quote_plus

import dns.message
import dns.resolver
import dns.rrset
import pymongo
import pytest

from shim import address
from shim.errors import WandBError

ROOT = Path(__file__).resolve().parents[1]

#: What users write, and what the worker gets.
WRITTEN = {
    "mongodb://localhost": "mongodb://localhost:27017/",
    "localhost:1234": "mongodb://localhost:1234/",
    "mongodb://h?connect=false": "mongodb://h:27017/",
    "mongodb://h/?w=majority&retryWrites=true&journal=true&appName=x&uuidRepresentation=standard": "mongodb://h:27017/",
    "mongodb://u+ser:p+w%2B@h": "mongodb://u%20ser:p%20w%2B@h:27017/?authSource=admin",
    "mongodb://u:p@h/db": "mongodb://u:p@h:27017/?authSource=db",
    "mongodb://u:p@h/db?authSource=other": "mongodb://u:p@h:27017/?authSource=other",
    "mongodb://h/?authSource=other": "mongodb://h:27017/",
    "mongodb://u:p@H1,h2:2/?replicaSet=r;ssl=true": "mongodb://u:p@h1:27017,h2:2/?authSource=admin&tls=true&replicaSet=r",
    "mongodb://[::1]:5": "mongodb://[::1]:5/",
    "mongodb://%2Ftmp%2Fmongodb-1.sock": "mongodb://%2Ftmp%2Fmongodb-1.sock/",
    "mongodb://h/?tlsAllowInvalidCertificates=true&tls=true": "mongodb://h:27017/?tls=true&tlsInsecure=true",
    "mongodb://h/?tlsInsecure=true&tls=true": "mongodb://h:27017/?tls=true&tlsInsecure=true",
    "mongodb://h/?tlsAllowInvalidHostnames=true&tls=true": "mongodb://h:27017/?tls=true&tlsAllowInvalidHostnames=true",
    "mongodb://h/?tls=false": "mongodb://h:27017/",
    "mongodb://h/?serverSelectionTimeoutMS=0&connectTimeoutMS=0": (
        "mongodb://h:27017/?serverSelectionTimeoutMS=1&connectTimeoutMS=0"
    ),
    "mongodb://h/?MAXPOOLSIZE=7&unheard=of": "mongodb://h:27017/?maxPoolSize=7",
    "mongodb://h/?authMechanism=MONGODB-X509&tls=true": "mongodb://h:27017/?authMechanism=MONGODB-X509&tls=true",
    "mongodb://h/?readPreference=secondary&readPreferenceTags=dc:ny,r:1&readPreferenceTags=": (
        "mongodb://h:27017/?readPreference=secondary&readPreferenceTags=dc%3Any%2Cr%3A1&readPreferenceTags="
    ),
}


@pytest.mark.parametrize("uri", WRITTEN, ids=range(len(WRITTEN)))
def test_written_for_the_other_driver(uri):
    assert address.translate(uri) == WRITTEN[uri]


def test_fiftyones_own_compressor():
    assert address.translate("mongodb://h/?compressors=snappy", "zlib") == "mongodb://h:27017/?compressors=zlib"


def test_files_are_found_from_elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "ca.pem").write_text("")
    got = address.translate("mongodb://h/?tlsCAFile=ca.pem")
    assert got == f"mongodb://h:27017/?tls=true&tlsCAFile={quote(str(tmp_path / 'ca.pem'), safe='')}"


def test_credentials_of_aws_in_the_environment(monkeypatch):
    for name, value in {"ACCESS_KEY_ID": "id", "SECRET_ACCESS_KEY": "a/b", "SESSION_TOKEN": "t,k"}.items():
        monkeypatch.setenv(f"AWS_{name}", value)
    got = address.translate("mongodb://h/?authMechanism=MONGODB-AWS")
    assert got.startswith(
        "mongodb://id:a%2Fb@h:27017/?authMechanism=MONGODB-AWS&authMechanismProperties=AWS_SESSION_TOKEN%3At"
    )


REFUSED = {
    "mongodb://hush:opensesame@h/?authMechanism=GSSAPI": "authMechanism=GSSAPI",
    "mongodb://hush:opensesame@h/?tlsCRLFile={file}": "tlsCRLFile",
    "mongodb://hush:opensesame@h/?readPreference=nearest&readPreferenceTags=a:b%2Cc": "readPreferenceTags",
    "mongodb://hush:open:sesame@h/": "cannot be read",
    "mongodb://hush:opensesame@h:port/": "cannot be read",
    "nosql://hush:opensesame@h/": "cannot be read",
}


@pytest.mark.parametrize("uri", REFUSED, ids=REFUSED.values())
def test_what_cannot_be_carried_over_is_named_and_nothing_else(uri, tmp_path):
    (tmp_path / "crl").write_text("")
    with pytest.raises(WandBError, match=REFUSED[uri]) as error:
        address.translate(uri.replace("{file}", str(tmp_path / "crl")))

    assert error.value.code == "database_address"
    assert error.value.__suppress_context__ or error.value.__cause__ is None
    assert not any(hidden in str(error.value) for hidden in ("hush", "sesame", "port", str(tmp_path)))


def test_options_without_effect_are_told():
    assert address.unused(
        "mongodb://u:p@h/?socketTimeoutMS=5&w=1&timeoutMS=7&maxPoolSize=2&connect=false&tls=true"
    ) == [
        "socketTimeoutMS",
        "timeoutMS",
    ]
    for uri in ("", "mongodb://h", "mongodb://h/?socketTimeoutMS=0", "h:1"):
        assert address.unused(uri) == []


@pytest.fixture
def resolver(monkeypatch):
    """A DNS server on loopback, which dnspython asks; gives its records."""
    records = {}
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.bind(("127.0.0.1", 0))

    def serve():
        while True:
            try:
                data, peer = sock.recvfrom(4096)
            except OSError:
                return
            if not data:
                return
            query = dns.message.from_wire(data)
            asked = query.question[0]
            answer = dns.message.make_response(query)
            kind = dns.rdatatype.to_text(asked.rdtype)
            found = records.get((asked.name.to_text(omit_final_dot=True), kind))
            if found:
                answer.answer.append(dns.rrset.from_text(asked.name, 60, "IN", kind, *found))
            elif not any(name == asked.name.to_text(omit_final_dot=True) for name, _ in records):
                answer.set_rcode(dns.rcode.NXDOMAIN)
            sock.sendto(answer.to_wire(), peer)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    asking = dns.resolver.Resolver(configure=False)
    asking.nameservers, asking.port = ["127.0.0.1"], sock.getsockname()[1]
    monkeypatch.setattr(dns.resolver, "default_resolver", asking)
    yield records
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as end:
        end.sendto(b"", sock.getsockname())
    thread.join(10)
    sock.close()


def test_names_of_clusters_are_resolved_as_by_pymongo(resolver):
    resolver["_mongodb._tcp.cluster.example.test", "SRV"] = ["0 5 27017 a.example.test.", "0 5 27018 b.example.test."]
    resolver["cluster.example.test", "TXT"] = ['"authSource=people&replicaSet=rs0"']

    got = address.translate("mongodb+srv://u:p+w@cluster.example.test/db?retryWrites=true&w=majority")

    hosts, _, rest = got.removeprefix("mongodb://u:p%20w@").partition("/?")
    assert sorted(hosts.split(",")) == ["a.example.test:27017", "b.example.test:27018"]
    assert sorted(rest.split("&")) == ["authSource=people", "replicaSet=rs0", "tls=true"]
    assert "tls" not in address.translate("mongodb+srv://cluster.example.test/?tls=false")
    one = address.translate("mongodb+srv://cluster.example.test/?srvMaxHosts=1&replicaSet=")
    assert one.count("example.test") in (1, 2)


def test_a_cluster_that_nobody_knows(resolver):
    with pytest.raises(WandBError, match="cannot be resolved") as error:
        address.translate("mongodb+srv://hush:opensesame@nowhere.example.test/?connectTimeoutMS=500")
    assert not any(hidden in str(error.value) for hidden in ("hush", "sesame", "nowhere"))


def _value(rng, *values):
    return rng.choice(values)


def _random_options(rng, ca):
    """Options as people write them, some of them none that anybody knows."""
    number = rng.choice([0, 1, 2, 5, 50, 1000, 5000, 123456])
    return {
        "connectTimeoutMS": number,
        "heartbeatFrequencyMS": rng.choice([500, 10_000, 12_345]),
        "localThresholdMS": rng.choice([0, 15, 20.5]),
        "maxIdleTimeMS": rng.choice([1, 120_000]),
        "serverSelectionTimeoutMS": rng.choice([1, 2000, 30_000]),
        "socketTimeoutMS": number,
        "waitQueueTimeoutMS": rng.choice([10, 1000]),
        "maxPoolSize": rng.choice([100, 200]),
        "minPoolSize": rng.choice([0, 3, 100]),
        "maxConnecting": rng.choice([1, 2, 9]),
        "readConcernLevel": _value(rng, "local", "majority", "available"),
        "readPreference": _value(rng, "primary", "primaryPreferred", "secondary", "secondaryPreferred", "nearest"),
        "readPreferenceTags": _value(rng, "dc:ny", "dc:ny,rack:r%201", ""),
        "maxStalenessSeconds": rng.choice([-1, 90, 600]),
        "replicaSet": _value(rng, "rs0", "a b", "x%2Fy"),
        "retryReads": _value(rng, "true", "false"),
        "retryWrites": _value(rng, "true", "false"),
        "directConnection": _value(rng, "true", "false"),
        "loadBalanced": _value(rng, "true", "false"),
        "serverMonitoringMode": _value(rng, "auto", "stream", "poll"),
        "compressors": _value(rng, "zlib", "zlib,snappy", "zstd,zlib", "none"),
        "zlibCompressionLevel": rng.choice([-1, 0, 9]),
        "tls": _value(rng, "true", "false"),
        "ssl": _value(rng, "true", "false"),
        "tlsInsecure": _value(rng, "true", "false"),
        "tlsAllowInvalidCertificates": _value(rng, "true", "false"),
        "tlsAllowInvalidHostnames": _value(rng, "true", "false"),
        "tlsDisableOCSPEndpointCheck": _value(rng, "true", "false"),
        "tlsCAFile": quote(ca, safe=""),
        "w": _value(rng, "majority", "1", "0"),
        "journal": _value(rng, "true", "false"),
        "wTimeoutMS": number,
        "connect": _value(rng, "true", "false"),
        "tz_aware": "true",
        "uuidRepresentation": "standard",
        "authSource": _value(rng, "admin", "other", "$external"),
        "authMechanism": _value(rng, "SCRAM-SHA-1", "SCRAM-SHA-256", "PLAIN", "MONGODB-X509", "DEFAULT", "MONGODB-AWS"),
        "appName": "a+b",
        "nobodyKnows": "this",
    }


def _random_uri(rng, ca):
    hosts = rng.sample(
        ["h", "UPPER.example", "127.0.0.1:27018", "[::1]", "[fe80::1]:5", "%2Ftmp%2Fa+b.sock"], rng.choice([1, 1, 2, 3])
    )
    user = ""
    if rng.random() < 0.6:
        letters = "abc019 +%:/?#[]@!$&'()*,;=é日\t"
        escape = rng.choice([quote_plus, lambda text: quote(text, safe="")])
        user = ":".join(escape("".join(rng.choices(letters, k=rng.randint(1, 12)))) for _ in range(2)) + "@"

    options = _random_options(rng, ca)
    chosen = rng.sample(sorted(options), rng.randint(0, 7))
    cased = [rng.choice([str, str.lower, str.upper])(name) for name in chosen]
    query = rng.choice("&;").join(f"{name}={options[key]}" for name, key in zip(cased, chosen, strict=True))
    path = rng.choice(["", "/", "/db", "/some.thing"])
    return f"mongodb://{user}{','.join(hosts)}{path}" + (f"?{query}" if query else "")


def _understood(client, given):
    """What a client of pymongo goes by, in the terms of the Go test."""
    options = client.options
    pool, reading = options.pool_options, options.read_preference
    seeds = [
        host if port is None else f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        for host, port in client._topology_settings.seeds
    ]
    context = pool._ssl_context
    want = {"hosts": sorted(seeds), "tls": context is not None}
    if context is not None:
        want["insecure"] = context.verify_mode == ssl.CERT_NONE
        want["anyhost"] = context.verify_mode != ssl.CERT_NONE and not context.check_hostname

    login = pool._credentials
    want["user"] = None
    if login is not None:
        mechanism = "" if login.mechanism == "DEFAULT" else login.mechanism
        want.update(
            user=login.username or "", password=login.password or "", mechanism=mechanism, authsource=login.source
        )

    compression = pool._compression_settings
    values = {
        "compressors": compression.compressors or None,
        "connecttimeoutms": round((pool.connect_timeout or 0) * 1000),
        "directconnection": options.direct_connection,
        "heartbeatfrequencyms": round(options.heartbeat_frequency * 1000),
        "loadbalanced": options.load_balanced,
        "maxconnecting": pool.max_connecting,
        "maxidletimems": round((pool.max_idle_time_seconds or 0) * 1000),
        "maxpoolsize": pool.max_pool_size or 0,
        "minpoolsize": pool.min_pool_size,
        "readconcernlevel": options.read_concern.level,
        "replicaset": options.replica_set_name,
        "retryreads": options.retry_reads,
        "servermonitoringmode": options.server_monitoring_mode,
        "serverselectiontimeoutms": round(options.server_selection_timeout * 1000),
    }
    want.update({name: value for name, value in values.items() if name in given})
    if reading.document["mode"] != "primary":
        want["readpreference"] = reading.document["mode"]
        if "readpreferencetags" in given:
            want["readpreferencetags"] = [dict(tags) for tags in reading.tag_sets]
        if reading.max_staleness > 0:
            want["maxstalenessseconds"] = reading.max_staleness

    return want


def test_random_addresses_mean_the_same_to_both_drivers(tmp_path):
    """Whatever pymongo takes, the Go driver takes when it is translated, with the same hosts, credentials and options."""
    seed = random.SystemRandom().randrange(10**9)
    rng = random.Random(seed)
    ca = tmp_path / "c a.pem"
    ca.write_text(_certificate())
    cases, seen = [], set()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        while len(cases) < 250:
            uri = _random_uri(rng, str(ca))
            try:
                client = pymongo.MongoClient(uri, connect=False)
            except (pymongo.errors.PyMongoError, ValueError, TypeError):
                continue

            with client:
                given = {name.lower() for name in pymongo.uri_parser.parse_uri(uri, warn=True)["options"]}
                cases.append({"uri": address.translate(uri), "want": _understood(client, given)})
                seen |= given

    assert len(seen) > 30, seed
    path = tmp_path / "addresses.json"
    path.write_text(json.dumps(cases))
    done = subprocess.run(
        ["go", "test", "-count=1", "-run", "^TestAddresses$", "./goworker/internal/view"],
        cwd=ROOT,
        env={**os.environ, "ADDRESSES": str(path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"seed {seed}\n{done.stdout[:5000]}\n{done.stderr[-2000:]}"


def _certificate():
    from support.certificates import Authority

    return Authority().pem
