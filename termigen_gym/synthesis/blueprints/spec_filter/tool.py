"""Small command-line programs to be written: what a specification consists of, and who needs them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Domain:
    """Who needs a program.

    Attributes:
        slug: for names. story: what for. tool: what programs of theirs are called like.
        names: of quantities and fields. words: that their values are made of.
    """

    slug: str
    story: str
    tool: str
    names: tuple[str, ...]
    words: tuple[str, ...]


DOMAINS = (
    Domain(
        "ferry", "The ferry company's tariff office works with text files, and its old tool ran on a machine that is "
        "gone.",
        "fare", ("length", "weight", "axles", "cabins", "adults", "bikes"),
        ("Deck", "harbour", "Return", "night", "Pier 4"),
    ),
    Domain(
        "brewery", "The brewery's recipes go through a chain of small filters, and one link is missing.",
        "brew", ("malt", "hops", "water", "gravity", "yeast", "boil"),
        ("Pilsner", "wheat", "Dry hop", "cask", "lager"),
    ),
    Domain(
        "observatory", "The observatory prepares its observing lists with command-line filters, and the night crew "
        "needs a new one.",
        "obs", ("altitude", "exposure", "filter", "frames", "gain", "seeing"),
        ("Vega", "dome", "flat field", "Dusk", "M 31"),
    ),
    Domain(
        "bakery", "A bakery computes its batches in plain text, and the script that did it was lost with a laptop.",
        "dough", ("flour", "salt", "starter", "loaves", "minutes", "trays"),
        ("Rye", "spelt", "Long proof", "crust", "oven 2"),
    ),
    Domain(
        "railway", "The railway's timetable desk pipes its notes through little programs, and this one never got "
        "written.",
        "track", ("platform", "delay", "coaches", "speed", "stops", "crew"),
        ("Express", "junction", "Night train", "depot", "Bay 3"),
    ),
    Domain(
        "theatre", "The stage management of a theatre keeps its cue sheets as text and wants them processed the same "
        "way everywhere.",
        "cue", ("scene", "lamp", "level", "fade", "channel", "seconds"),
        ("Curtain", "blackout", "Act two", "fly bar", "Encore"),
    ),
    Domain(
        "foundry", "The foundry's shop-floor terminals show what a filter makes of the melt records, and it has to "
        "be replaced.",
        "melt", ("copper", "zinc", "tin", "heat", "mould", "shift"),
        ("Bronze", "ingot", "Second pour", "slag", "crucible"),
    ),
    Domain(
        "orchard", "The fruit growers' association shares its picking sheets by mail and runs them through one "
        "agreed program.",
        "pick", ("bins", "rows", "trees", "ladders", "crew", "acres"),
        ("Cox", "windfall", "Late frost", "cider", "Block 7"),
    ),
    Domain(
        "clinic", "The clinic's supply room has its lists in text files, and the consultant who wrote their tool has "
        "retired.",
        "stock", ("gauze", "beds", "doses", "gloves", "trolley", "ward"),
        ("Sterile", "single", "Cold chain", "refill", "Room 12"),
    ),
    Domain(
        "museum", "The museum's labels and inventories are made from text by filters, and one specification is "
        "waiting for its program.",
        "label", ("crate", "room", "height", "width", "loan", "frames"),
        ("Fragile", "bronze", "On loan", "vitrine", "Hall 9"),
    ),
)  # fmt: skip
"""People with text files."""


@dataclass(frozen=True)
class Case:
    """One run of the program: its arguments, what it reads, and what has to come of it."""

    args: Sequence[str]
    stdin: str
    out: str
    code: int
    files: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Flaw:
    """How a program of the solution goes wrong if one passage is written otherwise."""

    old: str
    new: str
    thought: str
    finding: str
    shown_by: str


@dataclass(frozen=True)
class Tool:
    """A program and its specification.

    Attributes:
        name: of the program. sort: what it is. usage: its arguments. about: what it does, in one sentence.
        rules: the specification. program: a right one. flaws: how it may go wrong: one in understanding, one against
            the letter. cases: hidden runs by name. samples: inputs at hand, with the arguments for each and its output.
        trial: a line or some for a first try.
    """

    name: str
    sort: str
    usage: str
    about: str
    rules: Sequence[str]
    program: str
    flaws: tuple[Flaw, Flaw]
    cases: Mapping[str, Case]
    samples: Mapping[str, Case]
    trial: str


MAIN = """
def main():
    try:
        options, files = getopt.getopt(sys.argv[1:], "@letters@")
        text = "" if files else sys.stdin.read()
        for name in files:
            with open(name) as file:
                text += file.read()
@more@
    except (getopt.GetoptError, OSError, ValueError) as error:
        print(error, file=sys.stderr)
        return 2
    return run(text, @given@)


sys.exit(main())
"""
"""How the programs of the solution end: what can't be read is told before anything is printed."""
