"""The messages of proto/wandbworker/v1/worker.proto, as classes made at run time.

``messages.RunRequest`` and the values of enums, such as ``messages.STAGE_READING``, are
attributes of this module. No generated code is shipped: it would work with one or two
major versions of protobuf only, and FiftyOne and wandb leave many to choose from. The
classes come from worker.binpb, in a pool of their own that clashes with nobody's.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any

from .errors import require

#: The package of the proto file.
PACKAGE = "wandbworker.v1"

#: The path of the one call.
RUN = f"/{PACKAGE}.WorkerService/Run"


def __getattr__(name: str) -> Any:
    if name.startswith("__"):
        raise AttributeError(name)
    try:
        return _attributes()[name]
    except KeyError:
        raise AttributeError(f"{PACKAGE} has no message and no enum value {name!r}") from None


def load() -> None:
    """Makes the classes now.

    Raises:
        MissingRequirement: if protobuf is not installed
    """
    _attributes()


@lru_cache(maxsize=1)
def _attributes() -> dict[str, Any]:
    """All classes and enum values by name."""
    descriptor_pb2 = require("google.protobuf.descriptor_pb2", "protobuf")
    descriptor_pool = require("google.protobuf.descriptor_pool", "protobuf")
    message_factory = require("google.protobuf.message_factory", "protobuf")

    raw = Path(__file__).with_name("worker.binpb").read_bytes()
    pool = descriptor_pool.DescriptorPool()
    found: dict[str, Any] = {}
    for file in descriptor_pb2.FileDescriptorSet.FromString(raw).file:
        pool.AddSerializedFile(file.SerializeToString())
        if file.package != PACKAGE:
            continue
        for message in file.message_type:
            found[message.name] = pool.FindMessageTypeByName(f"{PACKAGE}.{message.name}")
        for enum in file.enum_type:
            found.update((value.name, value.number) for value in enum.value)

    if hasattr(message_factory, "GetMessageClass"):  # since 4.22, and the only way since 5
        make = message_factory.GetMessageClass
    else:
        make = message_factory.MessageFactory(pool).GetPrototype
    return {name: value if isinstance(value, int) else make(value) for name, value in found.items()}


def source_name(source: int) -> str:
    """A value of the enum Source as a word, such as "settings"."""
    for name, value in _attributes().items():
        if name.startswith("SOURCE_") and value == source:
            return name.removeprefix("SOURCE_").lower()
    return "plugin"
