# SPDX-License-Identifier: Apache-2.0
"""One measured figure and how it is printed."""


class Figure:
    """`goal` is the most it should be; None for a peer's figure or a plain fact."""

    def __init__(self, name, value, unit, goal=None):
        self.name, self.value, self.unit, self.goal = name, value, unit, goal

    def __str__(self):
        text = f"{self.name} {self.value:.4g} {self.unit}"
        if self.goal is None:
            return f"{text} goal - ok"
        return f"{text} goal {self.goal:g} {'ok' if self.value <= self.goal else 'short'}"


def percentile(values, p):
    values = sorted(values)
    return values[min(len(values) - 1, int(p / 100 * len(values)))]


class AtLeast(Figure):
    """`goal` is the least that it should be."""

    def __str__(self):
        ok = self.goal is None or self.value >= self.goal
        goal = "-" if self.goal is None else f"{self.goal:g}"
        return f"{self.name} {self.value:.4g} {self.unit} goal {goal} {'ok' if ok else 'short'}"
