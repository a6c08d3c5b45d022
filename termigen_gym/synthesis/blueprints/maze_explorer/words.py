"""Places that can only be seen from inside: what they are called, and the console that shows them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Domain:
    """Where somebody walks about.

    Attributes:
        slug: for names. program: what is started. title: what it says first. story: who needs it.
        first, second: words that make the names of places. ways: words for directions. things: what lies about.
        device: what has buttons. lamps, buttons: of it. spent: what is said when there have been too many moves.
    """

    slug: str
    program: str
    title: str
    story: str
    first: tuple[str, ...]
    second: tuple[str, ...]
    ways: tuple[str, ...]
    things: tuple[str, ...]
    device: str
    lamps: tuple[str, ...]
    buttons: tuple[str, ...]
    spent: str


DOMAINS = (
    Domain(
        "reef", "dive", "Reef survey console", "The survey robot on the reef answers on a console, and its chart is "
        "lost.",
        ("Coral", "Sunken", "Broken", "Quiet", "Green", "Long"),
        ("Arch", "Shelf", "Chimney", "Garden", "Tunnel", "Basin"),
        ("north", "south", "east", "west", "up", "down"),
        ("urchin", "sponge", "anchor", "amphora", "crab", "buoy"),
        "sonar beacon", ("amber", "blue", "cyan", "green", "red", "violet", "white"), ("ping", "tune", "turn"),
        "The battery is low: the robot floats back to where it began.",
    ),
    Domain(
        "stack", "picker", "Warehouse picker terminal", "A picker of the automated warehouse still has the old floor "
        "in memory.",
        ("Upper", "Lower", "North", "South", "Cold", "Bonded"),
        ("Aisle", "Dock", "Mezzanine", "Cage", "Bay", "Sorter"),
        ("ahead", "back", "left", "right", "lift", "chute"),
        ("pallet", "crate", "drum", "roll", "tote", "spool"),
        "sorter panel", ("idle", "hold", "feed", "purge", "merge", "jam", "sync"), ("fill", "flip", "flush"),
        "The charge is used up: the picker drives back to where it began.",
    ),
    Domain(
        "cave", "probe", "Cave probe", "A probe was left in a cave system, and its radio link is all that we have of "
        "the cave.",
        ("Dripping", "Narrow", "Marble", "Blind", "Bats'", "Lower"),
        ("Gallery", "Crawl", "Dome", "Siphon", "Fissure", "Lake"),
        ("north", "south", "east", "west", "climb", "descend"),
        ("stalagmite", "bone", "shard", "fungus", "geode", "rope"),
        "weather station", ("one", "two", "three", "four", "five", "six", "seven"), ("dial", "knob", "key"),
        "The link fades: the probe is pulled back to where it began.",
    ),
    Domain(
        "station", "rover", "Maintenance rover", "The maintenance rover of the orbital station has to be steered by "
        "its console.",
        ("Port", "Starboard", "Inner", "Outer", "Dark", "Service"),
        ("Ring", "Lock", "Truss", "Hab", "Node", "Tank"),
        ("fore", "aft", "spin", "anti", "in", "out"),
        ("canister", "filter", "panel", "coil", "sensor", "patch"),
        "valve board", ("closed", "vent", "warm", "open", "bleed", "flow", "trip"), ("alpha", "beta", "gamma"),
        "The rover's cell is empty: its tether winds it back to where it began.",
    ),
    Domain(
        "library", "stroll", "Reading-room guide", "The stacks of the old library are shut, but the guide of the "
        "reading room still runs.",
        ("Vaulted", "Dusty", "Panelled", "Hidden", "Marble", "Painted"),
        ("Hall", "Alcove", "Stair", "Cabinet", "Attic", "Cloister"),
        ("north", "south", "east", "west", "stair", "ladder"),
        ("folio", "globe", "atlas", "quill", "ledger", "lens"),
        "orrery", ("mercury", "venus", "earth", "mars", "jupiter", "saturn", "uranus"), ("crank", "lever", "wheel"),
        "The bell rings: the guide takes you back to where you began.",
    ),
    Domain(
        "mine", "cart", "Mine cart remote", "The pit is closed to people, and the cart of the inspectors is driven "
        "from the surface.",
        ("Old", "Deep", "Flooded", "Timbered", "Copper", "Lost"),
        ("Shaft", "Drift", "Stope", "Winze", "Adit", "Crosscut"),
        ("north", "south", "east", "west", "raise", "sink"),
        ("lamp", "pick", "drill", "prop", "ore", "fuse"),
        "pump desk", ("low", "fair", "high", "surge", "drain", "dry", "prime"), ("valve", "gate", "pump"),
        "The rope is at its end: the cart is wound back to where it began.",
    ),
    Domain(
        "glasshouse", "gardener", "Garden robot", "The botanical garden's robot knows its glasshouses better than "
        "any plan that we have.",
        ("Palm", "Fern", "Orchid", "Desert", "Alpine", "Water"),
        ("House", "Corridor", "Nursery", "Terrace", "Grotto", "Pavilion"),
        ("north", "south", "east", "west", "gallery", "cellar"),
        ("cactus", "bromelia", "seedling", "trowel", "label", "hose"),
        "climate desk", ("dew", "mist", "fog", "rain", "sun", "shade", "frost"), ("heat", "vent", "spray"),
        "The tank is dry: the robot rolls back to where it began.",
    ),
    Domain(
        "museum", "warden", "Night warden", "The museum moves, and the night warden's terminal is the only record of "
        "its halls.",
        ("Roman", "Bronze", "Royal", "Mirror", "Textile", "Clock"),
        ("Room", "Rotunda", "Passage", "Depot", "Landing", "Studio"),
        ("north", "south", "east", "west", "upstairs", "downstairs"),
        ("vase", "coin", "mask", "sabre", "tapestry", "bust"),
        "alarm panel", ("armed", "standby", "silent", "test", "fault", "night", "guard"), ("set", "mute", "cycle"),
        "The round is over: the warden is called back to where it began.",
    ),
    Domain(
        "wreck", "sled", "Wreck sled", "A camera sled lies in the wreck of a ferry, and the insurers want to know "
        "what is where.",
        ("Forward", "After", "Crew", "Cargo", "Engine", "Boat"),
        ("Deck", "Hold", "Saloon", "Locker", "Trunk", "Bridge"),
        ("fore", "aft", "port", "starboard", "hatch", "shaft"),
        ("suitcase", "plate", "bottle", "chain", "pump", "lifejacket"),
        "telegraph", ("stop", "slow", "half", "full", "astern", "standby", "finished"), ("ring", "pull", "push"),
        "The cable is taut: the sled is hauled back to where it began.",
    ),
)  # fmt: skip
"""Places of their own."""

VERBS: Mapping[str, tuple[str, ...]] = {
    "go": ("go", "move", "walk", "steer"),
    "look": ("look", "view", "where", "scan"),
    "search": ("search", "list", "examine", "survey"),
    "read": ("read", "decode", "transcribe", "study"),
    "open": ("open", "unlock", "dial", "enter"),
    "press": ("press", "hit", "use", "touch"),
    "home": ("home", "recall", "return", "restart"),
}
"""What the program is told, by what it means."""

PROGRAM = '''\
#!/usr/bin/env python3
"""@title@. Started without arguments; `help` says what it understands."""
import hashlib
import json
import sys

MOST = @most@


def digest(*words):
    return hashlib.sha256(":".join(words).encode()).hexdigest()


def reveal(cells, token):
    """Returns the place that a token opens."""
    data = bytes.fromhex(cells[digest("cell", token)[:24]])
    stream = b"".join(bytes.fromhex(digest("stream", token, str(n))) for n in range(len(data) // 32 + 1))
    return json.loads(bytes(a ^ b for a, b in zip(data, stream)))


def turned(lock, code):
    """Returns the token that a lock gives for a code; a wrong code gives one that opens nothing."""
    return f"{int(lock, 16) ^ int(digest('lock', code)[:16], 16):016x}"


class Console:
    def __init__(self, cells):
        self.cells, self.places = cells, {}
        self.unlocked = {}
        self.back()

    def back(self):
        self.token, self.moves = "@token@", 0
        self.arrive()

    def arrive(self):
        if self.token not in self.places:
            self.places[self.token] = reveal(self.cells, self.token)
        self.place, self.state = self.places[self.token], 0

    def way(self, word):
        return self.place["ways"].get(word) or self.unlocked.get((self.token, word))

    def look(self):
        ways = sorted([*self.place["ways"], *self.place["locks"]])
        shown = ", ".join(word if self.way(word) else word + " (locked)" for word in ways)
        lines = [@looks@]
        if self.place["note"]:
            lines.append("There is a note to @read@.")
        if self.place["panel"]:
            lines.append("There is a @device@; buttons: " + ", ".join(self.place["panel"]["next"]))
        return "\\n".join(lines)

    def go(self, word):
        if self.way(word) is None:
            return "locked" if word in self.place["locks"] else "no such way"
        if self.moves == MOST:
            self.back()
            return "@spent@"
        self.token, self.moves = self.way(word), self.moves + 1
        self.arrive()
        return self.look()

    def search(self):
        found = [f"{count} {thing}" for thing, count in self.place["things"].items()]
        return "You find: " + (", ".join(found) or "nothing")

    def unlock(self, word, code):
        if word not in self.place["locks"]:
            return "no lock there"
        token = turned(self.place["locks"][word], code)
        if digest("cell", token)[:24] not in self.cells:
            return "wrong code"
        self.unlocked[self.token, word] = token
        return "unlocked"

    def press(self, button):
        panel = self.place["panel"]
        if panel is None or button not in panel["next"]:
            return "no such button"
        self.state = panel["next"][button][self.state]
        lamp = panel["lamps"][self.state]
        return f"lamp: {lamp}" + (f"; a strip is printed: {panel['strip']}" if lamp == panel["prints"] else "")

    def answer(self, words):
        match words:
            case ["help"]:
                return "@help@"
            case ["@look@"]:
                return self.look()
            case ["@search@"]:
                return self.search()
            case ["@read@"]:
                return self.place["note"] or "nothing to @read@"
            case ["@home@"]:
                self.back()
                return self.look()
            case ["@go@", word]:
                return self.go(word)
            case ["@open@", word, code]:
                return self.unlock(word, code)
            case ["@press@", button]:
                return self.press(button)
        return "not understood; try help"


def main():
    if sys.argv[1:]:
        sys.exit("usage: @program@ (no arguments)")
    with open("@data@") as cells:
        console = Console(dict(line.split() for line in cells))
    print("@title@")
    while True:
        print("@prompt@", end=" ", flush=True)
        line = sys.stdin.readline()
        if line.split() in ([], ["quit"]):
            if line.strip() or not line:
                break
            continue
        print(console.answer(line.split()))


main()
'''
"""The console; it knows a place only by the token that the way there gives."""
