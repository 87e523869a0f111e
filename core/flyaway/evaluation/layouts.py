"""Folders of plates with their true mattes: our own pairs and the layouts of the public benchmarks.

==============  ============================================================================================
pairs           ``NAME.png`` (or .jpg .jpeg .webp .tif .tiff .exr) beside ``NAME.alpha.png``; if there is a
                ``NAME.trimap.png``, it is the unknown band; if there are ``NAME.fg.png`` and
                ``NAME.bg.png``, they are the colours that were mixed (straight, sRGB-encoded)
clips           one folder a shot, each with pairs, whose names in order are its frames in order
p3m-500-p       P3M-10k: ``blurred_image/NAME.jpg``, ``mask/NAME.png``, ``trimap/NAME.png`` in the folder
                given, or in its ``P3M-500-P`` or ``validation/P3M-500-P``
p3m-500-np      P3M-10k: the same in ``P3M-500-NP`` with ``original_image``
ppm-100         PPM-100: ``image/NAME.jpg`` and ``matte/NAME.jpg``
photomatte85    PhotoMatte85: RGBA PNGs in one folder, composited over a background (see below)
==============  ============================================================================================

PhotoMatte85 has foregrounds only; its authors test by compositing and did not publish the composites. Our
rule: the cut-outs and the backgrounds are sorted by file name, cut-out *i* goes over background *i* modulo
their number, the background scaled to cover the frame and cut to its centre; ``colour · alpha + background ·
(1 − alpha)`` on encoded sRGB values, as the papers that use the set do. Without a folder of backgrounds every
cut-out stands before flat grey (128), which is easier than any photograph: such a score is not the papers'.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from flyaway.errors import DatasetError
from flyaway.evaluation import pixels
from flyaway.pictures import files
from flyaway.pictures.convert import eight_bit

Colours = tuple[NDArray[np.float32], NDArray[np.float32]]
SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".tif", ".tiff", ".exr")


@dataclass(frozen=True)
class Item:
    """One plate and its truth; nothing is read before a loader is called.

    Attributes
    ----------
    load_plate : returns H×W×3 uint8, sRGB-encoded.
    load_alpha : returns H×W float32, linear coverage in 0..1.
    load_trimap : returns H×W uint8 (0, 128, 255), or None where the set has no trimaps.
    load_colours : returns person and background before they were mixed, each H×W×3 float32, straight
        sRGB-encoded 0..1, or None where they are not known. The person's is right only where there is some of
        it, up to the rim; the background's only where it shows through.
    shot : the shot whose next frame this is; empty for a still.
    """

    name: str
    load_plate: Callable[[], NDArray[np.uint8]]
    load_alpha: Callable[[], NDArray[np.float32]]
    load_trimap: Callable[[], NDArray[np.uint8] | None]
    load_colours: Callable[[], Colours | None] = lambda: None
    shot: str = ""


@dataclass(frozen=True)
class EvaluationSet:
    """Items of one folder, sorted by name, with what a reader of the scores should know about them."""

    name: str
    layout: str
    items: Sequence[Item]
    notes: tuple[str, ...] = ()
    colours: bool = False
    """Whether the colours that were mixed are known for any of the items."""

    @property
    def shots(self) -> bool:
        """Whether the items are frames of shots, and not stills."""
        return any(item.shot for item in self.items)


def open_set(folder: Path, layout: str = "auto", *, backgrounds: Path | None = None) -> EvaluationSet:
    """Open a folder in the layout named, or in the one it is seen to have.

    Parameters
    ----------
    folder : the folder that was downloaded or made.
    layout : a key of `LAYOUTS`, or ``"auto"``.
    backgrounds : folder of background images; only for ``photomatte85``.

    Raises
    ------
    DatasetError : the folder has not that layout; the message says what was looked for and where.
    """
    if not folder.is_dir():
        raise DatasetError(f"{folder} is no folder; give the folder that holds the plates and their mattes")
    if layout == "auto":
        layout = guess_layout(folder)
    if layout not in LAYOUTS:
        raise DatasetError(f"There is no layout {layout!r}; there are: auto, {', '.join(LAYOUTS)}")
    if layout == "photomatte85":
        return _cutouts(folder, backgrounds)
    if backgrounds is not None:
        raise DatasetError(f"Backgrounds are for the photomatte85 layout; plates in {layout} have their own")
    return LAYOUTS[layout](folder)


def guess_layout(folder: Path) -> str:
    """The first layout whose folders or files are there; P3M-10k's root has two and must be told."""
    found = [layout for layout in SPLITS if _split_root(folder, layout) is not None]
    if len(found) > 1:
        raise DatasetError(f"{folder} holds {' and '.join(found)}: choose one with --layout")
    if found:
        return found[0]
    if _has_pairs(folder):
        return "pairs"
    if any(_has_pairs(inner) for inner in _folders(folder)):
        return "clips"
    images = _images(folder)
    # The first file tells cut-outs from plates whose mattes were forgotten.
    if images and images[0].suffix.lower() == ".png" and files.channels(images[0]) == 4:
        return "photomatte85"
    raise DatasetError(
        f"{folder} has no layout known here. Looked for: NAME.alpha.png beside NAME.png (pairs), "
        "or that in folders (clips); "
        + "; ".join(f"{plates}/ and {mattes}/ ({name})" for name, (_, plates, mattes) in SPLITS.items())
        + "; RGBA PNGs (photomatte85)"
    )


def _name_of(folder: Path) -> str:
    """A folder's name, also where it is spelled `.` or `..`."""
    return folder.resolve().name if folder.name in ("", "..") else folder.name


def _pairs(folder: Path) -> EvaluationSet:
    items = _paired(folder)
    return EvaluationSet(_name_of(folder), "pairs", items, colours=_colours_known(folder))


def _clips(folder: Path) -> EvaluationSet:
    """Each folder within is a shot, whose frames are its pairs in the order of their names."""
    shots = [inner for inner in _folders(folder) if _has_pairs(inner)]
    if not shots:
        raise DatasetError(f"{folder} has no shots; looked for folders with NAME.png and NAME.alpha.png")
    items = [
        replace(item, name=f"{shot.name}/{item.name}", shot=shot.name)
        for shot in shots
        for item in _paired(shot)
    ]
    return EvaluationSet(_name_of(folder), "clips", items, colours=any(map(_colours_known, shots)))


def _paired(folder: Path) -> list[Item]:
    images = _by_stem(_images(folder))
    mattes = {stem.removesuffix(".alpha"): file for stem, file in images.items() if stem.endswith(".alpha")}
    if not mattes:
        raise DatasetError(
            f"{folder} has no NAME.alpha.png; looked for NAME.png with NAME.alpha.png beside it"
        )
    items = []
    for name, matte in sorted(mattes.items()):
        if name not in images:
            raise DatasetError(
                f"{matte.name} has no plate: looked for {name}.png (or {', '.join(SUFFIXES[1:])})"
            )
        item = _item(name, images[name], matte, images.get(f"{name}.trimap"))
        front, back = (images.get(f"{name}.{layer}") for layer in ("fg", "bg"))
        if front is not None and back is not None:
            item = replace(item, load_colours=partial(_read_colours, front, back))
        items.append(item)
    return items


def _read_colours(front: Path, back: Path) -> Colours:
    first, second = (files.read(path)[..., :3] for path in (front, back))
    return first, second


def _has_pairs(folder: Path) -> bool:
    return any(file.stem.endswith(".alpha") for file in _images(folder))


def _colours_known(folder: Path) -> bool:
    return any(file.stem.endswith(".fg") for file in _images(folder))


SPLITS: dict[str, tuple[tuple[str, ...], str, str]] = {
    "p3m-500-p": (("", "P3M-500-P", "validation/P3M-500-P"), "blurred_image", "mask"),
    "p3m-500-np": (("", "P3M-500-NP", "validation/P3M-500-NP"), "original_image", "mask"),
    "ppm-100": (("", "PPM-100", "val"), "image", "matte"),
}
"""Layout → (where its root may lie below the folder given, folder of plates, folder of mattes)."""


def _split_root(folder: Path, layout: str) -> Path | None:
    below, plates, mattes = SPLITS[layout]
    for place in below:
        if (folder / place / plates).is_dir() and (folder / place / mattes).is_dir():
            return folder / place
    return None


def _split(layout: str, folder: Path) -> EvaluationSet:
    below, plate_folder, matte_folder = SPLITS[layout]
    root = _split_root(folder, layout)
    if root is None:
        places = ", ".join(str(folder / place) for place in below)
        raise DatasetError(f"No {layout} there: looked for {plate_folder}/ and {matte_folder}/ in {places}")
    plates, mattes = _by_stem(_images(root / plate_folder)), _by_stem(_images(root / matte_folder))
    trimaps = _by_stem(_images(root / "trimap"))
    if not plates:
        raise DatasetError(f"{root / plate_folder} has no images ({' '.join(SUFFIXES)})")
    missing = sorted(plates.keys() - mattes.keys())
    if missing:
        raise DatasetError(
            f"{len(missing)} plates have no matte in {root / matte_folder}, the first is {missing[0]}: "
            "unpack the set in full"
        )
    items = [_item(name, plates[name], mattes[name], trimaps.get(name)) for name in sorted(plates)]
    return EvaluationSet(layout.upper(), layout, items)


def _cutouts(folder: Path, backgrounds: Path | None) -> EvaluationSet:
    files = [file for file in _images(folder) if file.suffix.lower() == ".png"]
    if not files:
        raise DatasetError(f"{folder} has no PNG; looked for RGBA cut-outs (photomatte85)")
    behind: list[Path] = []
    note = "composited over flat grey, for want of --backgrounds: easier than any photograph"
    if backgrounds is not None:
        behind = _images(backgrounds)
        if not behind:
            raise DatasetError(f"{backgrounds} has no background images ({' '.join(SUFFIXES)})")
        note = f"composited over {len(behind)} backgrounds in turn, in order of file name, on sRGB values"
    items = []
    for index, file in enumerate(files):
        background = behind[index % len(behind)] if behind else None
        items.append(
            Item(file.stem, partial(_composite, file, background), partial(_cutout_alpha, file), lambda: None)
        )
    return EvaluationSet("PhotoMatte85", "photomatte85", items, (note,))


def _composite(cutout: Path, background: Path | None) -> NDArray[np.uint8]:
    image = pixels.read_cutout(cutout)
    alpha = image[..., 3:]
    behind: Any = 128 / 255
    if background is not None:
        behind = _cover(files.read_eight_bit(background), *alpha.shape[:2])
    return eight_bit(image[..., :3] * alpha + behind * (1 - alpha))


def _cutout_alpha(cutout: Path) -> NDArray[np.float32]:
    return np.ascontiguousarray(pixels.read_cutout(cutout)[..., 3])


def _cover(image: NDArray[np.uint8], height: int, width: int) -> NDArray[np.float32]:
    """The centre of an image, scaled so that it just covers height × width."""
    scale = max(height / image.shape[0], width / image.shape[1])
    rows = max(height, round(image.shape[0] * scale))
    columns = max(width, round(image.shape[1] * scale))
    top, left = (rows - height) // 2, (columns - width) // 2
    return pixels.resize(image, rows, columns)[top : top + height, left : left + width]


def _item(name: str, plate: Path, matte: Path, trimap: Path | None) -> Item:
    load_trimap: Callable[[], NDArray[np.uint8] | None]
    load_trimap = (lambda: None) if trimap is None else partial(pixels.read_trimap, trimap)
    return Item(name, partial(files.read_eight_bit, plate), partial(pixels.read_alpha, matte), load_trimap)


def _images(folder: Path) -> list[Path]:
    """Images directly in a folder, sorted by name; a folder that is not there has none."""
    if not folder.is_dir():
        return []
    return sorted(file for file in folder.iterdir() if file.suffix.lower() in SUFFIXES and file.is_file())


def _folders(folder: Path) -> list[Path]:
    """Folders directly in a folder, sorted by name."""
    return sorted(entry for entry in folder.iterdir() if entry.is_dir())


def _by_stem(files: Sequence[Path]) -> dict[str, Path]:
    stems: dict[str, Path] = {}
    for file in files:
        if file.stem in stems:
            raise DatasetError(f"{file.name} and {stems[file.stem].name} have one name: keep one of them")
        stems[file.stem] = file
    return stems


LAYOUTS: dict[str, Callable[[Path], EvaluationSet]] = {
    "pairs": _pairs,
    "clips": _clips,
    **{layout: partial(_split, layout) for layout in SPLITS},
    "photomatte85": lambda folder: _cutouts(folder, None),
}
