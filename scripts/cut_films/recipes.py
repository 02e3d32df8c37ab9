"""What the kinds of films with cuts are made of."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from scripts.cut_films.answers import Half, Trap
from scripts.cut_films.drawing import SIZE_WH, SOFT_KINDS, Effect, Graphics
from scripts.cut_films.maker import MIN_IN_VIEW, TRIES, Maker, Place, in_view
from scripts.cut_films.stock import FPS, Stretch
from scripts.cut_films.timeline import BOX_EVERY, Inset, Plain, Plan, Shot

TRAP_KINDS = ("flash", "shake", "whip pan", "exposure", "lower third", "passing", "low light")
LASTING = ("whip pan", "exposure", "low light")
"""What holds until the shot ends: at most one of these in a shot, and no other trap after it."""
AWAY = ("cut-away", "picture")
VIEWS = ("close", "wide", *AWAY)


@dataclass(frozen=True)
class Recipe:
    """How films of one kind are planned."""

    plan: Callable[[Maker, str, Half], Plan]
    count: int
    """Films for each half of the sources."""


def heads(maker: Maker, name: str, half: Half) -> Plan:
    """Talking heads at the same place and size, each with its own background."""
    place = maker.place()
    while maker.end < 20 * FPS:
        maker.add_other(maker.frames(0.4, 3), place)
    graphics, traps = maker.graphics(bars=bool(maker.rng.integers(2)))
    return Plan(f"{name}.mp4", half, "heads", tuple(maker.shots), graphics=graphics, more_traps=traps)


def studio(maker: Maker, name: str, half: Half) -> Plan:
    """Head and shoulders before one backdrop, with bars, logo and subtitles; some people come back."""
    place, backdrop = maker.place(), maker.backdrop()
    while maker.end < 22 * FPS:
        frames, earlier = maker.frames(0.4, 3), maker.shots[-2] if len(maker.shots) > 1 else None
        if isinstance(earlier, Shot) and maker.rng.random() < 0.3:
            first = earlier.first + earlier.stop - earlier.start
            again = maker.shot(earlier.stretch, maker.end, frames, maker.nearly(place), first=first, backdrop=backdrop)
            maker.shots.append(again)
        else:
            maker.add_other(frames, place, backdrop)
    graphics, traps = maker.graphics()
    return Plan(f"{name}.mp4", half, "studio", tuple(maker.shots), graphics=graphics, more_traps=traps)


def scene(maker: Maker, name: str, half: Half) -> Plan:
    """Two people of one clip in turn: close, at another scale, with cut-aways. The clip's time goes on meanwhile.

    Raises:
        ValueError: the stock has no two people in one clip who stay in view.
    """
    for _ in range(TRIES):
        maker.shots.clear()
        _add_scene(maker)
        if all(in_view(shot) >= MIN_IN_VIEW for shot in maker.shots if isinstance(shot, Shot)):
            return Plan(f"{name}.mp4", half, "scene", tuple(maker.shots))
    raise ValueError("no scene keeps its faces in view")


def _add_scene(maker: Maker) -> None:
    first, second = _pair(maker)
    base_s = max(first.start_s, second.start_s)
    close, wide = maker.place(), maker.place(x=(0.3, 0.7), face_px=(45, 60))
    shown, view = first, "wide"
    maker.shots.append(_of_clip(maker, shown, wide, base_s, maker.frames(0.8, 2), "person"))
    while maker.end < 18 * FPS:
        view_before, view = view, VIEWS[int(maker.rng.choice(4, p=[0.6, 0.16, 0.12, 0.12]))]
        frames, was_away = maker.frames(0.4, 2.2), view_before in AWAY
        if view == "cut-away":
            maker.add_other(frames, wide, begins_by="cut-away")
        elif view == "picture":
            maker.shots.append(maker.plain(frames))
        elif view != view_before or view == "close":
            before = shown
            if was_away:
                shown = first if maker.rng.random() < 0.5 else second
            elif view == view_before:
                shown = second if shown is first else first
            kind = "cut-away" if was_away else "person" if shown is not before else "reframe"
            place = close if view == "close" else wide
            maker.shots.append(_of_clip(maker, shown, place, base_s, frames, kind))


def _pair(maker: Maker) -> tuple[Stretch, Stretch]:
    """Two people who are in view at the same time in one clip; a clip is chosen first."""
    pairs = [
        (a, b) for a in maker.stock for b in maker.stock if a.video == b.video and a is not b and a.is_surely_another(b)
    ]
    clips = sorted({a.video for a, _ in pairs})
    if not clips:
        raise ValueError("the stock has no two people in one clip")
    clip = clips[int(maker.rng.integers(len(clips)))]
    own = [pair for pair in pairs if pair[0].video == clip]
    return own[int(maker.rng.integers(len(own)))]


def _of_clip(maker: Maker, stretch: Stretch, place: Place, base_s: float, frames: int, begins_by: str) -> Shot:
    """A shot of what the clip shows at this moment of the film."""
    first = round((base_s - stretch.start_s) * FPS) + maker.end
    return maker.shot(stretch, maker.end, frames, place, first=first, begins_by=begins_by)


def jump(maker: Maker, name: str, half: Half) -> Plan:
    """People who speak on and on, with time cut out; the camera does not move."""
    while maker.end < 20 * FPS:
        place = maker.place()
        long = [s for s in maker.stock if len(s) >= 3.5 * FPS]
        sources = sorted({s.source for s in long})
        source = sources[int(maker.rng.integers(len(sources)))]
        last = maker.shots[-1].stretch if maker.shots and isinstance(maker.shots[-1], Shot) else None
        own = [s for s in long if s.source == source and (last is None or s.is_surely_another(last))]
        if own:
            _add_jumps(maker, own[int(maker.rng.integers(len(own)))], place)
    return Plan(f"{name}.mp4", half, "jump", tuple(maker.shots))


def _add_jumps(maker: Maker, stretch: Stretch, place: Place) -> None:
    whole = maker.shot(stretch, 0, len(stretch), place, first=0)
    at, kind = 0, "person"
    for _ in range(5):
        frames = maker.frames(0.6, 1.8)
        choices = [first for first in range(len(stretch) - frames) if abs(first - at) >= FPS or kind == "person"]
        if not choices:
            continue
        first = choices[int(maker.rng.integers(len(choices)))]
        shot = Shot(stretch, first, maker.end, maker.end + frames, whole.placement, None, kind)
        if in_view(shot) >= MIN_IN_VIEW:
            maker.shots.append(shot)
            at, kind = first + frames, "jump"


def soft(maker: Maker, name: str, half: Half) -> Plan:
    """Dissolves, fades and wipes between people at one place, and some hard cuts; one film before a backdrop."""
    place = maker.place()
    backdrop = maker.backdrop() if name.endswith("2") else None
    maker.add_other(maker.frames(1.2, 2), place, backdrop)
    turn = int(maker.rng.integers(len(SOFT_KINDS)))
    while maker.end < 26 * FPS:
        if maker.rng.random() < 0.2:
            maker.add_other(maker.frames(0.8, 2), place, backdrop)
        overlap = maker.frames(0.2, 2) if maker.rng.random() < 0.6 else maker.frames(0.2, 0.8)
        # the transition after this one may take as long again: at least 0.6 s of the shot are shown alone
        room = maker.shots[-1].stop - maker.shots[-1].start
        taken = sum(shot.stop - maker.shots[-1].start for shot in maker.shots[-2:-1])
        overlap = min(overlap, room - max(taken, 0) - round(0.6 * FPS))
        if overlap < round(0.2 * FPS):
            maker.add_other(maker.frames(1.4, 3), place, backdrop)
            continue
        kind = SOFT_KINDS[turn % len(SOFT_KINDS)]
        maker.add_other(overlap + maker.frames(1.4, 3), place, backdrop, kind, overlap)
        turn += 1
    graphics, traps = maker.graphics(bars=False) if backdrop is None else maker.graphics()
    return Plan(f"{name}.mp4", half, "soft", tuple(maker.shots), graphics=graphics, more_traps=traps)


def traps(maker: Maker, name: str, half: Half) -> Plan:
    """People in view for long, with flashes, shakes, pans and the like, and few cuts."""
    effects: list[Effect] = []
    captions: list[tuple[int, int, str]] = []
    turn = int(maker.rng.integers(len(TRAP_KINDS)))
    while maker.end < 21 * FPS:
        start, lasting = maker.end, False
        place = maker.place(x=(0.3, 0.36))
        shot = maker.add_other(maker.frames(5, 7), place)
        at = start + maker.frames(0.8, 1.4)
        while at + 1.8 * FPS < shot.stop and not lasting:
            kind = TRAP_KINDS[turn % len(TRAP_KINDS)]
            turn += 1
            effect = _trap(maker, kind, at, shot.stop)
            lasting = kind in LASTING
            effects.append(effect)
            if kind == "lower third":
                captions.append((effect.start, effect.stop, maker.words()))
            at = effect.stop + maker.frames(0.7, 1.3)
    graphics = Graphics(lower_third=tuple(captions))
    return Plan(f"{name}.mp4", half, "traps", tuple(maker.shots), tuple(effects), graphics)


def _trap(maker: Maker, kind: str, at: int, shot_stop: int) -> Effect:
    rng, seed = maker.rng, int(maker.rng.integers(2**31))
    if kind == "flash":  # on one of the frames that are sampled
        at, frames = (at // BOX_EVERY + 1) * BOX_EVERY, int(rng.integers(1, 4))
        at -= int(rng.integers(frames))
        return Effect(kind, at, at + frames, float(rng.uniform(0.6, 0.95)))
    if kind == "shake":
        return Effect(kind, at, at + maker.frames(0.6, 1.2), float(rng.uniform(4, 14)), seed=seed)
    if kind == "whip pan":
        return Effect(kind, at, at + maker.frames(0.2, 0.4), float(rng.uniform(130, 230)), shot_stop)
    if kind == "exposure":
        amount = float(rng.uniform(0.35, 0.6) if rng.random() < 0.5 else rng.uniform(1.5, 2.0))
        return Effect(kind, at, at + maker.frames(0.04, 0.6), amount, shot_stop)
    if kind == "lower third":
        return Effect(kind, at, at + maker.frames(0.8, 1.6))
    if kind == "passing":
        return Effect(kind, at, at + maker.frames(0.3, 0.6), float(rng.uniform(0.2, 0.5)), seed=seed)
    return Effect("low light", at, shot_stop, float(rng.uniform(6, 14)), seed=seed)


def inset_people(maker: Maker, name: str, half: Half) -> Plan:
    """One person stays, while the people in a picture within the picture are cut."""
    return _with_inset(maker, name, half, "inset person")


def inset_pictures(maker: Maker, name: str, half: Half) -> Plan:
    """One person stays, while pictures without faces change within the picture."""
    return _with_inset(maker, name, half, "inset picture")


def _with_inset(maker: Maker, name: str, half: Half, kind: str) -> Plan:
    main = maker.add_other(maker.frames(18, 20), maker.place(x=(0.26, 0.34)))
    size_wh, place = ((220, 160), Place((110, 76), 72)) if kind == "inset person" else ((200, 120), Place((0, 0), 0))
    shots: list[Shot | Plain] = []
    shown = main.stretch  # so that the first one in the inset is somebody else
    while not shots or shots[-1].stop < maker.end:
        start = shots[-1].stop if shots else 0
        stop = start + maker.frames(0.8, 2.4)
        stop = maker.end if maker.end - stop < FPS // 2 else stop
        if kind == "inset picture":
            shots.append(Plain(maker.plain(1).picture, start, stop, "inset"))
        else:
            shot = _inset_shot(maker, shown, start, stop, place)
            shots.append(shot)
            shown = shot.stretch
    inset = Inset((SIZE_WH[0] - size_wh[0] - 16, 16), size_wh, tuple(shots))
    traps = tuple(Trap(shot.start / FPS, (shot.start + 1) / FPS, kind) for shot in shots[1:])
    return Plan(f"{name}.mp4", half, kind, tuple(maker.shots), insets=(inset,), more_traps=traps)


def _inset_shot(maker: Maker, before: Stretch, start: int, stop: int, place: Place) -> Shot:
    def choose() -> Shot:
        stretch = maker.another(stop - start, before)
        return maker.shot(stretch, start, stop - start, maker.nearly(place), begins_by="inset")

    return maker.picked(choose)


def resolution(maker: Maker, name: str, half: Half) -> Plan:
    """The number of pixels changes in mid-stream, as in recordings of video calls."""
    sizes, steps = [(0, SIZE_WH)], ((320, 180), (960, 540), (480, 270), SIZE_WH)
    found: list[Trap] = []
    for _ in range(3):
        start = maker.end
        maker.add_other(maker.frames(5, 6), maker.place())
        for at_s in (1.6, 3.4):
            at = start + round(at_s * FPS) + int(maker.rng.integers(BOX_EVERY))
            sizes.append((at, steps[(len(sizes) - 1) % len(steps)]))
            found.append(Trap(at / FPS, (at + 1) / FPS, "resolution"))
    return Plan(f"{name}.ts", half, "resolution", tuple(maker.shots), sizes=tuple(sizes), more_traps=tuple(found))


def compressed(maker: Maker, name: str, half: Half) -> Plan:
    """Strong compression: blocks, and a jolt at each keyframe."""
    for _ in range(3):
        maker.add_other(maker.frames(5, 7), maker.place())
    found = tuple(Trap(s.start / FPS + 0.2, s.stop / FPS - 0.2, "compression") for s in maker.shots)
    return Plan(f"{name}.mp4", half, "compressed", tuple(maker.shots), crf=42, more_traps=found)


def long_stay(maker: Maker, name: str, half: Half) -> Plan:
    """One person, for twenty seconds, and nothing happens."""
    maker.add_other(20 * FPS, maker.place())
    whole = (Trap(0.0, maker.end / FPS, "long stay"),)
    return Plan(f"{name}.mp4", half, "long stay", tuple(maker.shots), more_traps=whole)


RECIPES: dict[str, Recipe] = {
    "heads": Recipe(heads, 4),
    "studio": Recipe(studio, 6),
    "scene": Recipe(scene, 5),
    "jump": Recipe(jump, 3),
    "soft": Recipe(soft, 5),
    "traps": Recipe(traps, 9),
    "inset person": Recipe(inset_people, 1),
    "inset picture": Recipe(inset_pictures, 1),
    "resolution": Recipe(resolution, 1),
    "compressed": Recipe(compressed, 1),
    "long stay": Recipe(long_stay, 2),
}
"""By kind; new kinds are appended, as the position of a kind is part of its films' seed."""
