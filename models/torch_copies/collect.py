"""Which files the wheel takes from the weights beside it: a hook of hatchling's."""

from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class Collect(BuildHookInterface):  # type: ignore[type-arg]  # of a builder's own configuration, which is not read
    """Torch's copies out of every folder NAME@VERSION."""

    def initialize(self, _version: str, build_data: dict[str, Any]) -> None:
        """Name them; hatchling calls it before it packs."""
        weights = Path(self.root).parent / "weights"
        found = sorted(weights.glob("*@*/*.safetensors"))
        if not found:
            raise FileNotFoundError(f"{weights} has no torch copies of earlier weights")
        for file in found:
            inside = file.relative_to(weights).as_posix()
            build_data["force_include"][str(file)] = f"flyaway_earlier_torch_weights/{inside}"
