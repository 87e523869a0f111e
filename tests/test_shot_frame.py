"""Frames under way: two at once, the same mattes to the bit, and what fails fails by itself."""

from __future__ import annotations

import threading
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

import flyaway
from flyaway import BadPlateError, FinishedError, UsageError
from flyaway.engines import open_engine
from flyaway.matting import Matting
from flyaway.resample import resize

SOON = 20  # seconds


@pytest.fixture(scope="module")
def frames(astronaut) -> list[NDArray[np.uint8]]:
    """The astronaut's head and shoulders, who moves 4 px to the right a frame; 192×256."""
    return [np.ascontiguousarray(np.roll(astronaut[:192, 100:356], 4 * i, axis=1)) for i in range(7)]


@pytest.fixture(scope="module")
def unbroken(memory, frames) -> list[NDArray[np.float32]]:
    with memory.shot() as shot:
        return [shot(plate).alpha for plate in frames]


@pytest.fixture
def two(memory_info) -> Matting:
    """A model with two threads: two frames at once."""
    return Matting(memory_info, open_engine(memory_info, "cpu", threads=2))


def left_over() -> list[str]:
    """Threads of shots that are not under way any more."""
    return [
        one.name for one in threading.enumerate() if one.name.startswith(("flyaway-frame", "flyaway-plate"))
    ]


def failing(pair: Matting, number: int) -> None:
    """Have the frame that is looked at as the numberth (from 0) fail when it is finished."""
    look, seen = pair.engine.look, []

    def broken(*plate, **options):
        seen.append(1)
        looked = look(*plate, **options)
        return replace(looked, finish=lambda: 1 / 0) if len(seen) == number + 1 else looked

    pair.engine.look = broken


def test_mattes_take_no_frame_number(two, frames):
    with pytest.raises(UsageError, match="no frame: leave it out"):
        two.shot().mattes(frames, frame=7)


def test_mattes_are_those_of_calls_to_the_bit_and_in_order(two, frames, unbroken, astronaut):
    shot = two.shot()
    for matte, alpha in zip(shot.mattes(frames), unbroken, strict=True):
        np.testing.assert_array_equal(matte.alpha, alpha)
    # And what they leave is what calls leave.
    calls = two.shot()
    for plate in frames:
        calls(plate)
    ours, theirs = shot.state().as_arrays(), calls.state().as_arrays()
    assert ours.keys() == theirs.keys()
    for name, array in ours.items():
        np.testing.assert_array_equal(array, theirs[name])
    # A large plate, whose detail is held too, converted from light into memory that is used again.
    plate = np.square(resize(astronaut[:352, :480].astype(np.float32) / 255, 880, 1600))
    large = [np.roll(plate, number, axis=1) for number in range(5)]
    calls, shot = two.shot(), two.shot()
    for given, matte in zip(large, shot.mattes(large, "linear"), strict=True):
        np.testing.assert_array_equal(matte.alpha, calls(given, "linear").alpha)


@pytest.mark.parametrize("by_the_pair", [False, True])
def test_a_frame_is_looked_at_while_the_one_before_is_finished(by_the_pair, two, frames, monkeypatch):
    engine = two.pair().engine
    look, looked, waited = engine.look, [threading.Event() for _ in frames], []

    def noted(*plate, **options):
        number = sum(event.is_set() for event in looked)
        found = look(*plate, **options)

        def finish():
            if number + 1 < len(frames):
                waited.append(looked[number + 1].wait(SOON))
            return found.finish()

        looked[number].set()
        return replace(found, finish=finish)

    monkeypatch.setattr(engine, "look", noted)
    model = two.pair() if by_the_pair else two
    assert len(list(model.shot().mattes(frames))) == len(frames)
    assert waited == [True] * (len(frames) - 1)
    assert model.timings["coarse"] > 0


def test_no_more_of_them_are_at_work_than_there_are_threads(two, frames, monkeypatch):
    engine, lock, now, most = two.pair().engine, threading.Lock(), [0], [0]
    run = engine._run

    def counted(*given, **options):
        with lock:
            now[0] += 1
            most[0] = max(most[0], now[0])
        try:
            return run(*given, **options)
        finally:
            with lock:
                now[0] -= 1

    monkeypatch.setattr(engine, "_run", counted)
    list(two.shot().mattes(frames))
    assert most[0] <= 2


def test_who_has_one_thread_or_no_such_engine_mattes_one_after_the_other(memory, memory_info, frames):
    assert memory.pair() is None
    pytest.importorskip("torch")
    torch = Matting(memory_info, open_engine(memory_info, "cpu", "torch", 1))
    torch.engine.threads = 2
    assert torch.pair() is None
    shot = memory.shot()
    assert [matte.alpha.shape for matte in shot.mattes(frames[:2])] == [frames[0].shape[:2]] * 2


def test_three_threads_have_three_frames_and_a_pair_is_its_own(memory_info):
    three = Matting(memory_info, open_engine(memory_info, "cpu", threads=3))
    pair = three.pair()
    assert pair is three.pair()
    assert pair.pair() is pair
    assert pair.engine.threads == 1


def test_a_model_without_memory_flows_too(frames):
    clean = flyaway.load("clean", "cpu", threads=2)
    for plate, matte in zip(frames, clean.pair().shot().mattes(frames), strict=False):
        np.testing.assert_array_equal(matte.alpha, clean(plate).alpha)


def test_a_bad_plate_is_told_after_the_mattes_before_it(two, frames, unbroken):
    shot = two.shot()
    mattes = shot.mattes([*frames[:3], np.zeros((3, 3, 3, 3))])
    for alpha in unbroken[:3]:
        np.testing.assert_array_equal(next(mattes).alpha, alpha)
    with pytest.raises(BadPlateError):
        next(mattes)
    np.testing.assert_array_equal(shot(frames[3]).alpha, unbroken[3])


def test_a_plate_that_cannot_be_had_is_told_after_the_mattes_before_it(two, memory, frames, unbroken):
    """Plates are often read as they are asked for: what reading raises comes in its turn, flowing or not."""

    def read():
        yield from frames[:4]
        raise OSError("the disk is gone")

    for model in (two, memory):
        mattes, shot = [], model.shot()
        with pytest.raises(OSError, match="gone") as told:
            mattes.extend(matte.alpha for matte in shot.mattes(read()))
        assert len(mattes) == 4
        for alpha, wanted in zip(mattes, unbroken, strict=False):
            np.testing.assert_array_equal(alpha, wanted)
        del told
        assert not left_over()


def test_no_thread_lives_on_after_a_frame_failed(two, frames):
    failing(two.pair(), 2)
    with pytest.raises(ZeroDivisionError) as told:
        list(two.shot().mattes(frames))
    assert not left_over()
    assert told.value is not None  # held until here, and no thread with it


def test_what_is_prepared_may_be_matted_again_and_no_other_plate_gets_into_it(two, frames):
    light = [np.square(resize(plate.astype(np.float32) / 255, 400, 400)) for plate in frames[:3]]
    wanted = [two(plate, "linear").alpha for plate in light]
    prepared = two.prepare(light[0], "linear")
    for number in (0, 1, 0, 2, 0):
        plate = prepared if number == 0 else light[number]
        np.testing.assert_array_equal(two(plate, "linear").alpha, wanted[number])
    pair = two.pair()
    prepared = pair.prepare(light[0], "linear")
    for finish in [pair.start(prepared) for _ in range(2)]:
        np.testing.assert_array_equal(finish().alpha, wanted[0])
    # And memory that is given back is no two plates'.
    one, other = (pair.prepare(plate, "linear", once=True) for plate in light[1:])
    assert not np.shares_memory(one.image, other.image)
    np.testing.assert_array_equal(pair.start(one)().alpha, wanted[1])
    np.testing.assert_array_equal(pair.start(other)().alpha, wanted[2])


def test_where_no_hair_is_held_a_frame_that_fails_takes_nothing_from_those_after_it(two, memory, frames):
    unheld = memory.shot(steadiness=0)
    wanted = [unheld(plate).alpha for plate in frames]
    failing(two.pair(), 2)
    shot = two.pair().shot(steadiness=0)
    begun = [shot.start(plate) for plate in frames[:5]]
    with pytest.raises(ZeroDivisionError):
        begun[2]()
    assert shot.state().whole
    np.testing.assert_array_equal(begun[4]().alpha, wanted[4])


def test_a_frame_that_fails_when_it_is_finished_has_been_seen_and_its_hair_has_not(two, frames, unbroken):
    pair = two.pair()
    failing(pair, 2)
    shot = pair.shot()
    begun = [shot.start(plate, frame=number) for number, plate in enumerate(frames[:5])]
    np.testing.assert_array_equal(begun[1]().alpha, unbroken[1])
    # Whoever needs a frame first finishes it, and the failure is that frame's own.
    last = begun[4]().alpha
    with pytest.raises(ZeroDivisionError):
        begun[2]()
    with pytest.raises(FinishedError, match="given once"):
        begun[1]()
    assert not shot.state().whole
    assert shot.state().frame == 4
    assert np.abs(last - unbroken[4]).max() < 0.2, "the network remembers as if nothing had failed"
    # What begins anew lacks nothing.
    shot.begin()
    shot(frames[0], frame=9)
    assert shot.state().whole
    assert shot.began == "asked"
