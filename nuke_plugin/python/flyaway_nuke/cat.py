"""The .cat: our TorchScript file in the wrapping that Nuke's Inference node takes. Only NukeX can make it."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import nuke

FOLDER = Path(__file__).resolve().parents[2] / "Cattery" / "Flyaway"
MODEL = "flyaway_fast"
CAT = MODEL + ".cat"
COLOURS = ["linear Rec.709", "ACEScg", "sRGB", "raw"]
SUBJECTS = ["all", "largest", "centre", "point"]
# Numbers of the model, in the order in which they work.
NUMBERS = ("pick_x", "pick_y", "black", "white", "gamma", "grow", "soften", "fill_holes")
OUTPUTS = ["plate and alpha", "premultiplied", "unknown regions", "alpha in all", "foreground and alpha"]


class CatError(Exception):
    """The .cat could not be made; the message names the remedy."""


def find() -> str:
    """The .cat on Nuke's plug-in path, or an empty string."""
    found = [path for path in nuke.plugins(nuke.ALL, CAT) if path.endswith(".cat")]
    return found[0] if found else ""


def model_knobs() -> list[Any]:
    """What can be turned while the model runs: attributes of the TorchScript module, by the same names."""
    colour = nuke.Enumeration_Knob("colour", "input is", COLOURS)
    output = nuke.Enumeration_Knob("output", "output", OUTPUTS)
    exposure = nuke.Double_Knob("exposure", "exposure")
    subject = nuke.Enumeration_Knob("subject", "person", SUBJECTS)
    refine = nuke.Boolean_Knob("refine", "refine")
    refine.setValue(True)
    numbers = [nuke.Double_Knob(name, name.replace("_", " ")) for name in NUMBERS]
    for knob in numbers:
        if knob.name() in ("white", "gamma"):
            knob.setValue(1.0)
    return [colour, exposure, output, refine, subject, *numbers]


def build(folder: Path = FOLDER) -> Path:
    """Make the .cat beside the TorchScript file.

    Raises
    ------
    CatError : not NukeX, no TorchScript file, or Nuke wrote nothing.
    """
    source, target = folder / (MODEL + ".pt"), folder / CAT
    if not source.is_file():
        raise CatError(
            f"{source} is missing. It comes with the release archive; from a checkout make it with "
            f"`flyaway export nuke -o {source}`"
        )
    try:
        creator = nuke.nodes.CatFileCreator()
    except (RuntimeError, AttributeError) as error:
        raise CatError(
            f"this Nuke has no CatFileCreator ({error}): start NukeX 14 or later, or use Bake"
        ) from error
    try:
        for knob in model_knobs():  # before the file is named: Nuke asks for them in that order
            creator.addKnob(knob)
        for name, value in (
            ("torchScriptFile", source.as_posix()),
            ("catFile", target.as_posix()),
            ("channelsIn", "rgba.red, rgba.green, rgba.blue"),
            ("channelsOut", "rgba.red, rgba.green, rgba.blue, rgba.alpha"),
            ("modelId", "Flyaway PortraitMatte"),
            ("outputScale", 1),
        ):
            creator[name].setValue(value)
        before = target.stat().st_mtime_ns if target.is_file() else None
        cast("nuke.PyScript_Knob", creator["createCatFile"]).execute()
    finally:
        nuke.delete(creator)
    if not target.is_file() or target.stat().st_mtime_ns == before:
        raise CatError(
            f"Nuke wrote no {target}: is the folder writable, and is this NukeX? Its error console says more"
        )
    return target


def build_from_menu() -> None:
    """The menu's command: build, say so, and wake the nodes of the open script."""
    from . import live

    try:
        path = build()
    except CatError as error:
        nuke.message(f"The live model was not built.\n\n{error}.\n\nBake works without it.")
        return
    for node in nuke.allNodes(live.GIZMO, recurseGroups=True):
        live.refresh(node)
    nuke.message(f"The live model is built:\n{path}")
