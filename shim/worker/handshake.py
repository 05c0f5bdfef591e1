"""How the two sides come to trust each other: certificates and go-plugin's one line."""

from __future__ import annotations

import base64
import binascii
import datetime
import re
import urllib.parse
from dataclasses import dataclass

from .errors import WorkerMismatch, WorkerStartError, require

#: The version of the contract in proto/; goworker/internal/host has the same.
PROTOCOL = 1

_LIFETIME = datetime.timedelta(days=30)
_BACKDATED = datetime.timedelta(minutes=5)


@dataclass(frozen=True)
class Handshake:
    """Where the worker listens, and the certificate (PEM) that it will show."""

    target: str
    certificate: bytes


def parse(line: str) -> Handshake:
    """Reads ``core|protocol|network|address|kind|certificate``, the line that a go-plugin prints.

    Raises:
        WorkerMismatch: if the worker speaks another protocol than we do
        WorkerStartError: if it is not such a line, or an offer that is not safe to take
    """
    fields = line.strip().split("|")
    if len(fields) < 5 or fields[0] != "1" or not fields[1].isdecimal():
        raise WorkerStartError(f"The program is not the worker of this plugin: it said {line.strip()[:200]!r}.")
    if int(fields[1]) != PROTOCOL:
        raise WorkerMismatch(
            f"The worker speaks version {fields[1]} of the protocol, and this plugin version {PROTOCOL}: "
            "they are of different releases."
        )
    network, address, kind = fields[2:5]
    if kind != "grpc":
        raise WorkerStartError(f"The program is not the worker of this plugin: it offers {kind!r}.")
    if network == "unix":
        target = "unix:" + urllib.parse.quote(address)  # gRPC reads it as a URI
    elif network == "tcp" and re.fullmatch(r"127\.0\.0\.1:\d+", address):
        target = f"ipv4:{address}"
    else:
        raise WorkerStartError(f"The worker listens on {network} {address!r}, where others could reach it.")
    if len(fields) < 6 or not fields[5]:
        raise WorkerStartError("The worker has no certificate, so it could be anybody.")
    return Handshake(target, _pem(fields[5]))


def _pem(unpadded: str) -> bytes:
    """The base64 of a certificate, which Go leaves without padding, as PEM."""
    try:
        der = base64.b64decode(unpadded + "=" * (-len(unpadded) % 4), validate=True)
    except binascii.Error:
        raise WorkerStartError("The worker's certificate cannot be read.") from None
    return b"-----BEGIN CERTIFICATE-----\n" + base64.encodebytes(der) + b"-----END CERTIFICATE-----\n"


def client_certificate() -> tuple[bytes, bytes]:
    """A new certificate for us and its key, both PEM. The key stays in this process."""
    x509 = require("cryptography.x509", "cryptography")
    oid = require("cryptography.x509.oid", "cryptography")
    hashes = require("cryptography.hazmat.primitives.hashes", "cryptography")
    serialization = require("cryptography.hazmat.primitives.serialization", "cryptography")
    ec = require("cryptography.hazmat.primitives.asymmetric.ec", "cryptography")

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(oid.NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.timezone.utc)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _BACKDATED)
        .not_valid_after(now + _LIFETIME)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)  # it signs itself
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.ExtendedKeyUsage([oid.ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False)
        .sign(key, hashes.SHA256())
    )
    return (
        certificate.public_bytes(serialization.Encoding.PEM),
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()),
    )
