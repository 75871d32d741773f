"""What the terminal shows while a run goes on: which notebooks run, how far they are, and how long it may still take.

Where the terminal can rewrite lines, each running notebook has one; elsewhere what notebooks print is shown line by
line. `results/<run>/logs/terminal.log` keeps all lines either way.
"""

import re
import threading
import time
from collections.abc import Mapping
from typing import TextIO

from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from lib import files
from lib.paths import Paths
from workflow import DONE, labelled
from workflow.provenance import benchmark

LINE = re.compile(r"(?P<time>\d\d:\d\d:\d\d)  (?P<label>\d\d[\w-]*) +(?P<text>.*)")
"""A line that workflow.execute prints of a notebook."""

PLANNED = re.compile(r"(?P<rule>[a-z]\w*) +(?P<count>\d+)")
"""A line of the table that Snakemake prints before it starts: how often each rule runs, and last the total."""

FINISHED = re.compile(r"\d+ of \d+ steps")

KINDS = {"experiment": "04", "linear_stage": "04", "pretraining": "03", "provenance_page": "provenance"}
"""Rules whose notebooks are not named after them."""

NO_NOTEBOOK = ("reproduce", "study", "report", "provenance")


def usual_seconds(at: Paths) -> tuple[dict[str, float], bool]:
    """Seconds that each step took here the last time, else in the demo that is kept as reference.

    Returns:
        Seconds by label, and whether they are this run's own: of others only the ratios count.
    """
    measured = {labelled(file.stem): benchmark(file) for file in sorted(at.results.glob("benchmarks/*.tsv"))}
    found = {label: numbers["s"] for label, numbers in measured.items() if "s" in numbers}
    if found:
        return found, True
    try:
        kept = files.read_json(Paths("demo").reference / "reference.json")["seconds"]
        return {labelled(step): float(seconds) for step, seconds in kept.items()}, False
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        return {}, False


class Progress:
    """Takes what notebooks and Snakemake print, line by line, from two threads, and shows it; a context manager."""

    def __init__(
        self, log: TextIO, usual: Mapping[str, float], own: bool, at_once: int, console: Console | None = None
    ):
        """
        Args:
            log: takes the plain lines.
            usual: as `usual_seconds` gives them.
            own: likewise.
            at_once: notebooks that run at once.
            console: where lines are shown; None is standard output.
        """
        self.log, self.usual, self.own, self.at_once = log, dict(usual), own, at_once
        self.console = console or Console(highlight=False)
        self.live = Live(console=self.console, auto_refresh=False, transient=True)
        self.lock = threading.RLock()  # before those of rich, or two threads would wait for each other
        self.ended = threading.Event()
        self.rewrites = self.console.is_terminal and not self.console.is_dumb_terminal
        self.began = time.monotonic()
        self.waiting: dict[str, int] = {}  # kind of notebook -> how many have not started
        self.seen: dict[str, int] = {}  # label -> its number, from 1
        self.running: dict[str, tuple[float, str]] = {}  # label -> when it started, and what it said last
        self.took = self.expected = 0.0  # seconds of the notebooks that are done, and what they usually take

    def __enter__(self) -> "Progress":
        if self.rewrites:
            self.live.start()
            threading.Thread(target=self._tick, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.ended.set()
        with self.lock:
            self.live.stop()

    def of_notebook(self, line: str) -> None:
        """Takes a line of standard output, which is a notebook's, or says why one failed."""
        with self.lock:
            found = LINE.fullmatch(line)
            if not found:
                self._show(line)
                return
            label, text = found["label"], found["text"]
            if label not in self.seen:
                self.seen[label] = len(self.seen) + 1
                self.waiting[_kind(label)] = max(0, self.waiting.get(_kind(label), 0) - 1)
            started, _ = self.running.get(label, (time.monotonic(), ""))
            self.running[label] = (started, text)
            done = text.startswith(DONE)
            if done:
                del self.running[label]
                self.took += time.monotonic() - started
                self.expected += self.usual.get(label, 0)
                text = f"{text}; {self._whole()}"
            # where lines are rewritten, what was found in the data stays to be read, and of others the last line
            passing = self.rewrites and not done and not (label.startswith("00") and "|" not in text)
            self._show(f"{found['time']}  {self._number(label)} {label:<14} {text}", passing=passing)

    def of_snakemake(self, line: str) -> None:
        """Takes a line of Snakemake's."""
        with self.lock:
            if (planned := PLANNED.fullmatch(line.strip())) and not self.seen:
                rule, count = planned["rule"], int(planned["count"])
                if rule != "total" and rule not in NO_NOTEBOOK:
                    kind = KINDS.get(rule, rule)
                    self.waiting[kind] = self.waiting.get(kind, 0) + count
                elif rule == "total" and self.waiting:
                    last = f", about {_spoken(self._left())} as last time" if self.own else ""
                    count = sum(self.waiting.values())
                    self._show(f"{count} notebook{'s' * (count != 1)} to execute{last}")
            elif (finished := FINISHED.search(line)) and not self.seen:  # elsewhere: a cluster's jobs print there
                self._show(f"{finished[0]} done")

    def _number(self, label: str) -> str:
        of = f"/{len(self.seen) + sum(self.waiting.values())}" if self.waiting else ""
        return f"[{self.seen[label]}{of}]"

    def _whole(self) -> str:
        """How much of the run is done, and what is left."""
        done = len(self.seen) - len(self.running)
        left = self._left()
        rest = f", about {_spoken(left)} left" if left else ""
        return f"{done} of {len(self.seen) + sum(self.waiting.values())}{rest}"

    def _left(self) -> float:
        """Seconds that the rest may take: what it usually takes, at the pace so far; 0 where nobody can say."""
        pace = self.took / self.expected if self.expected >= 20 else float(self.own)
        if not self.usual:
            return 0
        now = time.monotonic()
        running = {name: self.usual.get(name, 0) * pace - (now - since) for name, (since, _) in self.running.items()}
        seconds = sum(max(0, left) for left in running.values())
        for kind, count in self.waiting.items():
            usual = [value for name, value in self.usual.items() if _kind(name) == kind]
            unseen = [value for name, value in self.usual.items() if _kind(name) == kind and name not in self.seen]
            known = unseen or usual or list(self.usual.values())
            seconds += pace * count * sum(known) / len(known)
        return seconds / self.at_once

    def _show(self, line: str, *, passing: bool = False) -> None:
        print(line, file=self.log, flush=True)
        if not passing:
            self.console.print(Text(line), soft_wrap=True)

    def _tick(self) -> None:
        """Rewrites the lines of what runs, so that their clocks go on."""
        while not self.ended.wait(0.5):
            with self.lock:
                if not self.ended.is_set():
                    self.live.update(self._lines(), refresh=True)

    def _lines(self) -> Table:
        """A line a running notebook, and one of the whole."""
        lines = Table.grid(padding=(0, 1), expand=True)
        for overflow, ratio in (("fold", None), ("fold", None), ("ellipsis", 1), ("fold", None)):
            lines.add_column(no_wrap=True, overflow=overflow, ratio=ratio)
        now = time.monotonic()
        for label, (started, text) in self.running.items():
            lines.add_row(Text(self._number(label)), label, Text(text), _clock(now - started))
        if self.seen:
            lines.add_row("", "", Text(self._whole(), style="bold"), _clock(now - self.began))
        return lines


def _kind(label: str) -> str:
    """What notebooks of one rule share: 04 for 04-RN6, claims for 10_claims."""
    return label[:2] if label[2:3] == "-" else label[3:]


def _clock(seconds: float) -> str:
    return time.strftime("%-H:%M:%S" if seconds >= 3600 else "%-M:%S", time.gmtime(seconds))


def _spoken(seconds: float) -> str:
    """A length of time as a person would say it."""
    if seconds < 90:
        return f"{max(10, round(seconds, -1)):.0f} seconds"
    return f"{seconds / 60:.0f} minutes" if seconds < 5400 else f"{seconds / 3600:.1f} hours"
