"""Pack a bank of pictures for a machine with a GPU: `python -m models.training.pack --index … --out DIR`.

Pictures and mattes are encoded once more (WebP, a little lossy) into a few ZIP files of bounded size, so that
they travel in parts; backgrounds come first. `plates.read_pack` reads all parts that have come. A picture may
stand in several indices with another alpha in each; its colours are packed once.
"""

from __future__ import annotations

import argparse
import csv
import io
import json
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from PIL import Image

COLOUR_QUALITY = {"london": 88}  # the exact ones: their hair is what is learned from
OTHERS = 60
ALPHA_QUALITY = 80
METHOD = 3  # WebP's effort


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument(
        "--index", type=Path, action="append", required=True, help="may be repeated; NAME.csv"
    )
    parser.add_argument("--backgrounds", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--megabytes", type=float, default=52, help="size of a part")
    parser.add_argument("--threads", type=int, default=1)
    return parser.parse_args()


def encoded(path: Path, mode: str, quality: int) -> bytes:
    """One picture as WebP; a matte keeps its greys."""
    buffer = io.BytesIO()
    with Image.open(path) as picture:
        picture.convert(mode).convert("RGB").save(buffer, "WEBP", quality=quality, method=METHOD)
    return buffer.getvalue()


def jobs(
    indices: list[Path], backgrounds: Path
) -> tuple[list[dict[str, object]], dict[str, tuple[Path, str, int]]]:
    """Rows of the packed index, and what is to be encoded under which name."""
    rows: list[dict[str, object]] = []
    files: dict[str, tuple[Path, str, int]] = {}
    packed: dict[Path, str] = {}
    with backgrounds.open(newline="") as file:
        for row in csv.DictReader(file):
            name = f"{row['name']}.webp"
            files[name] = (Path(row["image"]), "RGB", OTHERS)
            rows.append(
                {"set": "background", "colour": name, "source": row["source"], "licence": row["licence"]}
            )
    for index in indices:
        with index.open(newline="") as file:
            for row in csv.DictReader(file):
                colour, alpha = f"{row['name']}.webp", f"{index.stem}/{row['name']}.webp"
                quality = COLOUR_QUALITY.get(row["source"], OTHERS)
                files[colour] = (Path(row["fg"] or row["image"]), "RGB", quality)
                alpha = packed.setdefault(Path(row["alpha"]), alpha)
                files[alpha] = (Path(row["alpha"]), "L", ALPHA_QUALITY)
                rows.append({
                    "set": index.stem, "colour": colour, "alpha": alpha, "source": row["source"],
                    "weight": float(row["weight"]), "cut": bool(row["fg"]),
                })  # fmt: skip
    return rows, files


def main() -> None:
    """Encode and write the parts."""
    args = arguments()
    rows, files = jobs(args.index, args.backgrounds)
    args.out.mkdir(parents=True, exist_ok=True)
    bound, number, size, part = args.megabytes * 1e6, 0, 0.0, None
    with ThreadPoolExecutor(args.threads) as pool:
        payloads = pool.map(lambda job: encoded(*job), files.values())
        for name, payload in zip(files, payloads, strict=True):
            if part is None or size + len(payload) > bound:
                if part is not None:
                    part.close()
                number, size = number + 1, 0.0
                part = zipfile.ZipFile(args.out / f"part-{number}.zip", "w", zipfile.ZIP_STORED)
                if number == 1:
                    text = json.dumps(rows)
                    part.writestr("index.json", text, zipfile.ZIP_DEFLATED)
            part.writestr(name, payload)
            size += len(payload) + 200
    if part is not None:
        part.close()
    print(f"{len(files)} files of {len(rows)} rows in {number} parts")


if __name__ == "__main__":
    main()
