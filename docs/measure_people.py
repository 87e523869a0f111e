"""How far a choice, a garbage and a core matte part people who touch; and what is kept that is held or worn.

    python docs/measure_people.py          # the tables of docs/matte-controls.md, and images/props.jpg

People: the two shipped portraits, cut out by `quality`, laid over a plain background so that the second
overlaps the first more and more. What is told: how much of the other one stays in the matte, and how much of
the chosen one's matte is lost. Props: drawn by code onto one portrait; what is told is the share of a prop's
pixels that end above one half.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

import flyaway
from flyaway.controls import apply
from flyaway.evaluation.pixels import resize
from flyaway.pictures.convert import over_green
from flyaway.pictures.files import read, write
from flyaway.pictures.sheet import Strip, draw, fitted
from flyaway.subject import Subject, alone

ROOT = Path(__file__).parents[1]
SIDE = 512
MODELS = ("fast", "quality")
Float = NDArray[np.float32]


def portraits() -> list[tuple[Float, Float]]:
    """Colour (straight, sRGB) and coverage of the shipped people, SIDE×SIDE."""
    found = []
    matting = flyaway.load("quality")
    for name in ("astronaut.png", "portrait.jpg"):
        plate = resize(read(ROOT / "examples" / name)[..., :3], SIDE, SIDE)
        matte = matting(plate)
        found.append((np.asarray(matte.foreground(plate), np.float32), matte.alpha))
    return found


def together(gap: int) -> tuple[Float, Float, Float]:
    """A plate of both, and the left and the right one's share of it; `gap` px between them."""
    (left, left_alpha), (right, right_alpha) = portraits_once()
    first = int(np.flatnonzero((left_alpha > 0.5).any(0))[-1])
    start = first + 1 + gap - int(np.flatnonzero((right_alpha > 0.5).any(0))[0])
    width = start + SIDE
    y, x = np.mgrid[:SIDE, :width].astype(np.float32)
    plate = np.stack([0.35 + 0.2 * x / width, 0.45 + 0.1 * y / SIDE, 0.5 - 0.1 * x / width], -1)
    covers = [np.zeros((SIDE, width), np.float32) for _ in range(2)]
    for cover, colour, alpha, at in (
        (covers[0], left, left_alpha, 0),
        (covers[1], right, right_alpha, start),
    ):
        cover[:, at : at + SIDE] = alpha
        whole = np.zeros_like(plate)
        whole[:, at : at + SIDE] = colour
        plate = whole * cover[..., None] + plate * (1 - cover[..., None])
    return plate.astype(np.float32), covers[0] * (1 - covers[1]), covers[1]


_portraits: list[tuple[Float, Float]] = []


def portraits_once() -> list[tuple[Float, Float]]:
    """The same, made once."""
    if not _portraits:
        _portraits.extend(portraits())
    return _portraits


def roto(cover: Float, cell: int = 32) -> Float:
    """What a hand draws in a minute: coverage in cells of `cell` px, smooth between them."""
    height, width = cover.shape
    small = resize(cover[..., None], -(-height // cell), -(-width // cell))
    return np.clip(2 * resize(small, height, width)[..., 0] - 0.5, 0, 1).astype(np.float32)


def people() -> None:
    """Print how the left one of two is parted from the right one."""
    print(
        "| px between | model | `--subject` | a quick garbage | a quick garbage and core | an exact garbage |"
    )
    print("|---:|---|---:|---:|---:|---:|")
    for gap in (60, 0, -120, -240):
        plate, left, right = together(gap)
        ys, xs = np.nonzero(left[:, : plate.shape[1] // 3] > 0.99)
        point = Subject.parse(f"{np.median(xs):.0f},{np.median(ys):.0f}")
        for model in MODELS:
            raw = flyaway.load(model)(plate).alpha
            hand = roto(right)
            kept = np.where((roto(left) > 0.98) & (hand < 0.02), np.float32(1), np.float32(0))
            tried = (
                alone(raw, point),
                apply(raw, garbage=hand),
                apply(raw, garbage=hand, core=kept),
                apply(raw, garbage=right),
            )
            stays = [float((one * right).sum() / right.sum()) for one in tried]
            lost = [max(0.0, 1 - float((one * left).sum() / (raw * left).sum())) for one in tried]
            columns = " | ".join(
                f"{100 * a:.0f} %, {100 * b:.0f} %" for a, b in zip(stays, lost, strict=True)
            )
            print(f"| {gap} | `{model}` | {columns} |", flush=True)


def shape(inside: NDArray[np.bool_]) -> Float:
    """A mask drawn at four times the size → H×W coverage."""
    height, width = inside.shape
    return inside.reshape(height // 4, 4, width // 4, 4).mean((1, 3)).astype(np.float32)


def props() -> dict[str, tuple[tuple[float, float, float], Float]]:
    """Name → colour and coverage of what the astronaut wears or holds."""
    y, x = np.mgrid[: 4 * SIDE, : 4 * SIDE] / 4 + 0.125
    head = 226.0, 118.0  # the middle of her head, px

    def ellipse(cx: float, cy: float, rx: float, ry: float) -> NDArray[np.bool_]:
        return np.asarray(((x - cx) / rx) ** 2 + ((y - cy) / ry) ** 2 <= 1)

    band = ellipse(*head, 84, 104) & ~ellipse(*head, 74, 94) & (y < head[1])
    cups = ellipse(head[0] - 76, head[1] + 12, 18, 34) | ellipse(head[0] + 76, head[1] + 12, 18, 34)
    crown = ellipse(head[0], head[1] - 60, 78, 70) & (y < head[1] - 60)
    hat = ellipse(head[0], head[1] - 62, 130, 20) | crown
    phone = (np.abs(x - head[0] - 38) < 26) & (np.abs(y - head[1] - 30) < 50)
    ball = ellipse(400, 330, 58, 58)
    return {
        "headphones": ((0.12, 0.12, 0.14), shape(band | cups)),
        "a hat": ((0.45, 0.3, 0.16), shape(hat)),
        "a phone before the face": ((0.06, 0.06, 0.07), shape(phone)),
        "a ball at the shoulder": ((0.8, 0.25, 0.1), shape(ball)),
    }


def held() -> NDArray[np.uint8]:
    """Print how much of each prop is kept, and draw `quality`'s comps."""
    plate = read(ROOT / "examples" / "astronaut.png")[..., :3]
    plates, greens = {}, {}
    print("| worn or held |", " | ".join(f"`{model}`" for model in MODELS), "|")
    print("|---|", "---:|" * len(MODELS), sep="")
    for name, (colour, cover) in props().items():
        shaded = np.asarray(colour, np.float32) * (1.15 - 0.3 * np.mgrid[:SIDE, :SIDE][1] / SIDE)[..., None]
        one = (shaded * cover[..., None] + plate * (1 - cover[..., None])).astype(np.float32)
        shares = []
        for model in MODELS:
            alpha = flyaway.load(model)(one).alpha
            shares.append(float((alpha[cover > 0.99] > 0.5).mean()))
        plates[name], greens[name] = fitted(one), fitted(over_green(one, alpha))
        print(f"| {name} |", " | ".join(f"{100 * share:.0f} %" for share in shares), "|", flush=True)
    return draw([Strip("plate", plates), Strip("quality", greens)])


def main() -> None:
    """Print the tables, and write docs/images/props.jpg."""
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter).parse_args()
    people()
    print()
    write(ROOT / "docs" / "images" / "props.jpg", held(), "jpeg:90")


if __name__ == "__main__":
    main()
