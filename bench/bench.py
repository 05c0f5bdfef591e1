"""Measures the operators against the usual way, both in this run, and prints the ratios.

Run by `make bench`; `make bench ARGS="--only predictions --samples 20000"` measures a part of it. The evaluation, of 20
matches a sample, is made only if it is asked for: `--only evaluation --samples 20000`; so is one job on several background
services: `--only workers --samples 20000`.
"""

from __future__ import annotations

import argparse
import sys
import time

from common import PROJECT, PeakMemory, start_servers

#: The usual way is measured up to this size; beyond it takes too long and too much memory.
BASELINE_MOST = 20_000
JOBS = ["view", "predictions", "evaluation"]
SHARED = "workers"


def main() -> int:
    args = parse_args()
    server = start_servers("wandb")
    if args.only == [SHARED]:
        import workers

        for count in args.samples:
            workers.report(server.url, count)
        return 0
    print("| job | samples | usual way | plugin | ratio | samples/s | worker's peak memory |")
    print("| --- | ---: | ---: | ---: | ---: | ---: | ---: |")
    for count in args.samples:
        for job in args.only:
            measure(job, count, not args.no_baseline)
    return 0


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--samples", type=int, nargs="+", default=[1000, 20_000, 1_000_000])
    parser.add_argument("--only", nargs="+", choices=[*JOBS, SHARED], default=["view", "predictions"])
    parser.add_argument("--no-baseline", action="store_true", help="measure the plugin only")
    return parser.parse_args()


def measure(job: str, count: int, with_baseline: bool) -> None:
    import samples

    if job == "evaluation":
        dataset = samples.evaluated_dataset(f"bench-evaluation-{count}", count)
    else:
        dataset = samples.detections_dataset(f"bench-{count}", count)

    usual = time_baseline(job, dataset, count) if with_baseline and count <= BASELINE_MOST else None
    ours, peak = time_plugin(job, dataset, count)
    ratio = f"{usual / ours:.0f}x" if usual else "–"
    shown = f"{usual:.2f} s" if usual else "–"
    print(
        f"| {job} | {count:,} | {shown} | {ours:.2f} s | {ratio} | {count / ours:,.0f} | {peak / 1e6:.0f} MB |",
        flush=True,
    )


def time_baseline(job: str, dataset, count: int) -> float:
    import baseline

    name = f"usual_{job}_{count}_{time.time_ns()}"
    start = time.perf_counter()
    if job == "view":
        baseline.log_view(dataset, PROJECT, name)
    elif job == "evaluation":
        baseline.log_evaluation(dataset, "ev", PROJECT, name)
    else:
        baseline.log_predictions(dataset, "predictions", PROJECT, name)
    return time.perf_counter() - start


def time_plugin(job: str, dataset, count: int) -> tuple[float, int]:
    """Seconds of the whole operator call, and the worker's peak memory in bytes."""
    import fiftyone.operators as foo

    name = f"plugin_{job}_{count}_{time.time_ns()}"
    with PeakMemory() as peak:
        start = time.perf_counter()
        if job == "view":
            operator = foo.get_operator("@harpreetsahota/wandb/log_fiftyone_view_to_wandb")
            operator(
                dataset,
                project=PROJECT,
                run_id=name[-60:],
                artifact_name=name,
                include_labels=True,
                include_images=False,
            )
        elif job == "evaluation":
            operator = foo.get_operator("@harpreetsahota/wandb/log_evaluation_to_wandb")
            operator(dataset, eval_key="ev", project=PROJECT, artifact_name=name, include_images=False)
        else:
            operator = foo.get_operator("@harpreetsahota/wandb/log_model_predictions")
            operator(dataset, model_name="m", predictions_field="predictions", project=PROJECT, artifact_name=name)
        seconds = time.perf_counter() - start
    return seconds, peak.bytes


if __name__ == "__main__":
    sys.exit(main())
