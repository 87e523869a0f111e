"""The third stage, in writers' threads: mattes to disk, proven, and then the frame's line in the journal."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace

from flyaway.batch.finish import frame_settings
from flyaway.batch.finisher import Finisher
from flyaway.batch.journal import Entry, Journal, JournalIndex, output_of
from flyaway.batch.kept import Kept
from flyaway.batch.memory import Memory
from flyaway.batch.network_stage import Matted, UnderWay
from flyaway.batch.options import RunOptions
from flyaway.batch.places import Anchor
from flyaway.batch.plan import Plan
from flyaway.batch.plates import Read
from flyaway.batch.raw import RawMattes
from flyaway.batch.report import FrameResult, FrameTask, frame_error
from flyaway.color import FloatImage
from flyaway.errors import FrameError, WriteError
from flyaway.frames.atomic import Disk, WrittenFile
from flyaway.frames.options import is_lossy
from flyaway.frames.preview import preview_path, write_preview
from flyaway.frames.read import Plate
from flyaway.frames.write import store_matte


class WriteStage:
    """Writes what the network found.

    Parameters
    ----------
    plan, options : of the run.
    made : hashes of the model and of the run's settings.
    provenance : what is written into mattes' headers.
    finisher, raws, memory : of the run.
    journal, past : of this run and of those before; None where none is kept.
    disk : where everything is written.
    """

    def __init__(
        self,
        plan: Plan,
        options: RunOptions,
        made: tuple[str, str],
        provenance: Mapping[str, str],
        finisher: Finisher,
        raws: RawMattes,
        memory: Memory | None,
        journal: Journal | None,
        past: JournalIndex | None,
        disk: Disk,
    ) -> None:
        self._plan, self._options, self._provenance = plan, options, provenance
        self._model, self._settings = made
        self._finisher, self._raws, self._memory = finisher, raws, memory
        self._journal, self._past, self._disk = journal, past, disk
        self._anchor = Anchor(plan.places[0][0].parent)
        self._lossy = any(is_lossy(write.compression or "") for write in plan.writes)

    def __call__(
        self, task: FrameTask, read: Read | FrameResult, matted: Matted | UnderWay | FrameResult | None
    ) -> FrameResult | None:
        """Write one frame, finished first where it is under way; None where the run ended before it."""
        if isinstance(matted, UnderWay):
            matted = matted.finish()
        if matted is None or isinstance(matted, FrameResult) or isinstance(read, FrameResult):
            return matted if isinstance(matted, FrameResult) else None
        try:
            return self._written(task, read, matted)
        except Exception as error:
            return FrameResult(task, "failed", error=frame_error(error, task))

    def _written(self, task: FrameTask, read: Read, matted: Matted) -> FrameResult:
        started = time.perf_counter()
        self._check_still_there(task)
        alpha = self._finisher.finished(matted.alpha, read.masks)
        entry = self._entry(task, read, matted, alpha)
        if self._past is not None and (self._lossy or self._past.knows(task.key)):
            # What older lines say of it ends here, before any of its files is replaced. A lossy file
            # cannot say by itself that it is ours, so there the journal must, if the run dies after it.
            self._note(entry, task, "not begun, because the journal cannot be written")
        files = self._store(task, read, matted, alpha)
        if self._journal is not None:
            outputs = tuple(output_of(file, self._anchor) for file in files)
            done = replace(entry, outputs=outputs, at_ns=time.time_ns())
            self._note(done, task, "written, but its line in the journal was not")
        notes = dict.fromkeys(
            (
                *read.plate.notes,
                *matted.notes,
                *(note for file in files for note in file.notes),
                *self._preview(task, read.plate, alpha),
                *self._keep(matted.kept),
            )
        )
        return FrameResult(
            task,
            "written",
            {"read": read.seconds, **matted.seconds, "write": time.perf_counter() - started},
            tuple(notes),
            coverage=entry.coverage,
            why=read.why,
            # Below black is usual in video, and nothing to tell.
            oddities=None if read.plate.format == "movie" else read.plate.oddities,
            size=(read.plate.display_window.width, read.plate.display_window.height),
            replayed=matted.replayed,
            lacking=matted.lacking,
        )

    def _entry(self, task: FrameTask, read: Read, matted: Matted, alpha: FloatImage) -> Entry:
        """The frame's line, before anything of it is written."""
        return Entry(
            task.key,
            self._anchor.name(task.source),
            read.size,
            read.mtime_ns,
            self._model,
            frame_settings(self._settings, self._options.finish, self._plan.writes, task),
            (),
            round(float(alpha.mean()), 6),
            matted.memory,
            self._provenance.get("engine", ""),
        )

    def _store(self, task: FrameTask, read: Read, matted: Matted, alpha: FloatImage) -> list[WrittenFile]:
        """All files of a frame, each proven; and its raw matte, where that is kept and new."""
        files: list[WrittenFile] = []
        try:
            self._store_each(task, read, matted, alpha, files)
        except FrameError as error:
            if files:  # a frame is done when all of it is: its error must not read as if nothing were there
                names = ", ".join(file.path.name for file in files)
                error.args = (f"{error.args[0]} {names} was written, and is done again with this frame.",)
            raise
        return files

    def _store_each(
        self, task: FrameTask, read: Read, matted: Matted, alpha: FloatImage, files: list[WrittenFile]
    ) -> None:
        for target, write in zip(task.targets, self._plan.writes, strict=True):
            told, unknown = self._provenance, matted.raw.unknown
            files.append(store_matte(target, alpha, read.plate, write, told, self._disk, unknown=unknown))
        if read.raw is None:
            self._raws.keep(
                task,
                matted.raw,
                read.plate,
                f"{read.key} {matted.memory}" if matted.memory else read.key,
                self._provenance,
                replace_theirs=self._options.replaces,
            )

    def _check_still_there(self, task: FrameTask) -> None:
        """Never make a folder anew that has gone: where a share was mounted lies another disk."""
        gone = [] if self._journal is None else [s for s, _ in self._plan.places if not s.is_dir()]
        if gone:
            raise WriteError(
                f"{gone[0]} was there when the run began, and has gone (a share that was unmounted?). Bring"
                " it back, and run this again with --resume.",
                path=task.targets[0],
                frame=task.frame,
            )

    def _note(self, entry: Entry, task: FrameTask, otherwise: str) -> None:
        if self._journal is None:
            return
        try:
            self._journal.add(entry)
        except OSError as error:
            raise WriteError(
                f"{otherwise} ({error.strerror or error}). A run with --resume does it again.",
                path=self._journal.path,
                frame=task.frame,
            ) from error

    def _keep(self, kept: Kept | None) -> tuple[str, ...]:
        """Keep a state beside the journal; without it a run that resumes begins further back."""
        if kept is None or self._memory is None or self._journal is None:
            return ()
        try:
            self._memory.keep(kept)
        except WriteError as error:
            return (f"the shot's state was not kept: {error}",)
        return ()

    def _preview(self, task: FrameTask, plate: Plate, alpha: FloatImage) -> tuple[str, ...]:
        """Write the frame's preview; what goes wrong is a note, since the matte itself is on disk."""
        if self._options.previews is None:
            return ()
        try:
            write_preview(preview_path(self._options.previews, task.targets[0]), plate, alpha)
        except Exception as error:
            return (str(frame_error(error, task)),)
        return ()
