"""The law a curve follows: cost = a + b·n^k, and whether it stays below n log n.

Where n is small the start of the program is nearly all of the cost, and an exponent fitted to it
would be one of noise. So points are weighed by their relative error, the exponent is told only
where growth outweighs the start, and growth is judged by where the largest size came to be.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

MOST_STEEPER = 0.1
"""How far the exponent may lie above that which n log n has between the two largest sizes."""
MOST_BEYOND = 1.25
"""How far the largest size may lie above what n log n through all smaller ones comes to."""
SMALL_GROWTH = 0.5
"""Share of the least cost below which nothing is said to grow."""
CLEAR_GROWTH = 2.0
"""Multiple of the least cost that has to be added for an exponent to be more than noise."""

_EXPONENTS = np.arange(0.05, 3.0001, 0.01)

Verdict = Literal["does not grow", "within n log n", "worse than n log n", "too few points"]
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Fit:
    """What is known of how a cost grows."""

    start: float
    """What nothing costs, in the unit of the costs."""
    exponent: float | None
    """The k of a + b·n^k; None where too little grew to tell."""
    slope: float
    """What n log n adds: the b of start + b·n·log2 n, fitted to all points but the largest."""
    beyond: float | None
    """The largest size's cost as a multiple of what that law foretells; None of fewer than three
    points."""
    verdict: Verdict

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def fit(sizes: Sequence[int], costs: Sequence[float]) -> Fit:
    """Fit both laws to *costs*, all above nought, by *sizes*, which rise.

    Returns:
        The fit. Its verdict is `worse than n log n` where the exponent or the largest size is
        beyond what is allowed, and `does not grow` where the largest cost is within half of the
        start above it.
    """
    n, cost = np.asarray(sizes, dtype=float), np.asarray(costs, dtype=float)
    if len(n) < 3:
        start = float(cost[0]) if len(cost) else 0.0
        return Fit(start=start, exponent=None, slope=0.0, beyond=None, verdict="too few points")
    start, slope, _ = _linear(_n_log_n(n[:-1]), cost[:-1])
    foretold = start + slope * float(_n_log_n(n[-1:])[0])
    beyond = round(float(cost[-1]) / foretold, 3)
    if float(cost[-1]) <= (1 + SMALL_GROWTH) * float(cost.min()):
        return Fit(start=start, exponent=None, slope=slope, beyond=beyond, verdict="does not grow")
    exponent = None
    if len(n) > 3 and float(cost[-1]) >= (1 + CLEAR_GROWTH) * float(cost.min()):
        tried = [(_linear(n**power, cost)[2], float(power)) for power in _EXPONENTS]
        exponent = round(min(tried)[1], 2)
    too_steep = exponent is not None and exponent > steepest(n[-2], n[-1])
    worse = too_steep or beyond > MOST_BEYOND
    verdict: Verdict = "worse than n log n" if worse else "within n log n"
    return Fit(start=start, exponent=exponent, slope=slope, beyond=beyond, verdict=verdict)


def steepest(smaller: float, larger: float) -> float:
    """Return the exponent that n log n has between two sizes, with room for noise."""
    costs = _n_log_n(np.asarray([smaller, larger]))
    return float(np.log(costs[1] / costs[0]) / np.log(larger / smaller)) + MOST_STEEPER


def _n_log_n(n: Floats) -> Floats:
    return n * np.log2(np.maximum(n, 2.0))


def _linear(grown: Floats, cost: Floats) -> tuple[float, float, float]:
    """Return a and b of a + b·grown, neither below nought, and the sum of squared errors.

    Errors are relative: seconds of a large point would drown those of small ones.
    """
    columns = np.stack([np.ones_like(grown), grown], axis=1) / cost[:, None]
    ones = np.ones(len(cost))
    found = np.linalg.lstsq(columns, ones, rcond=None)[0]
    candidates = [found] if (found >= 0).all() else []
    for alone in (0, 1):
        column = columns[:, alone]
        only = np.zeros(2)
        only[alone] = (column @ ones) / (column @ column)
        candidates.append(only)
    errors = [float(((columns @ one - ones) ** 2).sum()) for one in candidates]
    best = int(np.argmin(errors))
    return float(candidates[best][0]), float(candidates[best][1]), errors[best]
