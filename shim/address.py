"""MongoDB's address as pymongo understands it, written down for MongoDB's Go driver.

FiftyOne hands its ``database_uri`` to pymongo. The two drivers differ in what they take: a ``+`` in a password, a missing
slash before the question mark, options that only one of them has. So pymongo reads the address, DNS records of
``mongodb+srv`` included, and what it understood is written in the one form that both agree on.
"""

from __future__ import annotations

import math
import os
import warnings
from urllib.parse import quote

import pymongo.errors
from pymongo import common, uri_parser

from .errors import FIFTYONE, WandBError

# What changes nothing for a reader: how Python shows documents, how it writes, and what is done with by now.
_WITHOUT_EFFECT = {
    "appname",
    "connect",
    "datetime_conversion",
    "driver",
    "fsync",
    "journal",
    "retrywrites",
    "srvmaxhosts",
    "srvservicename",
    "tz_aware",
    "unicode_decode_error_handler",
    "uuidrepresentation",
    "w",
    "waitqueuemultiple",
    "waitqueuetimeoutms",
    "wtimeoutms",
}

# Limits of single reads, which the Go driver does not have; a job of the worker can be cancelled at any time.
_UNUSED = {"sockettimeoutms": "socketTimeoutMS", "timeoutms": "timeoutMS"}

# What goes by several options at a time.
_CREDENTIALS = {"authmechanism", "authmechanismproperties", "authsource"}
_READING = {"readpreference", "readpreferencetags", "maxstalenessseconds"}

_SCRAM = {"DEFAULT", "SCRAM-SHA-1", "SCRAM-SHA-256"}
_EXTERNAL = "$external"


def _text(value):
    return str(value)


def _flag(value):
    return "true" if value else "false"


def _milliseconds(value):
    # pymongo holds times in seconds, and None for no limit, which is 0 to the other.
    return str(math.ceil((value or 0) * 1000 - 1e-6))


_WRITERS = {
    "compressors": ("compressors", ",".join),
    "connecttimeoutms": ("connectTimeoutMS", _milliseconds),
    "directconnection": ("directConnection", _flag),
    "heartbeatfrequencyms": ("heartbeatFrequencyMS", _milliseconds),
    "loadbalanced": ("loadBalanced", _flag),
    "localthresholdms": ("localThresholdMS", lambda value: str(math.ceil(value))),
    "maxconnecting": ("maxConnecting", _text),
    "maxidletimems": ("maxIdleTimeMS", _milliseconds),
    "maxpoolsize": ("maxPoolSize", lambda value: str(value or 0)),
    "minpoolsize": ("minPoolSize", _text),
    "readconcernlevel": ("readConcernLevel", _text),
    "replicaset": ("replicaSet", _text),
    "retryreads": ("retryReads", _flag),
    "servermonitoringmode": ("serverMonitoringMode", _text),
    # 0 is "at once" to pymongo, and "never" to the other.
    "serverselectiontimeoutms": ("serverSelectionTimeoutMS", lambda value: _milliseconds(value or 0.001)),
    "zlibcompressionlevel": ("zlibCompressionLevel", _text),
}


def translate(uri: str, compressor: str | None = None) -> str:
    """Writes an address of pymongo for the Go driver.

    Two things in it are not the driver's but the worker's: file names are absolute, and ``tlsAllowInvalidHostnames``.

    Args:
        uri: what FiftyOne's ``database_uri`` holds
        compressor (None): what FiftyOne's ``database_compressor`` holds

    Returns:
        the address; a secret, because it may hold a password

    Raises:
        WandBError: if pymongo cannot read the address, or it has options that the worker cannot follow. The text names
            options only, since any part of the address may be a secret
    """
    parsed = _parse(uri)
    options = {name.lower(): value for name, value in parsed["options"].items()}
    if compressor:
        options["compressors"] = common.validate("compressors", compressor)[1]

    refused = []
    login, pairs = _credentials(parsed, options, refused)
    pairs += [*_tls(options, refused), *_reading(options, refused)]
    for name, value in options.items():
        key, write = _WRITERS.get(name, (None, None))
        if key and value != [] and (value is not None or write is _milliseconds):
            pairs.append((key, write(value)))

    if refused:
        raise WandBError(
            f"The worker cannot use FiftyOne's database address as it is, because of {', '.join(refused)}. "
            "Change that in FiftyOne's database_uri",
            source=FIFTYONE,
            code="database_address",
        )

    query = "&".join(f"{key}={quote(value, safe='')}" for key, value in pairs)
    hosts = ",".join(_host(*node) for node in parsed["nodelist"])
    return f"mongodb://{login}{hosts}/" + (f"?{query}" if query else "")


def unused(uri: str) -> list[str]:
    """The names of an address's options that have no effect in the worker though they have one in FiftyOne."""
    text = uri.partition("?")[2]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        options = uri_parser.split_options(text, warn=True) if text else {}

    found = [_UNUSED[name.lower()] for name, value in options.items() if name.lower() in _UNUSED and value]
    # A later pymongo may have options that nobody here has heard of.
    known = {*_WITHOUT_EFFECT, *_UNUSED, *_CREDENTIALS, *_READING, *_WRITERS}
    return found + [n for n in options if n.lower() not in known and not n.lower().startswith("tls")]


def _parse(uri):
    with warnings.catch_warnings():
        # It has warned of them when FiftyOne connected. As there, what it does not know is left out.
        warnings.simplefilter("ignore")
        try:
            if "://" in uri:
                return uri_parser.parse_uri(uri, warn=True)

            nodes = uri_parser.split_hosts(uri)
        except (pymongo.errors.PyMongoError, ValueError, TypeError, OSError) as e:
            what = "cannot be read"
            if uri.startswith(uri_parser.SRV_SCHEME):
                what = "cannot be resolved: check its host name, and that DNS can be asked here"

            raise WandBError(
                f"FiftyOne's database address {what} ({type(e).__name__}). It is FiftyOne's database_uri",
                source=FIFTYONE,
                code="database_address",
            ) from None

    return {"nodelist": nodes, "username": None, "password": None, "database": None, "options": {}}


def _host(host, port):
    if port is None:
        return quote(host, safe="")  # a unix socket

    return f"[{quote(host, safe=':')}]:{port}" if ":" in host else f"{quote(host, safe='')}:{port}"


def _credentials(parsed, options, refused):
    """Who logs in, and how: what stands before the hosts, and a list of pairs of options and values."""
    user, password = parsed["username"], parsed["password"]
    mechanism = options.get("authmechanism") or ("DEFAULT" if user else None)
    if mechanism is None:
        return "", []  # the rest is without effect then

    pairs = [] if mechanism == "DEFAULT" else [("authMechanism", mechanism)]
    properties = dict(options.get("authmechanismproperties") or {})
    source = options.get("authsource")
    if mechanism in _SCRAM:
        pairs.append(("authSource", source or parsed["database"] or "admin"))
    elif mechanism == "PLAIN":
        pairs.append(("authSource", source or parsed["database"] or _EXTERNAL))
    elif mechanism in ("MONGODB-X509", "MONGODB-OIDC"):
        password = None
    elif mechanism == "MONGODB-AWS":
        if not user and os.environ.get("AWS_ACCESS_KEY_ID") and os.environ.get("AWS_SECRET_ACCESS_KEY"):
            # The worker's environment has no secrets.
            user, password = os.environ["AWS_ACCESS_KEY_ID"], os.environ["AWS_SECRET_ACCESS_KEY"]
            if os.environ.get("AWS_SESSION_TOKEN"):
                properties["AWS_SESSION_TOKEN"] = os.environ["AWS_SESSION_TOKEN"]
    else:
        refused.append(f"authMechanism={mechanism}")

    kept = {"MONGODB-OIDC": ("ENVIRONMENT", "TOKEN_RESOURCE"), "MONGODB-AWS": ("AWS_SESSION_TOKEN",)}
    properties = {k: v for k, v in properties.items() if k in kept.get(mechanism, ()) and v}
    if properties:
        pairs.append(("authMechanismProperties", ",".join(f"{k}:{v}" for k, v in properties.items())))

    if not user:
        return "", pairs

    secret = "" if password is None else ":" + quote(password, safe="")
    return f"{quote(user, safe='')}{secret}@", pairs


def _tls(options, refused):
    files = ("tlscafile", "tlscertificatekeyfile", "tlscertificatekeyfilepassword", "tlscrlfile")
    flags = ("tlsallowinvalidcertificates", "tlsallowinvalidhostnames", "tlsdisableocspendpointcheck")
    on = options.get("tls")
    if on is None:  # as in pymongo, also what is explicitly not allowed means that there is TLS
        on = any(options.get(n) for n in files) or any(options.get(n) is False for n in flags)

    if not on:
        return []

    pairs = [("tls", "true")]
    for name, key in (("tlscafile", "tlsCAFile"), ("tlscertificatekeyfile", "tlsCertificateKeyFile")):
        if options.get(name):
            pairs.append((key, os.path.abspath(options[name])))  # the worker's directory is another

    if options.get("tlscertificatekeyfile") and options.get("tlscertificatekeyfilepassword"):
        pairs.append(("tlsCertificateKeyFilePassword", options["tlscertificatekeyfilepassword"]))

    if options.get("tlscrlfile"):
        refused.append("tlsCRLFile")

    if options.get("tlsallowinvalidcertificates"):
        return [*pairs, ("tlsInsecure", "true")]

    if options.get("tlsallowinvalidhostnames"):
        pairs.append(("tlsAllowInvalidHostnames", "true"))

    if options.get("tlsdisableocspendpointcheck"):
        pairs.append(("tlsDisableOCSPEndpointCheck", "true"))

    return pairs


def _reading(options, refused):
    mode = options.get("readpreference") or "primary"
    if mode == "primary":
        return []

    pairs = [("readPreference", mode)]
    for tags in options.get("readpreferencetags") or []:
        if any(c in text for tag in tags.items() for text in tag for c in ",:"):
            refused.append("readPreferenceTags with a comma or a colon in them")
            return []

        pairs.append(("readPreferenceTags", ",".join(f"{k}:{v}" for k, v in tags.items())))

    if (options.get("maxstalenessseconds") or -1) > 0:
        pairs.append(("maxStalenessSeconds", str(options["maxstalenessseconds"])))

    return pairs
