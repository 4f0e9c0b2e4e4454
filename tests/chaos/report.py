"""What a scenario found out."""

import math
import time
import traceback
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

EXAMPLES = 3


class Skipped(Exception):
    """This machine doesn't allow the scenario; the text says why."""


@dataclass
class Report:
    """A scenario's figures, and where the service broke its word."""

    figures: dict[str, object] = field(default_factory=dict)
    violations: Counter[str] = field(default_factory=Counter)
    examples: dict[str, list[str]] = field(default_factory=dict)

    def violate(self, rule: str, example: object = "") -> None:
        self.violations[rule] += 1
        examples = self.examples.setdefault(rule, [])
        if example and len(examples) < EXAMPLES:
            examples.append(str(example))

    def check(self, holds: bool, rule: str, example: object = "") -> None:
        if not holds:
            self.violate(rule, example)

    def add(self, **counts: int) -> None:
        """Add to these figures; their names are written with underscores here."""
        for name, count in counts.items():
            figure = name.replace("_", " ").strip()
            before = self.figures.get(figure, 0)
            self.figures[figure] = count + (before if isinstance(before, int) else 0)

    def raise_figure(self, name: str, value: float) -> None:
        """Keep the largest value of this figure."""
        before = self.figures.get(name, 0.0)
        self.figures[name] = max(value, before if isinstance(before, float) else 0.0)

    def lines(self, name: str, seconds: float, planted: str, is_found: bool) -> list[str]:
        """A line with the verdict and the figures, and one for each rule that was broken."""
        figures = "".join(f" · {name} {_shown(value)}" for name, value in self.figures.items())
        verdict = "FAILED" if self.violations else "ok"
        if planted:
            verdict = f"{'found' if is_found else 'MISSED'} (planted: {planted})"
        lines = [f"{name}: {verdict}{figures} · {seconds:.0f} s"]
        for rule, count in self.violations.items():
            lines.append(f"    {count} × {rule}")
            # Of a planted defect that was found, that much is enough.
            if not is_found or not planted:
                lines += [f"        {example}" for example in self.examples[rule]]
        return lines


def tried(
    name: str, scenario: Callable[[Report], None], *, planted: str = "", shows_as: str = ""
) -> tuple[Report | None, bool]:
    """Run a scenario and print what it found.

    Args:
        planted: a defect that it must find.
        shows_as: how the violation begins that it must be found as.

    Returns: the report, None where it was skipped; and whether all is as it should be.
    """
    report = Report()
    began = time.monotonic()
    try:
        scenario(report)
    except Skipped as reason:
        print(f"{name}: skipped, {reason}", flush=True)
        return None, True
    except Exception as error:  # the others still have something to say
        traceback.print_exc()
        report.violate("the scenario broke off", repr(error))
    is_found = any(rule.startswith(shows_as) for rule in report.violations)
    for line in report.lines(name, time.monotonic() - began, planted, is_found):
        print(line, flush=True)
    return report, is_found if planted else not report.violations


def _shown(value: object) -> str:
    return f"{value:.2f}" if isinstance(value, float) else str(value)


def quantile(values: Sequence[float], share: float) -> float:
    """The smallest value that so large a share of the values doesn't exceed; 0.0 of none."""
    if not values:
        return 0.0
    return sorted(values)[max(0, math.ceil(share * len(values)) - 1)]
