"""Measures one logging job that several background services share, with a model beside it.

Run it as `make bench ARGS="--only workers --samples 20000"`. Jobs of fewer than 200,000 rows have one worker: the switch of the tests makes parts of a
twentieth of the rows. Services that share the cores of one machine take their thumbnails from the cache, so that the requests to the
stand-in are what is measured; for what more machines bring, services with one core each make them.
"""

from __future__ import annotations

import contextlib
import dataclasses
import math
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator

import psutil
from common import HOME, PROJECT

SERVICES = (1, 2, 4)
LATENCIES = (50, 100)  # ms on each request
PARTS = 20
#: The most uploads that a worker has in flight (goworker/internal/wandb).
IN_FLIGHT = 256
_LAUNCH = "import sys; sys.argv[0] = 'fiftyone'; from fiftyone.core.cli import main; main()"


@dataclasses.dataclass(frozen=True)
class Measured:
    """One job: its wall time and the CPU time of the services and their workers, in seconds."""

    seconds: float
    cpu: float


def report(url: str, count: int) -> None:
    """Prints the times of jobs with pictures on 1, 2 and 4 services, for each latency of a request."""
    import pictures

    admin = pictures.Admin(url)
    print("\n| thumbnails | cores | latency | services | pictures | time | speed-up | model | speed-up | CPU |")
    print("| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |")
    # A cache of its own.
    os.environ.update(XDG_CACHE_HOME=str(HOME / "cache"), FIFTYONE_WANDB_CACHE_MB="4000")
    with shared(max(SERVICES), count) as (services, dataset):
        log(services, dataset, max(SERVICES))  # fills the cache; the first job of a service also loads what it needs
        base = log(services, dataset, 1)
        for latency in (0, *LATENCIES):
            compare("cached", admin, services, dataset, base, latency, None)
    os.environ["FIFTYONE_WANDB_CACHE_MB"] = "0"
    with shared(len(os.sched_getaffinity(0)), count // 4, each=1) as (services, dataset):
        log(services, dataset[: 2 * len(services) * (count // 4 // PARTS)], len(services))
        base = log(services, dataset, 1)
        compare("made", admin, services, dataset, base, LATENCIES[0], 1)


@contextlib.contextmanager
def shared(services: int, count: int, each: int | None = None):
    """So many services and a dataset with so many pictures, of which they share PARTS parts."""
    import pictures

    part = max(count // PARTS, 1)
    os.environ["FIFTYONE_WANDB_TEST_PARTS"] = f"{part},{part}"  # the services have it, too
    with launched(services, each) as started:
        # Equal thumbnails would go up once from one service, and once for each part from several.
        yield started, pictures.dataset_of(count, distinct=count)


def compare(
    what: str, admin, services: list[subprocess.Popen], dataset, base: Measured, latency: int, each: int | None
):
    """Prints the times of jobs with a latency on as many services as there are."""
    alone = modelled = None
    for workers in (n for n in SERVICES if n <= len(services)):
        with admin.slow(latency):
            now = log(services, dataset, workers)
        expected = model(base, len(dataset), workers, latency, each)
        alone, modelled = alone or now, modelled or expected
        print(
            f"| {what} | {f'{each} each' if each else 'shared'} | {latency} ms | {workers} | {len(dataset):,} "
            f"| {now.seconds:.1f} s | {alone.seconds / now.seconds:.2f}x "
            f"| {expected:.1f} s | {modelled / expected:.2f}x | {now.cpu:.0f} s |",
            flush=True,
        )


def model(base: Measured, count: int, workers: int, latency: int, each: int | None) -> float:
    """The seconds that a job should take, from one without latency on one service.

    The work is divided among the cores that are there: services that share all of them gain nothing, those with cores of their own do. To this come
    the requests that wait for each other, some of them once a part, and the uploads, of which each service has so many in flight.

    Args:
        base: the job without latency on one service
        count: how many pictures
        workers: how many services
        latency: milliseconds of each request
        each: how many cores a service has; None for all
    """
    in_series = 12 + 2 * math.ceil(PARTS / workers) if workers > 1 else 14
    return base.seconds / (workers if each else 1) + latency / 1000 * (in_series + count / (workers * IN_FLIGHT))


def log(services: list[subprocess.Popen], dataset, workers: int) -> Measured:
    """Logs a dataset with so many workers, and waits for the end of the job and of all its workers."""
    import fiftyone.operators as foo

    operator = foo.get_operator("@harpreetsahota/wandb/log_fiftyone_view_to_wandb")
    name = f"workers_{time.time_ns()}"
    before, start = cpu_of(services), time.perf_counter()
    operator(
        dataset,
        project=PROJECT,
        run_id=name,
        artifact_name=name,
        include_labels=True,
        image_mode="thumbnail",
        workers=workers,
        delegate=True,
    )
    wait_for_end()
    return Measured(time.perf_counter() - start, cpu_of(services) - before)


def wait_for_end() -> None:
    """Waits until no operation waits or runs; one that failed ends the measurement."""
    import fiftyone.core.odm as foo

    operations = foo.get_db_conn()["delegated_ops"]
    while operations.count_documents({"run_state": {"$in": ["scheduled", "queued", "running"]}}):
        time.sleep(0.05)
    failed = operations.find_one({"run_state": "failed"})
    if failed is not None:
        raise SystemExit(f"this measurement was not fair: {failed['result']}")
    operations.delete_many({})


def cpu_of(services: list[subprocess.Popen]) -> float:
    """The CPU seconds of some processes and all that they have started."""
    total = 0.0
    for service in services:
        for process in [psutil.Process(service.pid), *psutil.Process(service.pid).children(recursive=True)]:
            with contextlib.suppress(psutil.NoSuchProcess):
                total += sum(process.cpu_times()[:4])  # its own, and those of its children that have ended
    return total


@contextlib.contextmanager
def launched(count: int, each: int | None) -> Iterator[list[subprocess.Popen]]:
    """FiftyOne's own background services, with so many cores each."""
    services: list[subprocess.Popen] = []
    cores = sorted(os.sched_getaffinity(0)) if each else []
    try:
        for n in range(count):
            with (HOME / f"service-{n}.log").open("w") as out:
                command = [sys.executable, "-c", _LAUNCH, "delegated", "launch", "-t", "local"]
                services.append(subprocess.Popen(command, stdout=out, stderr=out))
            if each:
                mine = {cores[(n * each + k) % len(cores)] for k in range(each)}
                os.sched_setaffinity(services[-1].pid, mine)
        yield services
    finally:
        for service in services:
            service.send_signal(signal.SIGINT)
        for service in services:
            service.wait()
