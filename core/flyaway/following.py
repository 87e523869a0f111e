"""A person followed over a shot: by where they are, how large they are and what they wear.

While two touch they are one region, and both are kept: telling them apart takes a network that can be shown
whom to keep. When they part again, size and colours say who is who.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from itertools import permutations

import numpy as np
from numpy.typing import NDArray

from flyaway.people import Float, People, Person, unlike
from flyaway.subject import Subject, choose

OVERLAP = 0.25  # of the smaller: a region is where somebody was
KNOWN = 0.45  # colours less unlike than this may be somebody's who was lost
LEARN = 0.1  # of a person's colours and size are the last frame's
_MOST_PERMUTED = 5


@dataclass(frozen=True)
class Known:
    """Somebody who is followed: as last seen alone, and how they moved (cells a frame)."""

    person: Person
    vx: float = 0.0
    vy: float = 0.0


@dataclass(frozen=True)
class State:
    """All that is kept of a shot from one frame to the next; its size does not grow with the shot.

    Attributes
    ----------
    known : who was met, the chosen one among them (at most twice `people.MOST`).
    chosen : the index of whom to keep.
    regions : for each region of `solid` the indices of those who are in it.
    solid : rows×columns int32, the last frame's regions; 0 where nobody is.
    """

    known: tuple[Known, ...]
    chosen: int
    regions: tuple[tuple[int, ...], ...]
    solid: NDArray[np.int32] = field(repr=False)


def begin(people: People, subject: Subject, shift: tuple[float, float] = (0, 0)) -> State | None:
    """Make the choice in a frame; None where nobody is in it."""
    chosen = choose(people, subject, shift)
    if chosen is None:
        return None
    known = tuple(Known(person) for person in people.people)
    return State(known, chosen, tuple((index,) for index in range(len(known))), people.solid)


def follow(state: State, people: People) -> State:
    """Who is who in the next frame (or the one before: time may run either way)."""
    where, before = _clusters(state, people)
    regions: list[tuple[int, ...]] = [() for _ in people.people]
    for places, members in zip(where, before, strict=True):
        for place, who in zip(places, _assigned(state, people, places, members), strict=True):
            regions[place] = who
    known = list(state.known)
    away = set(range(len(known))) - {one for who in regions for one in who}
    for place, who in enumerate(regions):
        person = people.people[place]
        if not who:
            again = min(away, key=lambda one: unlike(known[one].person.colours, person.colours), default=None)
            if again is not None and unlike(known[again].person.colours, person.colours) < KNOWN:
                away.discard(again)
                regions[place] = (again,)
            else:
                known.append(Known(person))
                regions[place] = (len(known) - 1,)
        known = _moved(known, regions[place], person)
    return _forgotten(State(tuple(known), state.chosen, tuple(regions), people.solid))


def mask_of(state: State, people: People, height: int, width: int) -> tuple[Float | None, str]:
    """H×W float32, 1 where the chosen person's part of the frame is, and a note, or "".

    None where the whole matte is theirs.
    """
    place = next((index for index, who in enumerate(state.regions) if state.chosen in who), None)
    if place is None:
        return np.zeros((height, width), np.float32), "the chosen person is not in this frame"
    touching = len(state.regions[place]) > 1
    note = "the chosen person touches another: both are in the matte" if touching else ""
    return (None if len(people.people) == 1 else people.mask(place, height, width)), note


def _clusters(state: State, people: People) -> tuple[list[list[int]], list[list[int]]]:
    """Regions of now and members of before that have to do with each other."""
    groups: list[tuple[set[int], set[int]]] = []  # (old regions, new regions)
    for old, who in enumerate(state.regions):
        touched = {new for new in range(len(people.people)) if _overlaps(state, people, old, new)}
        if not touched and people.people:
            touched = _near(state, people, who)
        merged = (({old}), touched)
        apart = []
        for group in groups:
            if group[1] & merged[1]:
                merged = (merged[0] | group[0], merged[1] | group[1])
            else:
                apart.append(group)
        groups = [*apart, merged]
    where = [sorted(new) for _, new in groups]
    members = [[one for old in sorted(olds) for one in state.regions[old]] for olds, _ in groups]
    return where, members


def _overlaps(state: State, people: People, old: int, new: int) -> bool:
    """Whether a region, moved on as its people moved, lies on one of the next frame."""
    here = people.solid == new + 1
    ys, xs = np.nonzero(state.solid == old + 1)
    if not len(ys):
        return False
    moving = [state.known[one] for one in state.regions[old]]
    dx = round(sum(one.vx for one in moving) / len(moving))
    dy = round(sum(one.vy for one in moving) / len(moving))
    rows, columns = here.shape
    inside = (ys + dy >= 0) & (ys + dy < rows) & (xs + dx >= 0) & (xs + dx < columns)
    shared = int(here[ys[inside] + dy, xs[inside] + dx].sum())
    return shared > OVERLAP * min(len(ys), people.people[new].area)


def _near(state: State, people: People, who: tuple[int, ...]) -> set[int]:
    """For a region that lies on nothing: the nearest one within a body's width that looks alike."""
    one = state.known[who[0]]
    distance = [
        float(np.hypot(found.x - one.person.x - one.vx, found.y - one.person.y - one.vy))
        for found in people.people
    ]
    new = int(np.argmin(distance))
    alike = unlike(one.person.colours, people.people[new].colours) < KNOWN
    return {new} if alike and distance[new] < 1.5 * one.person.area**0.5 else set()


def _assigned(state: State, people: People, places: list[int], members: list[int]) -> list[tuple[int, ...]]:
    """Who of `members` is in which of `places`."""
    if len(places) == 1:
        return [tuple(members)]
    if not places:
        return []
    apart = all(len(who) == 1 for who in state.regions if set(who) & set(members))
    members = sorted(members, key=lambda one: one != state.chosen)[:_MOST_PERMUTED]
    slots = places[:_MOST_PERMUTED]
    cost = {
        (one, place): _cost(state.known[one], people.people[place], apart=apart)
        for one in members
        for place in slots
    }
    if len(members) >= len(slots):
        # Every region has somebody; whoever is left over is where they fit best.
        best = min(
            permutations(members, len(slots)),
            key=lambda order: sum(cost[one, place] for one, place in zip(order, slots, strict=True)),
        )
        found = {place: [one] for one, place in zip(best, slots, strict=True)}
        for one in set(members) - set(best):
            found[min(slots, key=lambda place: cost[one, place])].append(one)
    else:
        order = min(
            permutations(slots, len(members)),
            key=lambda order: sum(cost[one, place] for one, place in zip(members, order, strict=True)),
        )
        found = {place: [one] for one, place in zip(members, order, strict=True)}
    return [tuple(sorted(found.get(place, ()))) for place in places]


def _cost(known: Known, found: Person, *, apart: bool) -> float:
    """How unlikely it is that somebody is the person found. Who was apart is where they were going."""
    size = known.person.area**0.5
    far = float(np.hypot(found.x - known.person.x - known.vx, found.y - known.person.y - known.vy)) / size
    larger = abs(float(np.log(found.area / known.person.area)))
    colours = unlike(known.person.colours, found.colours)
    return float(colours + 0.2 * min(larger, 2.0) + (1.0 if apart else 0.05) * min(far, 2.0))


def _moved(known: list[Known], who: tuple[int, ...], person: Person) -> list[Known]:
    """Those in a region, brought up to date: someone alone learns, a group only moves along."""
    found = list(known)
    for one in who:
        old = found[one]
        if len(who) > 1:
            # How fast they were going is not known any more; where they are is within the group.
            found[one] = replace(old, person=replace(old.person, x=person.x, y=person.y), vx=0.0, vy=0.0)
            continue
        dx, dy = person.x - old.person.x, person.y - old.person.y
        fast = max(abs(dx), abs(dy)) > old.person.area**0.5
        colours = (1 - LEARN) * old.person.colours + LEARN * person.colours
        area = (1 - LEARN) * old.person.area + LEARN * person.area
        learnt = Person(person.x, person.y, area, colours.astype(np.float32))
        found[one] = Known(learnt, *((0.0, 0.0) if fast else (0.5 * (old.vx + dx), 0.5 * (old.vy + dy))))
    return found


def _forgotten(state: State, most: int = 16) -> State:
    """Let go of those who are away, the earliest met first, so that a crowd passing by leaves nothing."""
    if len(state.known) <= most:
        return state
    here = {one for who in state.regions for one in who} | {state.chosen}
    away = [one for one in range(len(state.known)) if one not in here]
    gone = set(away[: len(state.known) - most])
    kept = [one for one in range(len(state.known)) if one not in gone]
    number: dict[int, int] = {one: index for index, one in enumerate(kept)}
    regions = tuple(tuple(number[one] for one in who) for who in state.regions)
    return State(tuple(state.known[one] for one in kept), number[state.chosen], regions, state.solid)
