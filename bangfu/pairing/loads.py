"""The largest load of any group: people helped by its capacity, as an exact fraction."""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from bangfu.pairing.problem import Ints

BITS = 31  # capacities of groups stay below 2**31, so fractions of two of them that differ lie apart


def room_at(load: Fraction, capacity: Ints) -> Ints:
    """Return how many each group may help at a load."""
    if load.denominator >> BITS:  # beyond machine integers: never a fraction of two capacities
        return np.array([int(load * int(size)) for size in capacity], np.int64)
    return load.numerator * capacity // load.denominator


def room_below(load: Fraction, capacity: Ints) -> Ints:
    """Return how many each group may help so that its load stays under this one."""
    return np.maximum(-(-load.numerator * capacity // load.denominator) - 1, 0)


def largest(count: Ints, capacity: Ints) -> Fraction:
    """Return the largest load."""
    busy = np.flatnonzero(count)
    if not busy.size:
        return Fraction(0)
    ratio = count[busy] / capacity[busy]
    near = busy[ratio >= ratio.max() * (1 - 1e-12)]  # floats choose the candidates, fractions the largest
    return max(Fraction(int(count[place]), int(capacity[place])) for place in near)


def least(worth: Ints, capacity: Ints, need: int) -> Fraction:
    """Return the least load at which the groups' room, each counted by its worth, makes up `need`."""
    total = int(worth.max(initial=0)) * int(capacity.sum())
    weights = worth if total < 2**62 else worth.astype(object)
    if need <= 0:
        return Fraction(0)
    low, high = 0, 1 << BITS  # in units of 2**-BITS: too little at `low`, enough at `high`
    while high - low > 1:
        middle = (low + high) // 2
        enough = (weights * ((middle * capacity) >> BITS)).sum() >= need
        low, high = (low, middle) if enough else (middle, high)
    below, above = (low * capacity) >> BITS, (high * capacity) >> BITS
    steps = np.flatnonzero((above > below) & (worth > 0))
    order = sorted((Fraction(int(above[place]), int(capacity[place])), int(place)) for place in steps)
    reached = int((weights * below).sum())
    for load, place in order:
        reached += int(worth[place])
        if reached >= need:
            return load
    raise ValueError(need)
