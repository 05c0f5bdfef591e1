"""Asks the official wandb package for the digest and the manifest of a few files.

    python official.py      makes official.json, the golden file of the Go tests

Needs wandb; nothing is sent anywhere.
"""

import json
import pathlib
import tempfile

import wandb

FILES = {
    "a.txt": "hello\n",
    "b/data.json": '{"a":1}',
    "empty": "",
    "media/images/0123456789abcdef0123/caf\u00e9 \u4e16\U0001f600.txt": "x",
    "media/images/A&<b>.txt": "html",
    "media/images/\uffee.txt": "sorted by code point, which UTF-16 is not",
    'quote"back\\slash.txt': "odd names",
    "zz:colon\nnewline.txt": "odder names",
}
REFERENCES = {"there.bin": "https://example.com/there.bin"}


def main() -> None:
    cases = {}
    for name, files, references in (
        ("example", dict(list(FILES.items())[:2]), {}),
        ("all", FILES, REFERENCES),
        ("nothing", {}, {}),
    ):
        artifact = wandb.Artifact(name, "dataset")
        with tempfile.TemporaryDirectory() as tmp:
            for i, (path, text) in enumerate(files.items()):
                file = pathlib.Path(tmp) / str(i)
                file.write_bytes(text.encode())
                artifact.add_file(str(file), path)
            for path, url in references.items():
                artifact.add_reference(url, path, checksum=False)
        cases[name] = {
            "files": files,
            "references": references,
            "digest": artifact.digest,
            "size": artifact.manifest.size(),
            "manifest": artifact.manifest.to_manifest_json(),
        }
    text = json.dumps(cases, indent=1, sort_keys=True)
    (pathlib.Path(__file__).parent / "official.json").write_text(text + "\n")


if __name__ == "__main__":
    main()
