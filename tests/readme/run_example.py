"""Runs an example as a script, with a local model instead of the model zoo, and without a browser."""

import json
import runpy
import sys
import types

import fiftyone as fo
import fiftyone.zoo as foz


class Boxes(fo.core.models.Model):
    """A model that finds two things in every picture, the second of them not surely."""

    media_type = "image"

    def predict(self, arg):
        return fo.Detections(
            detections=[
                fo.Detection(label="car", bounding_box=[0.1, 0.1, 0.3, 0.3], confidence=0.9),
                fo.Detection(label="person", bounding_box=[0.5, 0.5, 0.2, 0.2], confidence=0.25),
            ]
        )


def launch_app(samples):
    session = types.SimpleNamespace(view=samples)
    shown.append(session)
    return session


shown = []
foz.load_zoo_model = lambda name: Boxes()
fo.launch_app = launch_app
runpy.run_path(sys.argv[1], run_name="__main__")
if shown:
    print("SHOWN " + json.dumps(shown[-1].view.values("id")))
