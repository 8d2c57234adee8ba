"""The attack itself notices what it is there to notice."""

import os
import random
import time

from tests.hostile import attack
from tfvse.errors import UserError


def _entrance(what):
    if what == "crash":
        os._exit(7)
    if what == "hang":
        time.sleep(60)
    if what == "refuse":
        raise UserError("no")
    if what == "break":
        raise KeyError(what)


def test_every_end_is_told_apart_and_costs_its_input_alone():
    words = ("use", "crash", "refuse", "hang", "break", "use again")
    outcomes = attack.attack(_entrance, {word: word for word in words}, seconds=2.0)
    assert [o.name for o in outcomes] == list(words)
    assert [o.end for o in outcomes] == ["used", "crash", "refused", "hang", "traceback", "used"]


def test_mutations_are_seeded_and_differ_from_the_file():
    data = bytes(range(256)) * 8
    first, second = (list(attack.mutations(data, 50, random.Random(3))) for _ in range(2))
    assert first == second
    assert sum(mutation != data for mutation in first) > 45
