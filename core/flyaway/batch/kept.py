"""States of a shot beside the journal: `NAME.FRAME.state.npz`, from which a run that resumes goes on."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flyaway.errors import BadStateError, WriteError
from flyaway.frames.atomic import Disk, write_atomically
from flyaway.shot_place import Place, let_go
from flyaway.shots import ShotState
from flyaway.state_file import FORMAT, read_about, read_state, write_state


@dataclass(frozen=True)
class Kept:
    """A state to be kept: where the shot was, and what it left."""

    place: Place
    state: ShotState


class KeptStates:
    """The states of one output.

    Parameters
    ----------
    folder, name : of the output's journals.
    made : a hash of the model and of how plates are read; a state that was made otherwise is none of ours.
    disk : where they are written.
    """

    def __init__(self, folder: Path, name: str, made: str, disk: Disk) -> None:
        self._folder, self._name, self._made, self._disk = folder, name, made, disk

    def places(self, after: int, before: int) -> Iterator[Place]:
        """Where states are said to be, of frames between two, the latest first."""
        for number in reversed(self._numbers()):
            if after < number < before:
                with contextlib.suppress(OSError, BadStateError, KeyError, TypeError, ValueError):
                    yield self._place(number, read_about(self._path(number)))

    def read(self, place: Place) -> Kept | None:
        """The state at a place; None where the file holds no sound one."""
        try:
            about, state = read_state(self._path(place.last))
            same = self._place(place.last, about) == place and state.frame == place.last
        except (OSError, BadStateError, KeyError, TypeError, ValueError):
            return None
        return Kept(place, state) if same else None

    def keep(self, kept: Kept) -> None:
        """Put a state beside the journal; of very many, some are let go.

        Raises
        ------
        WriteError : it cannot be written.
        """
        place = kept.place
        path = self._path(place.last)
        about = {"made": self._made, "began": place.began, "digest": place.digest}

        def verify(part: Path) -> None:
            try:
                same = read_about(part) == {"format": FORMAT, **about}
            except BadStateError as error:  # larger than a state that is believed
                raise WriteError("would not be read back.", path=path) from error
            if not same:
                raise WriteError("does not read back as it was written.", path=path)

        write_atomically(path, lambda part: write_state(part, kept.state, about), verify, disk=self._disk)
        self._disk.share(path)
        for number in let_go(self._numbers()):
            with contextlib.suppress(OSError):
                self._disk.remove(self._path(number))

    def _place(self, number: int, about: dict[str, Any]) -> Place:
        if about["made"] != self._made:
            raise BadStateError("made by another model, or of plates that were read otherwise")
        return Place(int(about["began"]), number, str(about["digest"]))

    def _numbers(self) -> list[int]:
        pattern = re.compile(re.escape(self._name) + r"\.(-?\d{1,12})\.state\.npz")
        found = (pattern.fullmatch(path.name) for path in self._folder.glob("*.state.npz"))
        return sorted(int(match[1]) for match in found if match)

    def _path(self, number: int) -> Path:
        return self._folder / f"{self._name}.{number}.state.npz"
