"""Configurations of the network, as frozen dataclasses.

`PAPER` is the network of the paper, to the letter, so that its cost can be checked. `FAST` is ours:
the same two stages, sized for the compute that trained it and for a CPU in a compositing host. `QUALITY`
runs FAST's weights at more cost; `CLEAN` is what permissive sources alone can train.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields, replace
from typing import Any

# Where a manifest stores a setting by another name: part → our name → stored name.
STORED_NAMES = {"coarse": {"refiner_features": "hints"}}


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

    Attributes:
        narrow: three quarters of the tokeniser's channels.
        pooled: tokens are also weighted by what the whole picture holds (LR-ASPP, as RVM has it).
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

    Attributes:
        encoder: "swin" or "mobile".
        decoder: "steps" (the paper's) or "gated" (RVM's layout, sees the picture at every scale).
        working_size: cap on the long side in px of what the coarse stage sees; 0 means full resolution.
        pad_multiple: H and W are padded to it by replication.
        widths: channels of the decoder's three levels, deepest first.
        stride: px of working image per cell of the finest head's output.
        mirrored: what it says is the mean of what it says of the image and of its mirror image.
        margin: an alpha this close to 0 or 1 counts as such: a logit never gets there.
        refiner_features: learned channels of the finest head that the refiner is given beside the alpha; a
            manifest stores it as `hints`.
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


@dataclass(frozen=True)
class AttentionConfig:
    """Cross region attention.

    Attributes:
        neighbours: K, how many nearest regions a region looks at.
        radius: how far they may be, in cells; 0 means as far as the frame goes (the paper).
        reach: offsets of −reach…+reach cells have a learned position bias each, all others share one.
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

    Attributes:
        kind: "paper" (8×8 cells, overwritten) or "unshuffle" (larger cells, blended in).
        cell: side of a region in px of the full-resolution plate.
        halo: px around a region that the refiner sees but does not write.
        widths: channels of the three scales.
        low, high: unknown probability at which a region's result starts to be blended in, and at
            which it replaces the coarse alpha. Blending makes the choice of regions continuous. Unused
            by the paper's kind, which takes the argmax of the trimap.
        chunk: how many regions are refined at once: bounds memory, does not change the result.
    """

    kind: str
    cell: int
    halo: int
    widths: tuple[int, int, int]
    low: float = 0.08
    high: float = 0.3
    chunk: int = 256


@dataclass(frozen=True)
class NetworkConfig:
    """All there is to know to build a network."""

    name: str
    coarse: CoarseConfig
    refiner: RefinerConfig
    attention: AttentionConfig = AttentionConfig()
    swin: SwinConfig = SwinConfig()
    mobile: MobileConfig = MobileConfig()

    def to_dict(self) -> dict[str, Any]:
        """Plain values, fit for JSON, by the names that a manifest stores."""
        values = asdict(self)
        for part, names in STORED_NAMES.items():
            values[part] = {names.get(key, key): value for key, value in values[part].items()}
        return values

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> NetworkConfig:
        """Inverse of `to_dict`; unknown keys are a TypeError, so that no setting is dropped in silence."""
        parts: dict[str, type] = {
            "coarse": CoarseConfig,
            "refiner": RefinerConfig,
            "attention": AttentionConfig,
            "swin": SwinConfig,
            "mobile": MobileConfig,
        }
        kwargs: dict[str, Any] = {}
        for key, value in values.items():
            kwargs[key] = _part(parts[key], value, STORED_NAMES.get(key, {})) if key in parts else value
        return cls(**kwargs)


def _part(kind: type, values: dict[str, Any], stored: dict[str, str]) -> Any:
    current = {stored_name: name for name, stored_name in stored.items()}
    values = {current.get(name, name): value for name, value in values.items()}
    known = {f.name for f in fields(kind)}
    if unknown := set(values) - known:
        raise TypeError(f"{kind.__name__} has no {', '.join(sorted(unknown))}")
    return kind(**{k: tuple(v) if isinstance(v, list) else v for k, v in values.items()})


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

# The same weights, looked through with more care: a larger working image, and its mirror image too.
QUALITY = replace(FAST, name="quality", coarse=replace(FAST.coarse, working_size=640, mirrored=True))

CLEAN = NetworkConfig(
    name="clean",
    coarse=CoarseConfig(
        encoder="mobile", working_size=512, pad_multiple=32, widths=(96, 48, 24), stride=1, refiner_features=4
    ),
    refiner=RefinerConfig(kind="unshuffle", cell=64, halo=4, widths=(32, 48, 64)),
    attention=AttentionConfig(radius=3),
    mobile=MobileConfig(narrow=True),
)

CONFIGS = {config.name: config for config in (PAPER, FAST, QUALITY, CLEAN)}
