"""Runs exported files in one runtime: in an environment of it and numpy, nothing else.

python replay.py ENGINE CASES ANSWERS: a line of JSON in, one out. `check.py` compares.
"""

import base64
import json
import sys

import numpy as np


def open_onnxruntime(path):
    import onnxruntime

    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    return lambda names, feeds: session.run(names, feeds)


def open_openvino(path):
    import openvino

    # In its own default both are rounded, as deploy.md says.
    exact = {"INFERENCE_PRECISION_HINT": "f32", "DYNAMIC_QUANTIZATION_GROUP_SIZE": "0"}
    model = openvino.Core().compile_model(path, "CPU", exact)

    def run(names, feeds):
        got = model(feeds)
        return [got[name] for name in names]

    return run


def open_reference(path):
    from onnx.reference import ReferenceEvaluator

    return ReferenceEvaluator(path).run


def open_opencv(path):
    import cv2

    net = cv2.dnn.readNetFromONNX(path)

    def run(names, feeds):
        for name, array in feeds.items():
            net.setInput(array, name)
        return net.forward(names)

    return run


def open_tract(path):
    import tract

    model = tract.onnx().load(path).into_model().into_runnable()

    def run(names, feeds):
        got = model.run(list(feeds.values()))
        return [got[i].to_numpy() for i in range(len(names))]

    return run


def decode(stored):
    raw = base64.b64decode(stored["base64"])
    return np.frombuffer(raw, stored["dtype"]).reshape(stored["shape"]).copy()


def encode(array):
    array = np.ascontiguousarray(array)
    raw = base64.b64encode(array.tobytes()).decode()
    return {"dtype": array.dtype.name, "shape": array.shape, "base64": raw}


def main(engine, cases, answers):
    open_file = globals()[f"open_{engine}"]
    with open(cases) as given, open(answers, "w") as file:
        for line in given:
            case = json.loads(line)
            feeds = {name: decode(array) for name, array in case["inputs"].items()}
            names = list(case["outputs"])
            try:
                got = open_file(case["path"])(names, feeds)
                answer = {
                    "outputs": dict(zip(names, map(encode, got), strict=True)),
                }
            except Exception as error:
                answer = {"refused": str(error) or type(error).__name__}
            # At once: what crashes leaves the answers before it.
            print(json.dumps(answer), file=file, flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
