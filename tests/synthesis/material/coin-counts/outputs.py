"""The change and the coins used, worked out anew from a copy of coins and amounts."""

import itertools
from pathlib import Path

COINS = [50, 22, 15, 9, 4]
AMOUNTS = [18, 30, 7, 44, 61, 100, 13, 5, 27, 88, 30, 36, 99, 11, 123, 66, 2, 45, 72, 17]


def ways():
    """Of every total the way that is taken: few coins, then many of the largest."""
    top, found = max(AMOUNTS), {}
    for count in range(12):
        for chosen in itertools.combinations_with_replacement(range(len(COINS)), count):
            total = sum(COINS[place] for place in chosen)
            if total <= top:
                found.setdefault(total, chosen)
    return found


WAYS = ways()


def lines(path):
    return [line.rstrip() for line in Path(path).read_text().rstrip().split("\n")]


def test_each_amount_has_its_number_of_coins():
    counts = [len(WAYS[amount]) if amount in WAYS else "none" for amount in AMOUNTS]
    rows = [f"{amount},{count}" for amount, count in zip(AMOUNTS, counts)]
    assert lines("/app/change.csv") == ["amount,coins", *rows]


def test_the_coins_are_those_of_the_largest_values():
    given = [place for amount in AMOUNTS for place in WAYS.get(amount, ())]
    rows = [f"{coin} {given.count(place)}" for place, coin in enumerate(COINS)]
    assert lines("/app/used.txt") == rows[::-1]
