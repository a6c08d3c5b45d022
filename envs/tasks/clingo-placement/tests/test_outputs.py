"""Checks a repaired placement program and the plan that it made.

The truth is computed here: feasibility by counting, optimality of the small
hidden instances by exhaustive search. The optimum of the published instance
(685) was proven once with two different encodings.
"""

import csv
import functools
import io
import itertools
import json
import pathlib
import random
import re
import tempfile

import nobody
from artifacts import read
from run import once

APP = pathlib.Path("/app")
PRISTINE = pathlib.Path(__file__).with_name("instance.lp")
PROVEN_OPTIMUM = 685


class Instance:
    """Facts of one instance: hosts, services, pairs that must stay apart."""

    def __init__(self, hosts, services, apart):
        self.hosts = {h[0]: h[1:] for h in hosts}
        self.services = {s[0]: s[1:] for s in services}
        self.apart = list(apart)

    def text(self):
        lines = ["host(%s,%d,%d,%s,%d)." % ((h,) + v) for h, v in self.hosts.items()]
        lines += ["service(%s,%d,%d,%d)." % ((s,) + v) for s, v in self.services.items()]
        lines += ["apart(%s,%s)." % pair for pair in self.apart]
        # Without a single apart/2 fact clingo would only warn; keep it quiet.
        return "\n".join(lines + ["#defined apart/2."]) + "\n"

    def copies(self):
        return [(s, i) for s, v in self.services.items() for i in range(1, v[2] + 1)]

    def faults(self, where):
        """Returns what is wrong with where[(service, copy)] = host, as a list of texts."""
        bad = []
        if sorted(where) != sorted(self.copies()):
            return ["copies are not exactly those of the instance"]
        unknown = [h for h in where.values() if h not in self.hosts]
        if unknown:
            return ["unknown hosts %s" % unknown]
        for host, (mem, cores, _, _) in self.hosts.items():
            here = [s for (s, _), h in where.items() if h == host]
            if sum(self.services[s][0] for s in here) > mem:
                bad.append("memory of %s" % host)
            if sum(self.services[s][1] for s in here) > cores:
                bad.append("cores of %s" % host)
            if len(set(here)) != len(here):
                bad.append("two copies of one service on %s" % host)
            bad += ["%s and %s share %s" % (a, b, host) for a, b in self.apart if a in here and b in here]
        for s, v in self.services.items():
            racks = {self.hosts[where[s, i]][2] for i in range(1, v[2] + 1)}
            if v[2] > 1 and len(racks) < 2:
                bad.append("%s sits in one rack" % s)
        return bad

    def cost(self, where):
        return sum(self.hosts[h][3] for h in set(where.values()))

    def optimum(self):
        """Returns the smallest cost by trying every set of hosts, cheapest first; None when there is none."""
        names = list(self.hosts)
        subsets = [c for n in range(1, len(names) + 1) for c in itertools.combinations(names, n)]
        subsets.sort(key=lambda c: sum(self.hosts[h][3] for h in c))
        for subset in subsets:
            # The search may leave a host of the subset empty; a cheaper subset would then have fitted before.
            if self._fits({h: self.hosts[h][:2] for h in subset}, self.copies(), {}):
                return sum(self.hosts[h][3] for h in subset)
        return None

    def _fits(self, left, rest, where):
        """Tells whether the rest of the copies find places in what is left of the hosts' memory and cores."""
        if not rest:
            return not self.faults(where)
        for k in (0, 1):
            if sum(self.services[s][k] for s, _ in rest) > sum(room[k] for room in left.values()):
                return False
        (s, i), tail = rest[0], rest[1:]
        foes = {b if a == s else a for a, b in self.apart if s in (a, b)} | {s}
        for h, (mem, cores) in left.items():
            mem, cores = mem - self.services[s][0], cores - self.services[s][1]
            if mem < 0 or cores < 0 or any(g == h and t in foes for (t, _), g in where.items()):
                continue
            if self._fits({**left, h: (mem, cores)}, tail, {**where, (s, i): h}):
                return True
        return False


def read_pristine():
    text = PRISTINE.read_text()

    def rows(name):
        for args in re.findall(r"^%s\(([^)]*)\)\." % name, text, re.M):
            yield tuple(int(a) if a.isdigit() else a for a in args.split(","))

    return Instance(rows("host"), rows("service"), rows("apart"))


def random_instance(rnd):
    hosts = [("n%d" % k, rnd.choice((6, 8, 12)), rnd.choice((4, 6)), "z%d" % rnd.randrange(2), rnd.choice((10, 15, 15, 20)))
             for k in range(rnd.randint(4, 6))]  # fmt: skip
    services = [("app%d" % k, rnd.choice((2, 3, 4)), rnd.choice((1, 2)), rnd.randint(1, 2)) for k in range(rnd.randint(3, 5))]
    names = [s[0] for s in services]
    return Instance(hosts, services, sorted({tuple(rnd.sample(names, 2)) for _ in range(2)}))


HIDDEN = {
    "equal memory": Instance(
        [("ha", 10, 20, "ra", 10), ("hb", 12, 20, "rb", 14), ("hc", 6, 20, "rb", 9)],
        [("s1", 5, 1, 1), ("s2", 5, 1, 1), ("s3", 5, 1, 1), ("s4", 2, 1, 1)], []),
    "equal cores": Instance(
        [("ha", 90, 4, "ra", 10), ("hb", 90, 5, "rb", 13), ("hc", 90, 2, "rc", 9)],
        [("s1", 1, 2, 1), ("s2", 2, 2, 1), ("s3", 3, 2, 1), ("s4", 4, 1, 2)], []),
    "apart": Instance(
        [("h1", 9, 9, "r1", 10), ("h2", 9, 9, "r2", 11), ("h3", 9, 9, "r2", 30), ("h4", 2, 9, "r1", 25)],
        [("a", 1, 1, 2), ("b", 2, 1, 1), ("c", 3, 2, 1)], [("b", "a")]),
    "apart, in the other order": Instance(
        [("h1", 9, 9, "r1", 10), ("h2", 9, 9, "r2", 11), ("h3", 9, 9, "r2", 30), ("h4", 2, 9, "r1", 25)],
        [("a", 1, 1, 2), ("b", 2, 1, 1), ("c", 3, 2, 1)], [("a", "b")]),
    "cheap hosts in one rack": Instance(
        [("h1", 8, 8, "r1", 5), ("h2", 8, 8, "r1", 6), ("h3", 8, 8, "r2", 40)],
        [("a", 3, 3, 2), ("b", 3, 3, 1)], []),
    "one rack and single copies": Instance(
        [("h1", 8, 8, "r1", 5), ("h2", 8, 8, "r1", 6)], [("a", 5, 3, 1), ("b", 5, 3, 1)], []),
    "three copies": Instance(
        [("h1", 8, 8, "r1", 5), ("h2", 8, 8, "r1", 6), ("h3", 8, 8, "r2", 40), ("h4", 8, 8, "r3", 50), ("h5", 8, 8, "r1", 7)],
        [("a", 3, 3, 3)], []),
    "equal prices": Instance(
        [("h1", 4, 9, "r1", 20), ("h2", 4, 9, "r2", 20), ("h3", 4, 9, "r1", 20), ("h4", 8, 9, "r2", 30)],
        [("a", 4, 1, 1), ("b", 3, 1, 1), ("c", 1, 1, 1), ("d", 1, 1, 1)], []),
    "two copies, one rack": Instance([("h1", 9, 9, "r1", 5), ("h2", 9, 9, "r1", 5)], [("a", 1, 1, 2)], []),
    "too full": Instance([("h1", 9, 9, "r1", 5)], [("a", 5, 1, 1), ("b", 5, 1, 1)], []),
    "three copies, two hosts": Instance([("h1", 9, 9, "r1", 5), ("h2", 9, 9, "r2", 5)], [("a", 1, 1, 3)], []),
}  # fmt: skip
_rnd = random.Random(20423)
HIDDEN.update({f"random {k}": random_instance(_rnd) for k in range(8)})
RANDOM = [name for name in HIDDEN if name.startswith("random")]

# One process after another, all in one go; clingo's exit code only says what its answer says too.
RUN_ALL = 'for k; do /usr/bin/clingo --outf=2 -t1 "$0/place.lp" "$0/$k.lp" > "$k"; done; true'


@once
def answers():
    """What clingo says with the delivered program, by the name of the hidden instance."""
    given, made = pathlib.Path(tempfile.mkdtemp()), nobody.new_folder()
    (given / "place.lp").write_bytes(read(APP / "place.lp"))
    numbers = [str(k) for k in range(len(HIDDEN))]
    for k, instance in zip(numbers, HIDDEN.values()):
        (given / f"{k}.lp").write_text(instance.text())
    nobody.expose(given)
    given.chmod(0o755)
    nobody.run("/bin/sh", "-c", RUN_ALL, given, *numbers, cwd=made)
    return {name: read(made / k) for k, name in zip(numbers, HIDDEN)}


def answer(said):
    """Returns (result text, placement or None) of clingo's JSON."""
    said = json.loads(said)
    witnesses = said["Call"][-1].get("Witnesses", [])
    if not witnesses:
        return said["Result"], None
    where = {}
    for atom in witnesses[-1]["Value"]:
        found = re.fullmatch(r"on\((\w+),(\d+),(\w+)\)", atom)
        if found:
            key = (found.group(1), int(found.group(2)))
            assert key not in where, "%s is placed twice" % (key,)
            where[key] = found.group(3)
    return said["Result"], where


def check(*names):
    """Each is solved to the optimum found by exhaustive search, or UNSATISFIABLE where there is none."""
    for name in names:
        instance = HIDDEN[name]
        result, where = answer(answers()[name])
        best = instance.optimum()
        assert result == ("UNSATISFIABLE" if best is None else "OPTIMUM FOUND"), name
        if best is not None:
            assert instance.faults(where) == [], name
            assert instance.cost(where) == best, name


@functools.lru_cache(maxsize=None)
def plan():
    lines = io.StringIO(read(APP / "placement.csv").decode(), newline="")
    rows = [[cell.strip() for cell in row] for row in csv.reader(lines) if any(cell.strip() for cell in row)]
    assert rows[0] == ["service", "copy", "host"]
    assert all(len(row) == 3 for row in rows)
    where = {(s, int(i)): h for s, i, h in rows[1:]}
    assert len(where) == len(rows) - 1, "a copy is listed twice"
    return where


def test_plan_is_feasible():
    """placement.csv meets every rule for the published instance."""
    assert read_pristine().faults(plan()) == []


def test_plan_is_cheapest():
    """placement.csv costs no more than the proven optimum."""
    instance = read_pristine()
    assert instance.faults(plan()) == []
    assert instance.cost(plan()) == PROVEN_OPTIMUM


def test_instance_untouched():
    """instance.lp is the file that we gave."""
    assert read(APP / "instance.lp") == PRISTINE.read_bytes()


def test_equal_demands_add_up():
    """Hidden: copies with equal memory, or equal cores, count each for itself."""
    check("equal memory", "equal cores")


def test_apart_holds_for_all_copies():
    """Hidden: apart/2 holds for copies with different numbers, in both orders."""
    check("apart", "apart, in the other order")


def test_copies_spread_over_racks():
    """Hidden: copies go to two racks even when two cheap hosts stand in one; one copy alone need not."""
    check("cheap hosts in one rack", "one rack and single copies")


def test_two_racks_are_enough():
    """Hidden: three copies need two racks, neither one nor three, and the third stands where it is cheapest."""
    check("three copies")


def test_equal_prices_are_paid_each():
    """Hidden: hosts of the same price are each paid for."""
    check("equal prices")


def test_unsatisfiable_is_reported():
    """Hidden: instances without a placement are UNSATISFIABLE."""
    names = ["two copies, one rack", "too full", "three copies, two hosts"]
    assert [HIDDEN[name].optimum() for name in names] == [None, None, None]
    check(*names)


def test_random_instances():
    """Hidden: seeded random instances are solved to the optimum found by exhaustive search."""
    check(*RANDOM)
    assert sum(HIDDEN[name].optimum() is not None for name in RANDOM) >= 5
