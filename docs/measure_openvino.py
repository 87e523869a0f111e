"""A model's graphs on onnxruntime and OpenVINO: `python docs/measure_openvino.py` (extra openvino).

Each graph is given what an HD frame gives it, by each side in turns, on one thread. Prints the median of
onnxruntime's processor time, and as ratios to it OpenVINO compiled for any size, for this one in float32, and
for this one in bfloat16.
"""

from __future__ import annotations

import argparse
import time
from typing import Any

import numpy as np
import onnxruntime
import openvino

from flyaway.engines.openvino_engine import BATCH, options
from flyaway.weights import model_info, verified

SIZE = (288, 512)  # the working image of an HD plate


def example(node: Any) -> np.ndarray:
    """What fits an input: an image, maps of its size, or a batch of regions."""
    shape, strides = list(node.shape), iter(SIZE)
    if node.name == "image":
        shape[2:] = SIZE
    elif node.name.startswith("states"):  # `2*rows`, where an image has `32*rows`
        shape[2:] = [int(str(name).partition("*")[0]) * next(strides) // 32 for name in shape[2:]]
    else:
        shape[0] = BATCH
    noise = np.random.default_rng(0)
    if node.type == "tensor(bool)":
        return np.ones(shape, bool)
    if node.type == "tensor(int64)":
        return noise.integers(-2, 3, shape)
    return noise.random(shape, np.float32)


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--model", default="fast")
    parser.add_argument("--runs", type=int, default=12)
    asked = parser.parse_args()
    core, exact = openvino.Core(), options(openvino, 1)
    rough = exact | {"INFERENCE_PRECISION_HINT": "bf16"}
    one_thread = onnxruntime.SessionOptions()
    one_thread.intra_op_num_threads = 1
    print("| graph | onnxruntime ms | any size | one size | bfloat16 | compiling ms |")
    print("|---|---:|---:|---:|---:|---:|")
    for role, file in model_info(asked.model).files.items():
        if role == "torch":
            continue
        path = str(verified(file))
        session = onnxruntime.InferenceSession(path, one_thread, providers=["CPUExecutionProvider"])
        feed = {node.name: example(node) for node in session.get_inputs()}
        shaped = core.read_model(path)
        shaped.reshape({name: list(array.shape) for name, array in feed.items()})
        began = time.process_time()
        fixed = core.compile_model(shaped, "CPU", exact)
        compiling = 1000 * (time.process_time() - began)
        others = [core.compile_model(path, "CPU", exact), fixed, core.compile_model(shaped, "CPU", rough)]
        requests = [one.create_infer_request() for one in others]
        sides = [lambda session=session, feed=feed: session.run(None, feed)]
        sides += [lambda one=one, feed=feed: one.infer(feed, share_inputs=True) for one in requests]
        took: list[list[float]] = [[] for _ in sides]
        for number in range(asked.runs + 2):
            for side, times in zip(sides, took, strict=True):
                began = time.process_time()
                side()
                if number >= 2:  # the first two warm up
                    times.append(1000 * (time.process_time() - began))
        first, *rest = (float(np.median(times)) for times in took)
        ratios = " | ".join(f"{value / first:.2f}" for value in rest)
        print(f"| {role} | {first:.1f} | {ratios} | {compiling:.0f} |", flush=True)


if __name__ == "__main__":
    main()
