"""Where an ONNX graph's time goes: `python docs/measure_graphs.py fast refine --regions 32`.

Runs one of a model's graphs (or a .onnx file, for what was before) on one thread with onnxruntime's profiler,
and prints a table of its operators: milliseconds, the least of the runs, and their share. It measures wall
time: run it on an idle machine.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections import Counter, defaultdict
from pathlib import Path

import numpy as np
import onnxruntime as ort

from flyaway.weights import model_info, verified

WORKING = (288, 512)  # px, of a plate of 16:9
SHOWN = 10


def example(node: ort.NodeArg, regions: int) -> np.ndarray:
    """Noise that fits an input."""
    sizes = iter((*WORKING, regions) if node.name == "image" else (regions,))
    shape = [size if isinstance(size, int) else next(sizes) for size in node.shape]
    if node.type == "tensor(bool)":
        return np.ones(shape, bool)
    if node.type == "tensor(int64)":
        return np.zeros(shape, np.int64)
    return np.random.default_rng(0).random(shape, np.float32)


def profile(path: Path, regions: int, runs: int) -> tuple[Counter[str], Counter[str]]:
    """Microseconds by operator, the least of the runs of each node; and how many nodes."""
    with tempfile.TemporaryDirectory() as folder:
        options = ort.SessionOptions()
        options.intra_op_num_threads = 1
        options.log_severity_level = 3
        options.enable_profiling = True
        options.profile_file_prefix = str(Path(folder) / "profile")
        session = ort.InferenceSession(str(path), options)
        feed = {node.name: example(node, regions) for node in session.get_inputs()}
        for _ in range(runs):
            session.run(None, feed)
        events = json.loads(Path(session.end_profiling()).read_text())
    times: dict[tuple[str, str], list[int]] = defaultdict(list)
    for event in events:
        if event.get("cat") == "Node" and event["name"].endswith("_kernel_time"):
            times[event["name"], event["args"]["op_name"]].append(event["dur"])
    total, nodes = Counter[str](), Counter[str]()
    for (_, operator), found in times.items():
        total[operator] += min(found)
        nodes[operator] += 1
    return total, nodes


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("model", help="a model's name, or an .onnx file")
    parser.add_argument("graph", nargs="?", default="refine", choices=("coarse", "tokens", "refine"))
    parser.add_argument("--regions", type=int, default=32)
    parser.add_argument("--runs", type=int, default=10)
    options = parser.parse_args()
    path = Path(options.model)
    if path.suffix != ".onnx":
        path = verified(model_info(options.model).files[options.graph])
    total, nodes = profile(path, options.regions, options.runs)
    whole = sum(total.values())
    print("| operator | nodes | ms | share |\n|---|---:|---:|---:|")
    for operator, spent in total.most_common(SHOWN):
        print(f"| {operator} | {nodes[operator]} | {spent / 1000:.2f} | {100 * spent / whole:.0f} % |")
    rest = whole - sum(spent for _, spent in total.most_common(SHOWN))
    print(f"| others | {sum(nodes.values()) - sum(nodes[o] for o, _ in total.most_common(SHOWN))} | "
          f"{rest / 1000:.2f} | {100 * rest / whole:.0f} % |")  # fmt: skip
    print(f"| all | {sum(nodes.values())} | {whole / 1000:.2f} | 100 % |")


if __name__ == "__main__":
    main()
