"""The default engine: onnxruntime runs a model's graphs, on the CPU or a CUDA device."""

from __future__ import annotations

import logging
from functools import lru_cache

import onnxruntime as ort

from flyaway.engines.host_loop import GRAPHS, Feed, Float, HostLoop
from flyaway.engines.ort_device import PROVIDERS, assert_placement, choose
from flyaway.errors import DeviceUnavailableError, EngineError
from flyaway.weights import ModelInfo, verified

# Pixels of regions at once on a CPU: with more, what one layer leaves for the next falls out of the cache.
CPU_CHUNK = 32 * 72**2
SAME_AS_REQUESTED = 1  # onnxruntime's number for how an arena grows


class OrtEngine(HostLoop):
    """A released model on onnxruntime."""

    name = "onnxruntime"

    def __init__(self, info: ModelInfo, device: str = "auto", threads: int | None = None):
        super().__init__(info, threads)
        self.device = choose(device)
        self.at_once = self.device == "cpu"
        self.chunk = self.config.refiner.chunk
        if self.device == "cpu":
            self.chunk = min(self.chunk, CPU_CHUNK // self._region)
        self._sessions = {role: self._open(info, role, threads) for role in GRAPHS}

    def _open(self, info: ModelInfo, role: str, threads: int | None) -> ort.InferenceSession:
        options = ort.SessionOptions()
        options.log_severity_level = 3  # errors only: onnxruntime warns of things no user can change
        # Threads wait in a loop for what is next in a run, and sleep after it: three sessions take turns, and
        # those of two would take the third one's cores.
        options.add_session_config_entry("session.intra_op.allow_spinning", "1")
        options.add_session_config_entry("session.force_spinning_stop", "1")
        # An arena a session would keep the largest of all plates three times; see `shared_arena`.
        options.enable_cpu_mem_arena = False
        if self.device == "cpu" and shared_arena():
            options.add_session_config_entry("session.use_env_allocators", "1")
        if threads is not None:
            options.intra_op_num_threads = threads
        kind, _, number = self.device.partition(":")
        wanted = PROVIDERS[kind]
        how: list[str | tuple[str, dict[str, int]]] = [wanted]
        if number:
            how = [(wanted, {"device_id": int(number)})]
        path = verified(info.files[role])
        try:
            session = ort.InferenceSession(str(path), options, providers=how)
        except Exception as error:  # onnxruntime's own exceptions have no common root
            raise EngineError(f"onnxruntime cannot load {path.name} on {self.device}: {error}") from error
        if session.get_providers()[0] != wanted:
            raise DeviceUnavailableError(
                f"{self.device} was asked for, but onnxruntime fell back to "
                f"{', '.join(session.get_providers())}: check the driver and the CUDA and cuDNN libraries"
            )
        if self.device != "cpu":
            assert_placement(path, wanted)
        return session

    def _session(self, role: str) -> ort.InferenceSession:
        if role not in self._sessions:  # the graph of a shot: stills alone never pay for it
            self._sessions[role] = self._open(self._info, role, self.threads)
        return self._sessions[role]

    def _inputs(self, role: str) -> list[str]:
        """See `HostLoop._inputs`."""
        return [node.name for node in self._session(role).get_inputs()]

    def _run(self, role: str, feed: Feed, *, give_back: bool = False) -> list[Float]:
        """See `HostLoop._run`."""
        found: list[Float] = self._session(role).run(None, feed, shrinking() if give_back else None)
        return found


def shrinking() -> ort.RunOptions:
    """A run after which the arena's free memory goes back to the system."""
    options = ort.RunOptions()
    if shared_arena():
        options.add_run_config_entry("memory.enable_memory_arena_shrinkage", "cpu:0")
    return options


@lru_cache(maxsize=1)
def shared_arena() -> bool:
    """Give all of our sessions on the CPU one arena; False where this process cannot have one.

    Without an arena each layer's result is fresh memory from the system, page by page: a fifth of the time.
    With one a session each would hold its own largest plate. The one grows by what is asked for and not by
    doubling, and is used by sessions that ask for it alone: a host's own sessions keep theirs.
    """
    memory = ort.OrtMemoryInfo("Cpu", ort.OrtAllocatorType.ORT_ARENA_ALLOCATOR, 0, ort.OrtMemType.DEFAULT)
    try:
        ort.create_and_register_allocator(memory, ort.OrtArenaCfg(0, SAME_AS_REQUESTED, -1, -1))
    except Exception as error:  # onnxruntime's own exceptions have no common root
        # Somebody else in this process was first: slower, and the same result.
        logging.getLogger(__name__).info("no shared arena: %s", error)
        return False
    return True
