"""Configurations of the network, as frozen dataclasses: plain Python, for engines that have no torch too.

`PAPER` is the network of the paper, to the letter, so that its cost can be checked. `FAST` is ours:
the same two stages, sized for the compute that trained it and for a CPU in a compositing host. `QUALITY`
runs FAST's weights at more cost; `CLEAN` is what permissive sources alone can train.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any, Literal

# Where a manifest stores a setting by another name: part → our name → stored name.
STORED_NAMES = {"coarse": {"refiner_features": "hints"}}
MOBILE_STRIDE = 16  # px of working image per token of `MobileConfig`'s encoder


@dataclass(frozen=True)
class SwinConfig:
    """The paper's tokeniser and encoder: Swin-T on 16×16 patches of the full-resolution image."""

    patch_size: int = 16
    dims: tuple[int, ...] = (96, 192, 384, 768)
    depths: tuple[int, ...] = (2, 2, 6, 2)
    heads: tuple[int, ...] = (3, 6, 12, 24)
    window: int = 7
    mlp_ratio: int = 4


@dataclass(frozen=True)
class MobileConfig:
    """Our tokeniser (MobileNetV3-Large, to stride 16) and a transformer over all its tokens.

    Attributes
    ----------
    narrow : three quarters of the tokeniser's channels.
    pooled : tokens are also weighted by what the whole picture holds (LR-ASPP, as RVM has it).
    """

    dim: int = 192
    blocks: int = 4
    heads: int = 6
    mlp_ratio: int = 3
    pooled: bool = False
    narrow: bool = False


@dataclass(frozen=True)
class CoarseConfig:
    """The coarse stage: encoder, three decoder steps, a head on each.

    Attributes
    ----------
    encoder : "swin" or "mobile".
    decoder : "steps" (the paper's) or "gated" (RVM's layout, given the picture at every scale).
    working_size : cap on the long side in px of the working image; 0 means full resolution.
    pad_multiple : H and W are padded to it by replication.
    widths : channels of the decoder's three levels, deepest first.
    stride : px of working image per cell of the finest head's output.
    mirrored : its maps are the mean of those of the image and of its mirror image.
    glance : cap on the long side in px, in proportion to `working_size`, of a mirror image that the encoder
        alone sees besides; 0 means none.
    glance_share : share of the deepest features that comes from it.
    margin : an alpha this close to 0 or 1 counts as such: a logit never gets there.
    refiner_features : learned channels of the finest head that the refiner is given beside the alpha; a
        manifest stores it as `hints`.
    memory : the gated decoder can take the state of the frame before.
    early : the gated decoder's last features are convolved before they are enlarged, not after.
    early_steps : so are those of each of its steps; the skip and the picture are convolved beside them.
    doubt_width : channels of the gated decoder's doubt head.
    """

    encoder: str
    working_size: int
    pad_multiple: int
    widths: tuple[int, int, int]
    stride: int
    refiner_features: int = 0
    decoder: str = "steps"
    margin: float = 0.0
    mirrored: bool = False
    glance: int = 0
    glance_share: float = 0.0
    memory: bool = False
    early: bool = False
    early_steps: bool = False
    doubt_width: int = 24


@dataclass(frozen=True)
class AttentionConfig:
    """Cross region attention.

    Attributes
    ----------
    neighbours : K, how many nearest regions a region looks at.
    radius : how far they may be, in cells; 0 means as far as the frame goes (the paper).
    reach : offsets of −reach…+reach cells have a learned position bias each, all others share one.
    """

    dim: int = 128
    heads: int = 8
    layers: int = 2
    mlp: int = 128
    neighbours: int = 8
    radius: int = 0
    reach: int = 3


@dataclass(frozen=True)
class RefinerConfig:
    """The refiner.

    Attributes
    ----------
    kind : "paper" (8×8 cells, overwritten) or "unshuffle" (larger cells, blended in).
    cell : side of a region in px of the full-resolution plate.
    halo : px around a cell that the refiner is given and blends with the neighbouring regions.
    widths : channels of the three scales.
    low, high : unknown probability at which a region's result starts to be blended in, and at
        which it replaces the coarse alpha. Blending makes the choice of regions continuous. Unused
        by the paper's kind, which takes the argmax of the trimap.
    chunk : how many regions are refined at once: bounds memory, does not change the result.
    early : on its way up, features are convolved before they are enlarged and the skip by itself, and
        the two are added: half of the products of a convolution of both.
    entry : side in px of the first convolution's kernel, which halves the size: 6 or 4.
    skip : side of the kernels that skips go through, 3 or 1 (`early` alone).
    """

    kind: str
    cell: int
    halo: int
    widths: tuple[int, int, int]
    low: float = 0.08
    high: float = 0.3
    chunk: int = 256
    early: bool = False
    entry: int = 6
    skip: int = 3


@dataclass(frozen=True)
class NetworkConfig:
    """All there is to know to build a network, and to read what it returns.

    Attributes
    ----------
    mixed_in : what the soft pixels of its training pictures were mixed in, and so what its alpha means:
        "encoded" (sRGB values; the core reads it again as linear coverage, `flyaway.in_light`) or
        "linear" (light: its alpha is coverage as it is, and the refiner compares colours in light).
    view : width in px of the 16:9 frame that the network is shown at most, by longer side and by pixels
        (`flyaway.geometry.viewing_size`); a larger plate's alpha gets its detail afterwards
        (`flyaway.detail`). 0 means none, as the earlier versions have it.
    """

    name: str
    coarse: CoarseConfig
    refiner: RefinerConfig
    attention: AttentionConfig = AttentionConfig()
    swin: SwinConfig = SwinConfig()
    mobile: MobileConfig = MobileConfig()
    mixed_in: Literal["encoded", "linear"] = "encoded"
    view: int = 0

    @property
    def context_stride(self) -> int:
        """Px of working image per entry of the encoder's deepest features."""
        if self.coarse.encoder == "swin":
            return self.swin.patch_size << len(self.swin.dims) - 1
        return MOBILE_STRIDE

    def to_dict(self) -> dict[str, Any]:
        """Plain values, fit for JSON, by the names that a manifest stores."""
        values = asdict(self)
        for part, names in STORED_NAMES.items():
            values[part] = {names.get(key, key): value for key, value in values[part].items()}
        return values

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> NetworkConfig:
        """Inverse of `to_dict`.

        Raises
        ------
        TypeError : a setting is missing or of another type; or there is one that this version does not
            know: none is dropped in silence.
        ValueError : a number that cannot be.
        """
        parts: dict[str, type] = {
            "coarse": CoarseConfig,
            "refiner": RefinerConfig,
            "attention": AttentionConfig,
            "swin": SwinConfig,
            "mobile": MobileConfig,
        }
        return cls(**{key: _part(key, parts[key], v) if key in parts else v for key, v in values.items()})


# The types of settings as they are annotated above → what JSON may hold for them.
_KINDS: dict[str, tuple[type, ...]] = {"str": (str,), "bool": (bool,), "int": (int,), "float": (float, int)}
_AT_LEAST_1 = (
    "cell", "chunk", "pad_multiple", "stride", "heads", "dim", "patch_size", "window", "doubt_width", "entry",
    "skip",
)  # fmt: skip


def _part(part: str, kind: type, values: Any) -> Any:
    """One dataclass from a manifest, which is data from outside: every value is looked at."""
    if not isinstance(values, Mapping):
        raise TypeError(f"{part} must hold settings by name, not {values!r}")
    ours = {stored: name for name, stored in STORED_NAMES.get(part, {}).items()}
    named = {ours.get(str(name), str(name)): value for name, value in values.items()}
    annotated = {f.name: str(f.type) for f in fields(kind)}
    if unknown := set(named) - set(annotated):
        raise TypeError(f"{kind.__name__} has no {', '.join(sorted(unknown))}")
    return kind(**{name: _checked(f"{part}.{name}", value, annotated[name]) for name, value in named.items()})


def _checked(name: str, value: Any, annotation: str) -> Any:
    if annotation.startswith("tuple["):
        if not isinstance(value, list | tuple):
            raise TypeError(f"{name} must be a list of whole numbers, not {value!r}")
        return tuple(_checked(name, each, "int") for each in value)
    kinds = _KINDS[annotation]
    if not isinstance(value, kinds) or (isinstance(value, bool) and bool not in kinds):
        raise TypeError(f"{name} must be of type {annotation}, not {value!r}")
    if isinstance(value, int | float) and not 0 <= value < 1 << 20:
        raise ValueError(f"{name} cannot be {value!r}")
    if name.rsplit(".", 1)[-1] in _AT_LEAST_1 and value == 0:
        raise ValueError(f"{name} cannot be 0")
    return value


PAPER = NetworkConfig(
    name="paper",
    coarse=CoarseConfig(encoder="swin", working_size=0, pad_multiple=128, widths=(256, 128, 64), stride=8),
    refiner=RefinerConfig(kind="paper", cell=8, halo=0, widths=(32, 64, 64), chunk=4096),
)

FAST = NetworkConfig(
    name="fast",
    coarse=CoarseConfig(
        encoder="mobile",
        working_size=512,
        pad_multiple=32,
        widths=(80, 40, 32),
        stride=1,
        refiner_features=4,
        decoder="gated",
        margin=0.04,
    ),
    refiner=RefinerConfig(kind="unshuffle", cell=64, halo=4, widths=(32, 48, 64)),
    attention=AttentionConfig(radius=3),
    mobile=MobileConfig(dim=128, heads=4, pooled=True),
)

# The next weights of FAST (docs/decisions/0008-one-shape-for-shots-and-speed.md): a state from frame to
# frame, two transformer blocks instead of four, smaller cells, and the widest layer of the coarse stage made
# narrower.
FAST_2 = replace(
    FAST,
    name="fast-2",
    coarse=replace(FAST.coarse, memory=True, early=True),
    refiner=replace(FAST.refiner, cell=32, early=True),
    mobile=replace(FAST.mobile, blocks=2),
    mixed_in="linear",
)

# The same weights, never shown more than the refiner learned on.
VIEW = 1280
FAST_3 = replace(FAST_2, name="fast-3", view=VIEW)

# Regions are refined where there is more doubt: where there was little, refining moved what was right.
DOUBTED = replace(FAST_3.refiner, low=0.3, high=0.6)
FAST_4 = replace(FAST_3, name="fast-4", refiner=DOUBTED)

# The same for less: features are convolved before they are enlarged on every level, doubt has a head of two
# thirds, and the refiner smaller kernels where it sees most pixels (docs/decisions/0013-a-lighter-shape.md).
LIGHTER_COARSE = replace(FAST_4.coarse, early_steps=True, doubt_width=16)
LIGHTER_REFINER = replace(DOUBTED, entry=4, skip=1)
FAST_5 = replace(FAST_4, name="fast-5", coarse=LIGHTER_COARSE, refiner=LIGHTER_REFINER)

# The same weights, looked through with more care: a larger working image, and its mirror image too.
QUALITY = replace(FAST, name="quality", coarse=replace(FAST.coarse, working_size=640, mirrored=True))

QUALITY_2 = replace(FAST_2, name="quality-2", coarse=replace(FAST_2.coarse, working_size=640, mirrored=True))

# Of the mirror image the encoder alone, on a smaller one: better, at a fifth of what a second pass costs.
QUALITY_3 = replace(
    QUALITY_2,
    name="quality-3",
    coarse=replace(QUALITY_2.coarse, mirrored=False, glance=512, glance_share=0.4),
)

QUALITY_4 = replace(QUALITY_3, name="quality-4", view=VIEW)
QUALITY_5 = replace(QUALITY_4, name="quality-5", refiner=DOUBTED)
# The lighter refiner behind the coarse stage as it was: what that costs is what `quality` is asked for.
QUALITY_6 = replace(QUALITY_5, name="quality-6", refiner=LIGHTER_REFINER)

CLEAN = NetworkConfig(
    name="clean",
    coarse=CoarseConfig(
        encoder="mobile", working_size=512, pad_multiple=32, widths=(96, 48, 24), stride=1, refiner_features=4
    ),
    refiner=RefinerConfig(kind="unshuffle", cell=64, halo=4, widths=(32, 48, 64)),
    attention=AttentionConfig(radius=3),
    mobile=MobileConfig(narrow=True),
)

# What CLEAN's weights are from version 3 on: in linear light, two transformer blocks of FAST's width
# instead of four wide ones, and FAST_2's cells and refiner. Its decoder stays, with a head on each level:
# that learns from few plates.
CLEAN_2 = replace(
    CLEAN,
    name="clean-2",
    coarse=replace(CLEAN.coarse, margin=0.04),
    refiner=FAST_2.refiner,
    mobile=replace(CLEAN.mobile, dim=128, heads=4, blocks=2),
    mixed_in="linear",
)

CLEAN_3 = replace(CLEAN_2, name="clean-3", view=VIEW)
CLEAN_4 = replace(CLEAN_3, name="clean-4", refiner=LIGHTER_REFINER)

_FAST = (FAST, FAST_2, FAST_3, FAST_4, FAST_5)
_QUALITY = (QUALITY, QUALITY_2, QUALITY_3, QUALITY_4, QUALITY_5, QUALITY_6)
_ALL = (PAPER, *_FAST, *_QUALITY, CLEAN, CLEAN_2, CLEAN_3, CLEAN_4)
CONFIGS = {config.name: config for config in _ALL}
