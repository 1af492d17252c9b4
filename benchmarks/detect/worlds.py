"""The simulated worlds, one function each: noise, leaks, roll-outs, outages of the site and of the vantage.

Names and proportions are those for which the detector's goals were set. A world with events begins with a quiet day for
every target; a quiet world has no events.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Final

from benchmarks.detect.mechanisms import (
    DEAD_RESOLVER,
    DEAD_UPLINK,
    EARLY_SITE,
    MECHANISMS,
    PORTAL,
    PRIOR_BURSTS,
    SICK_SITE,
    SILENT_SITE,
    Mix,
)
from benchmarks.detect.script import DAY, HOUR, MINUTE, START, Episode, Event, Script
from probe.model.verdict import VantageState

NAMES: Final = tuple(MECHANISMS)

Plot = Callable[[Random, Script], None]


def _apart(rng: Random, script: Script, mean_gap: float, lasts: Callable[[], float]) -> list[tuple[float, float]]:
    """Intervals with exponential gaps between them, after a quiet first day."""
    spans = []
    moment = START + DAY + rng.expovariate(1 / mean_gap)
    while moment < script.end:
        end = moment + lasts()
        spans.append((moment, end))
        moment = end + 3 * HOUR + rng.expovariate(1 / mean_gap)
    return [(a, b) for a, b in spans if b < script.end - 6 * HOUR]


def _kind(rng: Random) -> Mix:
    dice = rng.random()
    for share, looks in PRIOR_BURSTS:
        dice -= share
        if dice < 0:
            return looks
    return PRIOR_BURSTS[0][1]


def bursts(every: float, lasts: float) -> Plot:
    """Bursts in which 85-90 % of attempts fail, independently at every target."""

    def plot(rng: Random, script: Script) -> None:
        for target in range(script.targets):
            moment = START + rng.expovariate(1 / every)
            while moment < script.end:
                end = moment + rng.expovariate(1 / lasts)
                script.fails(target, moment, end, _kind(rng), share=rng.uniform(0.85, 0.90), rank=2)
                moment = end + rng.expovariate(1 / every)

    return plot


def clean(share: float = 1.0, fraction: float = 0.5, names: tuple[str, ...] = NAMES) -> Plot:
    """Blocks of 2-9 days by all mechanisms at a fraction of the targets; one of them from 4 to 11 May 2017."""

    def plot(rng: Random, script: Script) -> None:
        may = START + 33 * DAY
        chosen = rng.sample(range(script.targets), max(1, round(script.targets * fraction)))
        for n, target in enumerate(chosen):
            if n == 0 and script.days > 45:
                script.block(target, may + rng.uniform(0, DAY), may + 7 * DAY, rng.choice(names), share=share)
                continue
            for start, end in _apart(rng, script, 6 * DAY, lambda: rng.uniform(2, 9) * DAY):
                script.block(target, start, end, rng.choice(names), share=share)

    return plot


def rollout(rng: Random, script: Script) -> None:
    """The share blocked rises over 2-8 h and falls over 0.5-2 h."""
    for target in rng.sample(range(script.targets), script.targets // 2):
        for start, end in _apart(rng, script, 6 * DAY, lambda: rng.uniform(2, 6) * DAY):
            up, down = rng.uniform(2, 8) * HOUR, rng.uniform(0.5, 2) * HOUR
            name = rng.choice(NAMES)

            def share(t: float, a: float = start, b: float = end, up: float = up, down: float = down) -> float:
                return max(0.0, min(1.0, (t - a) / up, (b - t) / down))

            script.add(target, Episode(start, end, share, lambda _, looks=MECHANISMS[name]: looks))  # type: ignore[misc]
            script.events.append(Event(target, start, end, name, start + 0.3 * up, end - down))


def flap(rng: Random, script: Script) -> None:
    """On for 30-90 minutes, off for 30-90 minutes, for days."""
    for target in rng.sample(range(script.targets), script.targets // 3):
        for start, end in _apart(rng, script, 8 * DAY, lambda: rng.uniform(2, 4) * DAY):
            name = rng.choice(NAMES)
            moment = start
            while moment < end:
                off = moment + rng.uniform(30, 90) * MINUTE
                script.block(target, moment, off, name)
                moment = off + rng.uniform(30, 90) * MINUTE


def diurnal(rng: Random, script: Script) -> None:
    """Ten targets in twenty-five throttled from 18 to 24 h."""
    for target in rng.sample(range(script.targets), round(script.targets * 0.4)):
        for day in range(2, int(script.days)):
            start = START + day * DAY + 18 * HOUR + rng.uniform(-10, 10) * MINUTE
            script.block(target, start, start + 6 * HOUR, "throttle", share=rng.uniform(0.7, 0.97))


def short(rng: Random, script: Script) -> None:
    """Blocks of exactly two rounds."""
    for target in range(script.targets):
        for start, _ in _apart(rng, script, 1.5 * DAY, lambda: 600.0):
            script.block(target, start, start + 600.0, rng.choice(NAMES))


def gaps(rng: Random, script: Script) -> None:
    """A laptop: asleep nine hours a day and more, its network not up at once when it wakes."""
    for day in range(int(script.days)):
        bed = START + day * DAY + 22 * HOUR + rng.uniform(-1, 1) * HOUR
        naps = [(bed, bed + 9 * HOUR)]
        if rng.random() < 0.4:
            noon = START + day * DAY + rng.uniform(12, 16) * HOUR
            naps.append((noon, noon + rng.uniform(0.5, 3) * HOUR))
        for sleep, wake in naps:
            script.asleep.append((sleep, wake))
            if rng.random() < 0.5:
                _all_fail(script, wake, wake + rng.uniform(20, 90), DEAD_UPLINK)
    clean()(rng, script)


def cause(rng: Random, script: Script) -> None:
    """The mechanism changes while the block goes on."""
    for target in rng.sample(range(script.targets), script.targets // 2):
        for start, end in _apart(rng, script, 6 * DAY, lambda: rng.uniform(3, 9) * DAY):
            names = rng.sample(NAMES, 3)
            edges = [start, *sorted(rng.uniform(start + 6 * HOUR, end) for _ in range(2)), end]
            for name, a, b in zip(names, edges, edges[1:], strict=False):
                script.fails(target, a, b, MECHANISMS[name])
            script.events.append(Event(target, start, end, names[0], start, end))


def mass(fraction: float, names: tuple[str, ...] = NAMES) -> Plot:
    """A share of the targets blocked at one moment."""

    def plot(rng: Random, script: Script) -> None:
        for start, end in _apart(rng, script, 4 * DAY, lambda: rng.uniform(1, 3) * DAY):
            for target in rng.sample(range(script.targets), round(script.targets * fraction)):
                script.block(target, start, end, rng.choice(names))

    return plot


def down(rng: Random, script: Script) -> None:
    """Site outages of 20 minutes to 12 hours, of one target or of a group on one CDN."""
    group = rng.sample(range(script.targets), 5)
    for n in range(script.targets):
        members = group if n == group[0] else [n]
        if n in group[1:]:
            continue
        for start, end in _apart(rng, script, 4 * DAY, lambda: rng.uniform(1 / 3, 12) * HOUR):
            looks = SICK_SITE if rng.random() < 0.6 else SILENT_SITE
            early = rng.uniform(2, 12) * MINUTE if rng.random() < 0.4 else 0.0
            for target in members:
                script.fails(target, start, start + early, EARLY_SITE)
                script.fails(target, start + early, end, looks)


def _outages(rng: Random, script: Script) -> list[tuple[float, float]]:
    return _apart(rng, script, 16 * HOUR, lambda: rng.uniform(10, 120) * MINUTE)


def _all_fail(script: Script, start: float, end: float, looks: Mix) -> None:
    if looks is DEAD_UPLINK:
        script.uplink_faults.append((start, end, 1.0))
    for target in range(script.targets):
        script.fails(target, start, end, looks, rank=0)


def out_unknown(rng: Random, script: Script) -> None:
    """The vantage is offline and knows it."""
    script.unknown = [(a, b, VantageState.OFFLINE) for a, b in _outages(rng, script)]


def out_misjudged(rng: Random, script: Script) -> None:
    """It knows it only after 200-900 s of wrong verdicts."""
    for start, end in _outages(rng, script):
        known = min(end, start + rng.uniform(200, 900))
        _all_fail(script, start, known, DEAD_UPLINK if rng.random() < 0.5 else DEAD_RESOLVER)
        script.unknown.append((known, end, VantageState.OFFLINE))


def out_portal(rng: Random, script: Script) -> None:
    """A captive portal that is misjudged as redirects and forged certificates."""
    for start, end in _outages(rng, script):
        _all_fail(script, start, end, PORTAL)


def out_partial(rng: Random, script: Script) -> None:
    """60-100 % of the targets fail for 10-120 minutes, never `unknown`: a dead resolver, a dead uplink."""
    for start, end in _outages(rng, script):
        looks = rng.choice((DEAD_RESOLVER, DEAD_UPLINK))
        share = rng.uniform(0.6, 1.0)
        if looks is DEAD_UPLINK:
            script.uplink_faults.append((start, end, share))
        for target in rng.sample(range(script.targets), round(script.targets * share)):
            script.fails(target, start, end, looks, rank=0)


def nothing(rng: Random, script: Script) -> None:
    """No event at all."""


def both(*plots: Plot) -> Plot:
    """Several things in one world."""

    def plot(rng: Random, script: Script) -> None:
        for one in plots:
            one(rng, script)

    return plot


_HEAVY = bursts(6 * HOUR, 10 * MINUTE)
_BURSTS = bursts(12 * HOUR, 6 * MINUTE)

WORLDS: Final[dict[str, tuple[str, float, Plot]]] = {
    # name: (group, share of failures by chance, events and episodes)
    "clean": ("clean", 0.01, clean()),
    "clean_n5": ("clean", 0.05, clean()),
    "clean_n10": ("clean", 0.10, clean()),
    "clean_ge": ("clean_ge", 0.01, both(_BURSTS, clean())),
    "leaky90": ("leaky", 0.01, clean(0.9)),
    "leaky70": ("leaky", 0.01, clean(0.7)),
    "leaky50": ("leaky", 0.01, clean(0.5)),
    "leaky30": ("leaky", 0.01, clean(0.3)),
    "rollout": ("rollout", 0.01, rollout),
    "flap": ("flap", 0.01, flap),
    "diurnal": ("diurnal", 0.01, diurnal),
    "short": ("short", 0.01, short),
    "gaps": ("gaps", 0.01, gaps),
    "cause": ("cause", 0.01, cause),
    "mass40": ("mass", 0.01, mass(0.4)),
    "mass90_named": ("mass", 0.01, mass(0.9, ("dns", "sni_rst", "sni_drop"))),
    "mass90_cut": ("mass", 0.01, mass(0.9, ("rst", "page"))),
    "mass90_ip": ("mass", 0.01, mass(0.9, ("ip",))),
    "port": ("port", 0.01, clean(names=("port",))),
    "mass90_port": ("mass", 0.01, mass(0.9, ("port",))),
    "down": ("down", 0.01, down),
    "out_unknown": ("outage", 0.01, out_unknown),
    "out_misjudged": ("outage", 0.01, out_misjudged),
    "out_portal": ("outage", 0.01, out_portal),
    "out_partial": ("outage", 0.01, out_partial),
    "quiet1": ("quiet", 0.01, nothing),
    "quiet5": ("quiet", 0.05, nothing),
    "quiet10": ("quiet", 0.10, nothing),
    "quiet_ge": ("quiet_ge", 0.01, _BURSTS),
    "quiet_geh": ("quiet_geh", 0.01, _HEAVY),
}


def script_of(name: str, seed: int, days: float) -> Script:
    """One run of a world.

    Args:
        name: key of `WORLDS`.
        seed: everything follows from it.
        days: length of the run. The seed determines the number of targets (10-40).
    """
    _, noise, plot = WORLDS[name]
    rng = Random(f"{name} {seed}")
    targets = 25 if name == "diurnal" else rng.randint(10, 40)
    script = Script(targets, days, noise)
    plot(rng, script)
    return script
