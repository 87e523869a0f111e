"""Files of earlier runs: whether one is whole, is what is asked for, and lies as its plate does."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import OpenImageIO as oiio

from flyaway.errors import OtherKindError, ReadError
from flyaway.frames import library, metadata
from flyaway.frames.options import CHANNELS, Output, WriteOptions, channel_of, is_premultiplied
from flyaway.frames.read import Window, windows
from flyaway.frames.select import part_count
from flyaway.frames.windows import union


def check_existing(
    path: Path,
    plate_header: oiio.ImageSpec | None,
    write: WriteOptions,
    made_with: Mapping[str, str] | None = None,
) -> tuple[str, ...]:
    """Prove that a file from an earlier run is whole: it decodes, is of its kind, and lies as its plate does.

    Parameters
    ----------
    path : the file.
    plate_header : its plate's; None where the plate has gone.
    write : what the file should be.
    made_with : what its header should say below "flyaway:", where it says anything.

    Returns
    -------
    What of it is otherwise than asked for and does not make it another kind of file: "made with model fast,
    where quality is asked for". Only what its header tells: of matte controls and backgrounds nothing.

    Raises
    ------
    OtherKindError : it is whole, and is something else.
    ReadError : it is broken, or lies elsewhere than its plate does.
    """
    source = _open(path)
    try:
        spec = source.spec()
        library.decode(source, 0, spec.nchannels, path)
    finally:
        source.close()
    told = metadata.read_provenance(spec) if metadata.is_ours(spec) else {}
    _check_kind(path, spec, told, plate_header, write)
    if plate_header is not None:
        _check_windows(path, spec, plate_header, write.output, cropped="window" in told)
    found = [
        f"made with {key} {told[key]}, where {value} is asked for"
        for key, value in (made_with or {}).items()
        if told.get(key, value) != value
    ]
    return (*found, *_stored_otherwise(path, spec, told, write))


def _open(path: Path) -> oiio.ImageInput:
    """A file, at the part that Flyaway wrote into where it has several."""
    source = library.open_input(path)
    specs = [source.spec(part) for part in range(part_count(source.spec(0)))]
    ours = next((part for part, spec in enumerate(specs) if metadata.is_ours(spec)), None)
    if ours is None or ours == source.current_subimage():
        return source
    source.close()
    return library.open_input(path, part=str(ours))


def _check_kind(
    path: Path,
    spec: oiio.ImageSpec,
    told: Mapping[str, str],
    plate: oiio.ImageSpec | None,
    write: WriteOptions,
) -> None:
    """Refuse a whole picture that is something else than what is asked for."""
    own = CHANNELS.get(write.output, None if plate is None else plate.nchannels + 1)
    if own is not None and spec.nchannels != own + write.added:
        raise OtherKindError(
            f"{spec.nchannels} channels where {write.output} has {own + write.added}", path=path
        )
    channel = channel_of(path, write)
    if told and channel and channel not in spec.channelnames:
        raise OtherKindError(f"no channel {channel} among {', '.join(spec.channelnames[:12])}", path=path)
    name, kind = metadata.kind_of(write.output, straight=not is_premultiplied(path, write))
    said = {key: told[key] for key in metadata.KINDS if key in told}
    if said and said != {name: kind}:
        raise OtherKindError(f"it is {', '.join(said.values())}, where {kind} is asked for", path=path)


def _stored_otherwise(
    path: Path, spec: oiio.ImageSpec, told: Mapping[str, str], write: WriteOptions
) -> list[str]:
    """What of a file's layout is not what is asked for, in words."""
    if not told:  # nobody's: then it was asked for as it is
        return []
    found = []
    channel = channel_of(path, write)
    index = spec.channelnames.index(channel) if channel else 0
    depth = str(spec.channelformat(index))
    if write.depth is not None and depth != write.depth:
        found.append(f"stored as {depth}, where {write.depth} is asked for")
    cropped = "window" in told
    if cropped != write.crop:
        found.append("cropped, where that is not asked for" if cropped else "not cropped")
    compression = str(spec.get("compression", "") or "").partition(":")[0]
    asked = (write.compression or "").partition(":")[0]
    if asked and compression and asked != compression:
        found.append(f"compressed with {compression}, where {asked} is asked for")
    return found


def _check_windows(
    path: Path, spec: oiio.ImageSpec, plate: oiio.ImageSpec, output: Output, *, cropped: bool
) -> None:
    """Refuse a matte that does not lie as its plate does; a cropped one lies anywhere within."""
    data, display = windows(plate)
    data = union(data, display) if output == "comp" else data
    expected = data if path.suffix.lower() == ".exr" else display
    found = Window(spec.x, spec.y, spec.width, spec.height)
    if cropped:
        inside = (
            data.x <= found.x
            and data.y <= found.y
            and found.x + found.width <= data.x + data.width
            and found.y + found.height <= data.y + data.height
        )
        if not inside:
            raise ReadError(f"its window {found} is not within the plate's {data}.", path=path)
    elif (found.width, found.height) != (expected.width, expected.height):
        raise ReadError(
            f"{found.width}×{found.height} pixels where the plate has {expected.width}×{expected.height}.",
            path=path,
        )
    elif path.suffix.lower() == ".exr" and found != expected:  # elsewhere a picture begins at 0, 0
        raise ReadError(
            f"it lies at {found.x},{found.y} where the plate does at {expected.x},{expected.y}.", path=path
        )
