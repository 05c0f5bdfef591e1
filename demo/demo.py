"""The main job on real input: a training view and a model's predictions go from FiftyOne to W&B.

W&B is played by the local stand-in, so nothing leaves this machine and no account is needed.
"""

from __future__ import annotations

import argparse
import atexit
import contextlib
import os
import pathlib
import signal
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tools"))

import services  # noqa: E402

#: Where everything of it is kept: the database, the pictures, what was uploaded.
HOME = pathlib.Path(os.environ.get("FIFTYONE_WANDB_DEMO_DIR") or ROOT / ".demo")
PROJECT = "fiftyone-demo"
#: The stand-in's port, if it is free: links of an earlier demo go on working then.
PORT = 8931
OPERATORS = "@harpreetsahota/wandb/"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--app", action="store_true", help="open the FiftyOne App and the stand-in's pages afterwards")
    parser.add_argument("--port", type=int, default=5151, help="port of the FiftyOne App")
    args = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the servers are ended, too
    print("Starting MongoDB and the stand-in for W&B, and loading FiftyOne …")
    stack = contextlib.ExitStack()
    # After what FiftyOne does at Python's exit, which needs its database; so this comes before its import.
    atexit.register(stack.close)
    uri = stack.enter_context(services.mongod(HOME / "mongo"))
    server = stack.enter_context(services.standin(HOME / "wandb", port=0 if services.accepts(PORT) else PORT))
    configure(uri, server)
    import fiftyone as fo

    fo.config.show_progress_bars = sys.stderr.isatty()
    address = stack.enter_context(start_app(args.port)) if args.app else None
    digits, faces = load_digits(fo), load_faces(fo)
    evaluate(digits, faces)
    results = log_everything(digits, faces)
    read_back(server, results)
    say_where(server, results, args.app)
    if args.app:
        serve(address, digits)
    return 0


def configure(uri: str, server: services.Standin) -> None:
    """Sets what FiftyOne and W&B read from the environment; both are imported after this."""
    plugins = HOME / "plugins"
    plugins.mkdir(parents=True, exist_ok=True)
    link = plugins / "wandb"
    if not link.exists():
        link.symlink_to(ROOT, target_is_directory=True)
    os.environ.update(
        FIFTYONE_DATABASE_URI=uri,
        FIFTYONE_DATABASE_DIR=str(HOME / "mongo"),
        FIFTYONE_PLUGINS_DIR=str(plugins),
        FIFTYONE_DATABASE_VALIDATION="false",  # a notice about MongoDB's age is of no use here
        FIFTYONE_DO_NOT_TRACK="true",
        # Matrices and pictures are so small here that threads wait for each other most of the time.
        OPENBLAS_NUM_THREADS="1",
        OPENCV_FOR_THREADS_NUM="1",
        FIFTYONE_ALLOW_LEGACY_ORCHESTRATORS="true",
        FIFTYONE_WANDB_URL=server.url,
        FIFTYONE_WANDB_API_KEY=server.key,
        FIFTYONE_WANDB_ENTITY=server.entity,
        FIFTYONE_WANDB_PROJECT=PROJECT,
        WANDB_BASE_URL=server.url,
        WANDB_API_KEY=server.key,
        WANDB_ARTIFACT_DIR=str(HOME / "downloads"),
        WANDB_CACHE_DIR=str(HOME / "cache"),
        WANDB_DIR=str(HOME),
        WANDB_ERROR_REPORTING="false",
        WANDB_SILENT="true",
    )


def load_digits(fo):
    """Handwritten digits with a classifier's predictions; made once, kept in the demo's database."""
    name = "demo-digits"
    if name in fo.list_datasets():
        return fo.load_dataset(name)
    import pictures

    print("Training a classifier on handwritten digits …")
    samples = [
        fo.Sample(
            filepath=one["filepath"],
            tags=[one["split"]],
            ground_truth=fo.Classification(label=one["label"]),
            predictions=fo.Classification(label=one["prediction"], confidence=one["confidence"]),
            pixels=one["embedding"],
        )
        for one in pictures.digits(HOME / "media" / "digits")
    ]
    return make_dataset(fo, name, samples)


def load_faces(fo):
    """Photographs with the faces that a cascade finds in them; of one, all faces are known."""
    name = "demo-photographs"
    if name in fo.list_datasets():
        return fo.load_dataset(name)
    import pictures

    print("Looking for faces in photographs …")
    samples = []
    for one in pictures.photographs(HOME / "media" / "photographs"):
        found = [fo.Detection(label="face", bounding_box=box, confidence=sure) for box, sure in one["faces"]]
        sample = fo.Sample(filepath=one["filepath"], predictions=fo.Detections(detections=found))
        if one["known"] is not None:
            known = [fo.Detection(label="face", bounding_box=box) for box in one["known"]]
            sample["ground_truth"] = fo.Detections(detections=known)

        samples.append(sample)

    return make_dataset(fo, name, samples)


def make_dataset(fo, name, samples):
    dataset = fo.Dataset(name, persistent=True)
    for sample in samples:
        sample.metadata = fo.ImageMetadata.build_for(sample.filepath)

    dataset.add_samples(samples, progress=False)
    return dataset


def evaluate(digits, faces) -> None:
    """Evaluates both models with FiftyOne; once, since the results are kept with the datasets."""
    if "logistic_regression" not in digits.list_evaluations():
        test = digits.match_tags("test")
        test.evaluate_classifications("predictions", gt_field="ground_truth", eval_key="logistic_regression")

    if "haar_cascade" not in faces.list_evaluations():
        known = faces.exists("ground_truth")
        known.evaluate_detections(
            "predictions", gt_field="ground_truth", eval_key="haar_cascade", compute_mAP=True, progress=False
        )


def log_everything(digits, faces) -> list[dict]:
    """Runs the operators as a script would."""
    import fiftyone.operators as foo

    log_evaluation = foo.get_operator(OPERATORS + "log_evaluation_to_wandb")
    log_view = foo.get_operator(OPERATORS + "log_fiftyone_view_to_wandb")
    log_predictions = foo.get_operator(OPERATORS + "log_model_predictions")
    jobs = [
        (
            f"the training view of {len(digits)} digits, with labels and pictures",
            lambda: log_view(
                digits.match_tags("train"),
                project=PROJECT,
                run_id="digits-classifier",
                artifact_name="digits_train",
                include_labels=True,
            ),
        ),
        (
            "the classifier's predictions for the test split",
            lambda: log_predictions(
                digits.match_tags("test"),
                model_name="logistic-regression",
                model_version="1.0",
                predictions_field="predictions",
                project=PROJECT,
                artifact_name="digits_predictions",
                include_images=True,
                gt_field="ground_truth",
            ),
        ),
        (
            "the faces found in photographs",
            lambda: log_predictions(
                faces,
                model_name="haar-cascade",
                predictions_field="predictions",
                project=PROJECT,
                artifact_name="faces_predictions",
                include_images=True,
            ),
        ),
        (
            "the evaluation of the classifier",
            lambda: log_evaluation(
                digits.match_tags("test"),
                "logistic_regression",
                project=PROJECT,
                run_id="digits-evaluation",
                model_name="logistic-regression",
            ),
        ),
        (
            "the evaluation of the found faces",
            lambda: log_evaluation(
                faces.exists("ground_truth"),
                "haar_cascade",
                project=PROJECT,
                run_id="faces-evaluation",
                model_name="haar-cascade",
            ),
        ),
    ]
    results = []
    for title, job in jobs:
        start = time.perf_counter()
        result = job()
        results.append(result)
        count = result.get("samples_logged", result.get("samples_processed"))
        print(f"\nLogged {title}:")
        what = "a new version" if result["new_version"] else "already there, nothing uploaded"
        print(f"  {count} samples in {time.perf_counter() - start:.2f} s: {result['artifact_name']} ({what})")
        if result.get("metrics"):
            print("  " + ", ".join(f"{name} {value:.4g}" for name, value in result["metrics"].items()))
        for warning in result["warnings"]:
            print(f"  Note: {warning}")
    return results


def read_back(server: services.Standin, results: list[dict]) -> None:
    """Lets the official wandb package read what the worker wrote."""
    import wandb

    print("\nRead back by the official wandb package:")
    api = wandb.Api(overrides={"base_url": server.url, "entity": server.entity, "project": PROJECT})
    for result in results:
        artifact = api.artifact(f"{server.entity}/{PROJECT}/{result['artifact_name']}:latest")
        key = "predictions" if artifact.type == "predictions" else "samples"
        table = artifact.get(key)
        print(f"  {artifact.name}, type {artifact.type}: {len(table.data)} rows, columns {', '.join(table.columns)}")
        shown = [value for value in table.data[0] if isinstance(value, (str, int, float))]
        print(f"    first row: {shown}")


def say_where(server: services.Standin, results: list[dict], serving: bool) -> None:
    print("\nWhere to look:")
    if serving:
        for result in results:
            print(f"  {result['artifact_url']}")
        print(f"  {server.url}  (all projects)")
    else:
        print("  make demo-app   shows the same data in the FiftyOne App and on the stand-in's pages")
    print(f"  {HOME / 'wandb' / 'state'}   holds what was uploaded")


@contextlib.contextmanager
def start_app(port: int):
    """Starts the App's server, which is ready when it is needed; gives what waits for it and returns its address."""
    if services.accepts(port):  # an App with another database
        port = services.free_port()

    with services.app(HOME, port) as server:

        def address() -> str:
            server.wait_until(lambda: services.accepts(port))
            return f"http://127.0.0.1:{port}"

        yield address


def serve(address, dataset) -> None:
    url = f"{address()}/datasets/{dataset.name}"
    print(f"\nThe FiftyOne App: {url}   (press ` there for the operators; Ctrl-C here ends the demo)")
    with contextlib.suppress(KeyboardInterrupt):
        while True:
            time.sleep(3600)


if __name__ == "__main__":
    sys.exit(main())
