"""Makes docs/images/review.jpg: a review page of a real run, as Chromium shows it.

A moving cut-out of `examples/astronaut.png` is the shot; `flyaway matte` mattes it; two mattes are spoilt.
Needs playwright and Chromium: `python docs/make_review.py`.
"""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

import numpy as np
import OpenImageIO as oiio

import flyaway
from flyaway.batch import RunOptions, Target, plan_shot, run_plan
from flyaway.color import FloatImage, srgb_to_linear
from flyaway.frames import WriteOptions, read_plate, write_matte
from flyaway.frames.patterns import pair_frames
from flyaway.frames.read_matte import read_matte
from flyaway.review import ReviewOptions, make_review

ROOT = Path(__file__).resolve().parents[1]
FRAMES = range(1001, 1025)


def write_exr(path: Path, pixels: FloatImage) -> None:
    """H×W×3 scene-linear float32 as a half EXR."""
    spec = oiio.ImageSpec(pixels.shape[1], pixels.shape[0], 3, "half")
    target = oiio.ImageOutput.create(str(path))
    if not (target.open(str(path), spec) and target.write_image(pixels) and target.close()):
        raise RuntimeError(target.geterror())


def make_shot(folder: Path) -> None:
    """She sways a little, under a little grain."""
    still = read_plate(ROOT / "examples" / "astronaut.png").pixels
    rng = np.random.default_rng(0)
    for frame in FRAMES:
        moved = np.roll(still, int(6 * np.sin((frame - 1001) / 4)), 1)[:448, 16:496]
        grain = rng.normal(0, 0.006, moved.shape).astype(np.float32)
        write_exr(folder / f"plate.{frame}.exr", srgb_to_linear(np.clip(moved + grain, 0, 1)))


def spoil(folder: Path) -> None:
    """One matte boils, one is lost."""
    plate, path = read_plate(folder / "plate.1010.exr"), folder / "matte.1010.exr"
    alpha = read_matte(path).alpha
    blocks = np.random.default_rng(1).random((28, 30), np.float32).repeat(16, 0).repeat(16, 1)
    boiling = np.where(alpha < 0.5, np.clip(alpha + 0.25 * (blocks - 0.3), 0, 1), alpha)
    write_matte(path, boiling, plate, WriteOptions(), {"model": "fast"})
    (folder / "matte.1015.exr").unlink()


def photograph(page: Path, picture: Path) -> None:
    """The page as a browser shows it."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        opened = browser.new_page(viewport={"width": 1360, "height": 1000})
        opened.goto(page.as_uri())
        opened.wait_for_selector("body[data-ready=yes]")
        opened.locator("#list img").last.wait_for()
        opened.screenshot(path=str(picture), type="jpeg", quality=82, full_page=True)
        browser.close()


def main() -> None:
    """Make a shot, matte it, review it, and take the page's picture."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        make_shot(folder)
        plates, mattes = str(folder / "plate.####.exr"), str(folder / "matte.####.exr")
        plan = plan_shot("sway", plates, [Target(mattes)])
        run_plan(flyaway.load("fast", device="cpu"), plan, RunOptions())
        spoil(folder)
        options = ReviewOptions(title="Example: the astronaut sways, one matte boils, one is lost")
        make_review(pair_frames(plates, mattes), folder / "page.html", None, options)
        photograph(folder / "page.html", ROOT / "docs" / "images" / "review.jpg")


if __name__ == "__main__":
    main()
