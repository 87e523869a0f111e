"""A training run as a file: `recipes/NAME.toml` says what is trained, from where, on what, and how fast."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from flyaway.network_config import CONFIGS
from flyaway.weights import model_info
from models.training.compose import Recipe

RECIPES = Path(__file__).with_name("recipes")


@dataclass(frozen=True)
class Run:
    """What a recipe holds.

    Attributes
    ----------
    name : of the recipe: a stage of a run.
    config : configuration of the network (`flyaway.network.CONFIGS`).
    objective : what is learned (`objectives.OBJECTIVES`), or "turns": stills and shots, a batch of each.
    start : weights to start from (safetensors), or "rvm"; relative to the repository's root, or
        to the bank as ``BANK/…``. Released ones by name and version, also while that is the current one.
    keep_blocks : how much of each transformer block's residual is kept at the start, the first ones first.
    fit_refiner : the start's refiner enlarges before it convolves, and the network's the other way round.
    lighten : the start's configuration, where that is heavier and has to be fitted (`lighten.py`).
    teacher, teacher_config : weights and configuration of a network that is imitated (`imitation.py`).
    imitated : what a refiner's answers in a bank count beside the truth (`region_bank.py --answers`).
    margin : how far beyond its end refined alpha is to lie where the truth is 0 or 1 (`losses.region_loss`).
    people : table of the bank with people and their alphas (`bank.people`); one of its name with
        `_backgrounds` behind it takes the place of ``backgrounds.csv``.
    licences : classes of sources that may teach ("clean", "research").
    draw : how often what is drawn (`compose.Recipe`).
    views : height and width of working images, taking turns.
    ratios : sizes of plates over their working images, taking turns.
    limit : long side (px) to which pictures are reduced before they are kept.
    solved_limit : the same of solved portraits, whose hair is exact.
    batch : plates a step, or shots.
    again : how often a batch of stills is shown in all (`again.py`).
    stills : plates of a step of stills, where they take turns with shots.
    frames : of a shot; 1 draws stills.
    rate : peak learning rate.
    shares : part of the rate by the beginning of a parameter's name; the first that fits counts, 0
        freezes.
    anchor : pull towards the start's weights, as weight decay pulls towards nothing.
    warm : steps over which the rate rises.
    images : after how many the rate has fallen to nothing; 0 is never: it stays until a next stage.
    seed : of all that is drawn.
    """

    name: str
    config: str
    objective: str
    start: str
    shares: dict[str, float]
    draw: Recipe
    keep_blocks: tuple[float, ...] = ()
    fit_refiner: bool = False
    lighten: str = ""
    teacher: str = ""
    teacher_config: str = ""
    imitated: float = 0.0
    margin: float = 0.0
    people: str = "train"
    licences: tuple[str, ...] = ("clean", "research")
    views: tuple[tuple[int, int], ...] = ((512, 512),)
    ratios: tuple[float, ...] = (1.0,)
    limit: int = 512
    solved_limit: int = 800
    batch: int = 4
    again: int = 1
    stills: int = 8
    frames: int = 1
    rate: float = 1e-4
    anchor: float = 0.0
    warm: int = 50
    images: int = 0
    seed: int = 1
    notes: str = field(default="", repr=False)


def _values(path: Path) -> dict[str, Any]:
    """What a file says, over what its base says."""
    values: dict[str, Any] = tomllib.loads(path.read_text(encoding="utf-8"))
    if "base" not in values:
        return values
    base = path.with_name(f"{values.pop('base')}.toml")
    if base == path:
        raise ValueError(f"{path.name}: a recipe cannot be its own base")
    return _values(base) | values


def released(text: str) -> str:
    """Weights that a recipe names by version: they lie without it as long as they are the current ones."""
    folder, name, file = Path(text).parent.parent, Path(text).parent.name, Path(text).name
    current, at, version = name.partition("@")
    if at and not Path(text).exists() and str(model_info(current).version) == version:
        return str(folder / current / file)
    return text


def read_recipe(name: str | Path) -> Run:
    """A recipe by its name in `recipes/`, or by its path.

    With `base` it is another recipe of the same folder but for what it says itself, key by key.

    Raises
    ------
    ValueError : a key that no recipe has, or one that is missing.
    """
    path = Path(name) if str(name).endswith(".toml") else RECIPES / f"{name}.toml"
    values = _values(path)
    if unknown := set(values) - {f.name for f in fields(Run)}:
        raise ValueError(f"{path.name}: no recipe has {', '.join(sorted(unknown))}")
    if values.get("lighten", "") not in ("", *CONFIGS):
        raise ValueError(
            f"{path.name}: lighten names the start's configuration, and none is {values['lighten']!r}"
        )
    try:
        values["name"] = path.stem
        values |= {key: released(values[key]) for key in ("start", "teacher") if key in values}
        values["draw"] = Recipe(**values["draw"])
        values["views"] = tuple(tuple(view) for view in values.get("views", ((512, 512),)))
        for key in ("keep_blocks", "licences", "ratios"):
            if key in values:
                values[key] = tuple(values[key])
        return Run(**values)
    except (KeyError, TypeError) as error:
        raise ValueError(f"{path.name}: {error}") from error
