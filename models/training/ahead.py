"""Plates composed ahead by a process of their own: a core with nothing else to do helps the trainer."""

from __future__ import annotations

import os
import queue
import time
from collections.abc import Sequence

import torch
import torch.multiprocessing

from models.training.compose import Composer, Plates
from models.training.faults import Rng

Size = tuple[int, int]
DEPTH = 2  # batches of each size that wait


class Ahead:
    """Draws as a composer does, from batches that wait; where none does, it composes one itself.

    The other process begins as a copy of this one, so it holds the same bank in the same memory. It runs on
    any core at a low priority: nothing waits for it. What is drawn then depends on how quick it is, so
    two runs of one seed differ.

    Parameters
    ----------
    composer : on the processor.
    count : plates of a batch.
    sizes : height and width of the plates that will be asked for.
    niceness : of the other process; 19 takes only what the cores have left.
    """

    def __init__(self, composer: Composer, count: int, sizes: Sequence[Size], niceness: int = 19):
        self.composer, self.count, self.niceness = composer, count, niceness
        context = torch.multiprocessing.get_context("fork")
        self.waiting = {size: context.Queue(DEPTH) for size in dict.fromkeys(sizes)}
        self.helped = 0  # batches that had been composed ahead
        self.process = context.Process(target=self._compose, daemon=True)
        self.process.start()

    def __call__(self, count: int, shape: Size) -> Plates:
        """A batch of one shape."""
        if count == self.count and shape in self.waiting:
            try:
                plates = Plates(*self.waiting[shape].get_nowait())
            except queue.Empty:
                pass
            else:
                self.helped += 1
                return plates
        return self.composer(count, shape)

    def _compose(self) -> None:
        """What the other process does until this one ends."""
        parent = os.getppid()
        torch.set_num_threads(1)  # a copied process has none of its threads: it would wait for ever
        os.sched_setaffinity(0, range(os.cpu_count() or 1))
        os.setpriority(os.PRIO_PROCESS, 0, max(self.niceness, os.getpriority(os.PRIO_PROCESS, 0)))
        rng = self.composer.rng  # its seed would draw the plates of the process that this one is a copy of
        self.composer.rng = Rng(rng.device, rng.generator.initial_seed() + 1)
        while os.getppid() == parent:
            open_places = [(size, waiting) for size, waiting in self.waiting.items() if not waiting.full()]
            for size, waiting in open_places:
                plates = self.composer(self.count, size)
                waiting.put((plates.image, plates.alpha, plates.weight, plates.exact, plates.trust))
            if not open_places:
                time.sleep(0.02)
