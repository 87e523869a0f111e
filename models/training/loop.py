"""What is around a step, whatever is trained: time, sums, the log, and checkpoints to go on from."""

from __future__ import annotations

import json
import time
from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from flyaway.network import MattingNetwork
from models.training import checkpoints


class Loop:
    """A run in its folder; what a step is, its subclasses say.

    Parameters
    ----------
    folder : of checkpoints and log; what is there already is read.
    network, optimizer : what learns, and how; both are restored in place.
    state : the stage's name, and steps, images and seconds so far.

    Attributes
    ----------
    average : of the weights; it is what is released.
    save_every, log_every : seconds and steps.
    """

    save_every, log_every = 240.0, 25

    def __init__(
        self, folder: Path, network: MattingNetwork, optimizer: torch.optim.Optimizer, state: dict[str, Any]
    ):
        self.folder, self.network, self.optimizer, self.state = folder, network, optimizer, state
        self.average = {k: v.detach().clone().float() for k, v in network.state_dict().items()}
        folder.mkdir(parents=True, exist_ok=True)
        checkpoints.restore(folder, network, self.average, optimizer, state, state["stage"])

    def repeat(self, steps: Iterable[Mapping[str, Tensor]]) -> None:
        """Take step after step until they end, and save.

        Parameters
        ----------
        steps : gives each step's losses and figures for the log, and counts it in `state`; the time is
            counted here, before the next one is asked for.
        """
        began, saved, spent = time.monotonic(), time.monotonic(), float(self.state["seconds"])
        sums: dict[str, list[float]] = defaultdict(list)
        for values in steps:
            self.state["seconds"] = spent + time.monotonic() - began
            for key, value in values.items():
                sums[key].append(float(value))
            if self.state["steps"] % self.log_every == 0:
                self._log({k: round(sum(v) / len(v), 5) for k, v in sums.items()})
                sums.clear()
            if time.monotonic() - saved > self.save_every:
                self.save()
                saved = time.monotonic()
        self.save()

    def save(self) -> None:
        """Write all that is needed to go on."""
        checkpoints.save(self.folder, self.network, self.average, self.optimizer, self.state)

    def _log(self, values: dict[str, float]) -> None:
        line = {k: round(v, 1) if isinstance(v, float) else v for k, v in self.state.items()} | values
        with (self.folder / "log.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")
        print(json.dumps(line), flush=True)
