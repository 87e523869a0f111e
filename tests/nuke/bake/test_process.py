"""Our program behind a studio's wrapper is stopped as if there were none; a host that dies takes it along."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from flyaway_nuke.bake.job import Request
from flyaway_nuke.bake.process import Process
from flyaway_nuke.bake.session import Session

from .conftest import ROOT

pytestmark = pytest.mark.skipif(os.name == "nt", reason="wrappers and signals of POSIX")

# Frames without end; asked to stop, it finishes the one in hand as our program does.
PROGRAM = """
import json, os, signal, sys, time
asked = []
signal.signal(signal.SIGTERM, lambda *_: asked.append(1))
if "--deaf" in sys.argv:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
print(json.dumps({"event": "start", "model": str(os.getpid()), "device": "cpu"}), flush=True)
frame = 0
while not asked:
    frame += 1
    print(json.dumps({"event": "frame", "frame": frame, "status": "written"}), flush=True)
    time.sleep(0.02)
print(json.dumps({"event": "frame", "frame": frame + 1, "status": "written"}), flush=True)
sys.exit(130)
"""


@pytest.fixture
def wrapper(tmp_path):
    """`wrapper("--deaf")`: a studio's script that sets something up, and starts the program without exec."""
    (tmp_path / "program.py").write_text(PROGRAM)

    def make(*words: str) -> Path:
        path = tmp_path / "flyaway"
        command = f'"{sys.executable}" "{tmp_path / "program.py"}" {" ".join(words)}'
        path.write_text(f"#!/bin/bash\nexport SHOW=x\n{command}\nexit $?\n")
        path.chmod(0o755)
        return path

    return make


@pytest.fixture
def environ(tmp_path):
    """A host's environment without our program."""
    return {**os.environ, "FLYAWAY_NUKE_PREFERENCES": str(tmp_path / "preferences.json")}


def until(true, seconds: float = 60.0) -> None:
    """Wait for something, as a host's timer does."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it did not come"
        time.sleep(0.02)


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    status = Path(f"/proc/{pid}/stat")
    # What has ended and was not asked for is a zombie, where there is nobody to ask.
    return not status.is_file() or status.read_text().rpartition(")")[2].split()[0] != "Z"


def started(session: Session, request: Request):
    """A job of which frames are told, and the program's own number."""
    job = session.submit(request)
    until(lambda: session.tick() and len(job.frames) > 2)
    return job, int(next(line for line in job.log if line.endswith(" on cpu")).split()[0])


@pytest.fixture
def request_of(tmp_path):
    def make(name: str) -> Request:
        return Request(name, str(tmp_path / "p.%04d.exr"), tuple(range(1, 5000)), tmp_path / name)

    return make


def test_stop_reaches_the_program_behind_a_wrapper(wrapper, environ, request_of):
    session = Session({**environ, "FLYAWAY_CLI": str(wrapper())})
    job, pid = started(session, request_of("one"))
    session.cancel(job)
    until(lambda: not session.tick())
    assert job.state == "cancelled"
    assert not alive(pid)
    # The frame in hand was finished, and heard of, though the wrapper had ended before.
    assert job.log[-2].endswith("written")


def test_the_second_stop_ends_what_a_wrapper_left_and_the_queue_goes_on(wrapper, environ, request_of):
    session = Session({**environ, "FLYAWAY_CLI": str(wrapper("--deaf"))})
    job, pid = started(session, request_of("one"))
    session.cancel(job)
    until(lambda: session.tick() and session._process._process.poll() is not None)
    assert alive(pid)
    session.cancel(job)
    until(lambda: session.tick() is False)
    assert job.state == "cancelled"
    assert not alive(pid)
    other, pid = started(session, request_of("two"))
    assert other.state == "running"
    session.close()
    until(lambda: not alive(pid))


def test_what_a_wrapper_leaves_in_the_background_holds_nothing_up(environ, tmp_path):
    script = tmp_path / "leaves"
    script.write_text("#!/bin/bash\nsleep 600 &\necho $!\necho done\nexit 3\n")
    script.chmod(0o755)
    process = Process([str(script)], environ, str(tmp_path), grace=0.2)
    heard = []
    until(lambda: heard.extend(process.lines()) or process.over())
    heard += process.lines()
    assert process.returncode == 3
    assert heard[-1] == "done"
    until(lambda: not alive(int(heard[0])))


def test_what_left_the_group_does_not_hold_a_killed_bake_up(environ, tmp_path):
    script = tmp_path / "leaves"
    code = "import os, time; os.setsid(); print(os.getpid(), flush=True); time.sleep(600)"
    script.write_text(f"#!/bin/bash\n'{sys.executable}' -c '{code}' &\nsleep 600\n")
    script.chmod(0o755)
    process = Process([str(script)], environ, str(tmp_path))
    heard = []
    until(lambda: heard.extend(process.lines()) or heard)
    process.kill()
    until(process.over, 20)
    assert process.returncode == -signal.SIGKILL
    os.kill(int(heard[0]), signal.SIGKILL)


HOST = """
import sys, time, pathlib
sys.path.insert(0, sys.argv[1])
from flyaway_nuke.bake.job import Request
from flyaway_nuke.bake.session import Session
session = Session()
request = Request("x", sys.argv[2], tuple(range(1001, 1041)), pathlib.Path(sys.argv[3]), device="cpu")
job = session.submit(request)
told = False
while job.active:
    session.tick()
    if job.frames and not told:
        told = True
        print(session._process.pid, flush=True)
    time.sleep(0.02)
print(job.state, job.message)
"""


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_host_that_dies_takes_its_bake_with_it(number, flyaway_python, pixels, tmp_path):
    pixels("write", tmp_path / "plates", 1001, 1040)
    source = (tmp_path / "plates" / "plate.%04d.exr").as_posix()
    program = tmp_path / "wrapped"
    program.write_text(f'#!/bin/sh\n"{flyaway_python}" -m flyaway "$@"\nexit $?\n')
    program.chmod(0o755)
    host = subprocess.Popen(
        [sys.executable, "-c", HOST, str(ROOT / "nuke_plugin" / "python"), source, str(tmp_path / "bake")],
        env={**os.environ, "FLYAWAY_CLI": str(program), "OMP_NUM_THREADS": "1", "HOME": str(tmp_path)},
        stdout=subprocess.PIPE,
        text=True,
    )
    pid = int(host.stdout.readline())
    host.send_signal(number)
    assert host.wait(20) == -number
    until(lambda: not alive(pid))
    mattes = sorted((tmp_path / "bake").glob("matte.*.exr"))
    assert 0 < len(mattes) < 40
    # It held its frames no longer: nothing is in a new host's way.
    until(lambda: not list((tmp_path / "bake" / ".flyaway").glob("*.claim")))
    assert {look["data"][0] for look in pixels("looks", *mattes)} == {-16}
