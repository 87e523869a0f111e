"""A model with memory: ranges as shots, broken off, failed, with handles; stale ones and stills."""

from __future__ import annotations

import contextlib
import os
import sys
from pathlib import Path

import bpy
import graphs
import node as nodes
import numpy as np

ADDON = "bl_ext.user_default.flyaway"


def part(name: str) -> object:
    """A module of the add-on."""
    return sys.modules[f"{ADDON}.{name}"]


def setting(plate: str, size: list[int], count: int, model: list[str], blend: str) -> bpy.types.Node:
    """Plates 1…count before a Portrait Matte of a model with memory, on one thread, saved."""
    node = graphs.matte_of(plate, *size, (count, 1))
    ours = bpy.context.preferences.addons[ADDON].preferences
    ours.device, ours.threads, ours.weights = "cpu", 1, model[1]
    node.node_tree.flyaway.model = model[0]
    node.id_data.nodes.active = node
    scene = bpy.context.scene
    scene.frame_start, scene.frame_end = 1, count
    bpy.ops.wm.save_as_mainfile(filepath=blend)
    return node


def use() -> object:
    """The matte in use."""
    (found,) = part("uses").used(bpy.context.scene)
    return found


def kept(frame: int) -> np.ndarray:
    """The matte of a frame on disk, H×W."""
    place = part("cache").folder(use().tree)
    return part("pixels").read_file(part("cache").matte_path(place, frame))[..., 0].copy()


def made_of(frame: int) -> str:
    """What the list says of a frame behind its own signature; None where it is not there."""
    found = part("origins").load(part("cache").folder(use().tree)).frames.get(frame)
    return None if found is None else found[0].partition(" ")[2]


def fresh(frames: range) -> list[int]:
    """Which frames would be left alone by an analysis."""
    part("signature").begin()
    scene, one = bpy.context.scene, use()
    return [n for n in frames if part("shots").is_fresh(scene, one, n, part("signature").of(scene, one, n))]


def statuses() -> list[str]:
    """What became of each frame."""
    return [str(entry[2]) for entry in nodes.records()]


def analyse() -> list[str]:
    """The range, from the operator."""
    with contextlib.suppress(RuntimeError):  # what it reports, which the records say too
        bpy.ops.flyaway.analyse_range()
    return statuses()


def core(numbers: list[int], *, stills: bool = False) -> dict[int, np.ndarray]:
    """Mattes of what flows into the node, by the core: of these frames as one shot, or as stills."""
    pipeline, engine, one = part("pipeline"), part("engine"), use()
    found, state = {}, None
    for number in numbers:
        question = pipeline.ask(bpy.context.scene, one, number)
        shot = engine.Shot(question.choice)
        found[number] = question.answer(shot.at(number, None if stills else state)).alpha
        state = shot.state
    pipeline.remove_taps()
    return found


def apart(mattes: dict[int, np.ndarray]) -> list[float]:
    """How far mattes on disk are from others."""
    return [nodes.apart(kept(number), matte) for number, matte in mattes.items()]


def clear() -> None:
    """Nothing on disk."""
    bpy.ops.flyaway.clear_cache()


def analysed(plate: str, size: list[int], model: list[str], folder: str) -> dict[str, object]:
    """A range is the core's shot; one that was broken off goes on, and one that begins later warms up."""
    setting(plate, size, 6, model, f"{folder}/shot.blend")
    scene, frames = bpy.context.scene, range(1, 7)
    wanted, stills = core([*frames]), core([*frames], stills=True)
    facts: dict[str, object] = {"statuses": analyse(), "as a shot": apart(wanted), "as stills": apart(stills)}
    facts["memories"] = [made_of(n).partition(":")[0] for n in frames]
    facts["again"] = analyse()
    whole = {n: kept(n) for n in frames}
    place = part("cache").folder(use().tree)
    clear()
    facts["left"] = sorted(path.name for path in place.glob("*")) if place.exists() else []
    for name, lose in (("broken off", False), ("state lost", True)):
        work = part("analysis").Analysis(scene, [use()], frames)
        while work.done < 3:
            work.step()
        work.step()  # the next one is begun
        work.close()
        place = part("cache").folder(use().tree)
        facts[f"{name}: states"] = [path.name for path in place.glob("shot.*.npz")]
        for path in place.glob("shot.*.npz"):
            if lose:
                path.write_bytes(b"no state")
        facts[name] = analyse()
        facts[f"{name}: apart"] = apart(whole)
        clear()
    scene.frame_start = 4
    facts["handles"] = analyse()
    facts["handles: memory"] = [made_of(n) and made_of(n).partition(":")[0] for n in frames]
    facts["handles: apart"] = max(nodes.apart(kept(n), whole[n]) for n in (4, 5, 6))
    return facts


def stale(plate: str, size: list[int], model: list[str], folder: str) -> dict[str, object]:
    """Earlier plates that change, change places or go, and come back."""
    setting(plate, size, 5, model, f"{folder}/shot.blend")
    frames = range(1, 6)
    analyse()
    facts: dict[str, object] = {"fresh": fresh(frames)}
    paths = {n: Path(plate.replace("0001", f"{n:04d}")) for n in frames}
    before = paths[2].stat()
    paths[2].touch()
    facts["changed"] = fresh(frames)
    os.utime(paths[2], ns=(before.st_atime_ns, before.st_mtime_ns))
    away = paths[2].with_suffix(".away")
    paths[2].rename(away)
    facts["missing"] = fresh(frames)
    paths[3].rename(paths[2])
    away.rename(paths[3])
    facts["changed places"] = fresh(frames)
    paths[2].rename(away)
    paths[3].rename(paths[2])
    away.rename(paths[3])
    facts["back"] = fresh(frames)
    # A frame that fails is passed over, and what comes after it is fresh until it can be had.
    good = paths[3].rename(away)
    facts["failed"] = analyse()
    facts["failed: as without it"] = apart(core([1, 2, 4, 5]))
    facts["failed: fresh"] = fresh(frames)
    facts["failed: again"] = analyse()
    good.rename(paths[3])
    facts["mended: fresh"] = fresh(frames)
    facts["mended"] = analyse()
    facts["mended: apart"] = apart(core([*frames]))
    return facts


def failing(plate: str, size: list[int], model: list[str], folder: str) -> dict[str, object]:
    """The network fails once, after it has seen the frame, and nothing on disk shows it."""
    setting(plate, size, 5, model, f"{folder}/shot.blend")
    engine, frames = part("engine"), range(1, 6)
    sound = engine.Shot.at

    def at(shot: object, frame: int, before: object) -> object:
        look = sound(shot, frame, before)

        def fails(*given: object) -> object:
            look(*given)
            raise MemoryError("not enough memory")

        return fails if frame == 3 else look

    engine.Shot.at = at
    facts: dict[str, object] = {"failed": analyse()}
    engine.Shot.at = sound
    facts["as without it"] = apart(core([1, 2, 4, 5]))
    facts["fresh"] = fresh(frames)
    facts["again"] = analyse()
    facts["again: apart"] = apart(core([*frames]))
    facts["and again"] = analyse()
    return facts


def alone(plate: str, size: list[int], model: list[str], folder: str) -> dict[str, object]:
    """Stills and frames of a shot, of which none is taken for the other."""
    node = setting(plate, size, 3, model, f"{folder}/shot.blend")
    scene, own = bpy.context.scene, node.node_tree.flyaway
    scene.frame_set(3)
    bpy.ops.flyaway.analyse_frame()
    facts: dict[str, object] = {"frame": statuses(), "a still": apart(core([3], stills=True))}
    facts["label"] = node.label
    facts["fresh as a shot's"] = fresh(range(1, 4))
    nodes.render(folder, "f12")
    facts["f12"] = [entry[2:] for entry in nodes.records()]
    bpy.ops.flyaway.analyse_frame()
    facts["frame again"] = statuses()
    facts["range"] = analyse()
    facts["range: label"] = node.label
    nodes.render(folder, "f12")
    facts["f12 of the shot"] = [entry[2:] for entry in nodes.records()]
    own.stills = True
    facts["switched: fresh"] = fresh(range(1, 4))
    nodes.render(folder, "f12")
    facts["switched: f12"] = [entry[2:] for entry in nodes.records()]
    facts["switched"] = analyse()
    facts["switched: apart"] = apart(core([1, 2, 3], stills=True))
    own.stills = False
    facts["switched back: fresh"] = fresh(range(1, 4))
    bpy.ops.flyaway.clear_cache()
    nodes.render(folder, "f12")
    facts["live"] = [entry[2:] for entry in nodes.records()]
    image = nodes.image_of(node.id_data).image
    image.source = "FILE"
    facts["photograph"] = analyse()
    facts["photograph: memories"] = [made_of(n) for n in (1, 2, 3)]
    return facts


def stepped(plate: str, size: list[int], model: list[str], folder: str) -> dict[str, object]:
    """Single frames after a range: each goes on with its shot, for as long as that is what it was."""
    node = setting(plate, size, 5, model, f"{folder}/shot.blend")
    scene = bpy.context.scene
    wanted = core([*range(1, 6)])
    scene.frame_end = 2
    analyse()
    facts: dict[str, object] = {}
    for number in (3, 4):
        scene.frame_set(number)
        bpy.ops.flyaway.analyse_frame()
        facts[f"frame {number}"] = [entry[2:] for entry in nodes.records()]
        facts[f"frame {number}: label"] = node.label
    facts["memories"] = [made_of(n).partition(":")[0] for n in range(1, 5)]
    facts["apart"] = apart({number: wanted[number] for number in range(1, 5)})
    scene.frame_end = 5
    facts["range"] = analyse()
    facts["range: apart"] = apart(wanted)
    # With another plate before it, there is nothing to go on from.
    Path(plate.replace("0001", "0002")).touch()
    scene.frame_set(4)
    bpy.ops.flyaway.analyse_frame()
    facts["changed"] = [entry[2:] for entry in nodes.records()]
    return facts


def thinned(plate: str, size: list[int], model: list[str], folder: str) -> dict[str, object]:
    """A range after which more states were left than are kept, and single frames after it."""
    setting(plate, size, 6, model, f"{folder}/shot.blend")
    scene, places = bpy.context.scene, part("engine").shot_places()
    wanted = core([*range(1, 7)])
    places.KEPT_EVERY, places.MOST_KEPT, places.HANDLES = 2, 3, 1
    facts: dict[str, object] = {}
    for name, wish in (("four", 4), ("all", 6)):
        scene.frame_end = wish
        facts[f"{name}: statuses"] = analyse()
        place = part("cache").folder(use().tree)
        facts[name] = sorted(path.name for path in place.glob("shot.*.npz"))
    places.KEPT_EVERY = 1
    clear()
    facts["each: statuses"] = analyse()
    facts["each"] = sorted(path.name for path in place.glob("shot.*.npz"))
    facts["apart"] = apart(wanted)
    return facts


def strip(plate: str, size: list[int], model: list[str], folder: str) -> dict[str, object]:
    """A strip, trimmed by two frames at its start, as a shot and each frame by itself."""
    setting(plate, size, 5, model, f"{folder}/shot.blend")
    facts: dict[str, object] = {}
    for name, stills in (("shot", False), ("stills", True)):
        scene = bpy.data.scenes.new(f"Edit {name}")
        bpy.context.window.scene = scene
        editor = scene.sequence_editor_create()
        one = graphs.strips_of(editor).new_image(name, plate, 1, 1)
        for number in range(2, 6):
            one.elements.append(Path(plate).name.replace("0001", f"{number:04d}"))
        one.frame_final_duration = 5
        one.frame_offset_start = 2
        editor.active_strip = one
        bpy.ops.flyaway.matte_strip(stills=stills)
        bpy.context.window.scene = bpy.data.scenes[f"Flyaway {name}"]
        facts[name] = [made_of(n) for n in range(1, 6)]
    return facts
