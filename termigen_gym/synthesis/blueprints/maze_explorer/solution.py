"""How a console is explored with scripts of its commands, and what goes wrong on the way."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..kit import Other, Slip, Step, pick
from ..scribe import fill, heredoc
from .world import World


@dataclass(frozen=True)
class Layout:
    """How results look: the folder, the map's suffix, whether things are counted by place, entries of the report."""

    out: str
    map_form: str
    by_place: bool
    asked: list[str]


_TALK = '''
import subprocess

console = subprocess.Popen(["@console@"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def heard():
    """Returns what the console says up to its prompt."""
    said, part = "", "-"
    while part and not said.endswith("\\n@prompt@ "):
        part = console.stdout.read(1)
        said += part
    return said.removesuffix("\\n@prompt@ ")


def talk(commands):
    """Types commands, each when the one before is answered, and returns the answers."""
    answers = []
    for line in commands:
        console.stdin.write(line + "\\n")
        console.stdin.flush()
        answers.append(heard())
    return answers


heard()
'''

_EXPLORE = """
import json
import os
import re

from talk import talk

codes = json.load(open("/tmp/codes.json")) if os.path.exists("/tmp/codes.json") else {}
places, ways, paths, level = {}, [], {}, [("", "", [])]
while level:
    script = [line for _, _, path in level for line in ["@home@", *path, "@look@", "@search@", "@read@"]]
    answers, level, done = iter(talk(script)), [], level
    for origin, word, path in done:
        *_, seen, found, note = [next(answers) for _ in range(len(path) + 4)]
        name = re.search(r"@name@", seen)[1]
        if origin:
            ways.append([origin, word, name])
        if name in places:
            continue
        things = {thing: int(count) for count, thing in re.findall(r"(\\d+) (\\w+)", found)}
        places[name] = {"things": things, "note": note, "device": "@device@" in seen}
        paths[name] = path
        for way, locked in re.findall(r"(\\w+)( \\(locked\\))?", re.search(r"@ways@", seen)[1]):
            code = codes.get(name, {}).get(way)
            if not locked:
                level.append((name, way, [*path, f"@go@ {way}"]))
            elif code:
                level.append((name, way, [*path, f"@open@ {way} {code}", f"@go@ {way}"]))
json.dump({"places": places, "ways": ways, "paths": paths}, open("/tmp/world.json", "w"))
print(len(places), "places,", len(ways), "ways")
"""

_DEVICE = """
import json
import re

from talk import talk

world = json.load(open("/tmp/world.json"))
where = next(name for name, place in world["places"].items() if place["device"])
there = ["@home@", *world["paths"][where]]
buttons = sorted(re.search(r"buttons: (.*)", talk([*there, "@look@"])[-1])[1].split(", "))
seen, level, strip, presses = set(), [[]], "", []
while level and not strip:
    tries = [[*word, button] for word in level for button in buttons]
    answers = iter(talk([line for word in tries for line in [*there, *(f"@press@ {button}" for button in word)]]))
    level = []
    for word in tries:
        lamp = [next(answers) for _ in range(len(there) + len(word))][-1]
        if "printed" in lamp and not strip:
            strip, presses = lamp.split(": ")[-1], word
        if lamp not in seen:
            seen.add(lamp)
            level.append(word)
codes = {}
for place in world["places"].values():
    note = re.match(r"The code for (\\S+) at (.+) is (\\d+|on the strip)", place["note"])
    if note:
        codes.setdefault(note[2], {})[note[1]] = note[3] if note[3].isdigit() else strip
json.dump(codes, open("/tmp/codes.json", "w"))
json.dump(presses, open("/tmp/presses.json", "w"))
print(presses, codes)
"""

_CODES_JQ = """\
jq '[.places[].note | capture("The code for (?<way>[a-z]+) at (?<place>.+) is (?<code>[0-9]+)")]
  | map({(.place): {(.way): .code}}) | add' /tmp/world.json > /tmp/codes.json"""

_REPORT_PARTS = {
    "places": "len(places)",
    "one_way": "sum((to, name) not in pairs for name, to in pairs)",
    "farthest": "min(far, key=lambda name: (-far[name], name))",
    "dead_ends": 'sorted(name for name in places if sum(row[0] == name for row in world["ways"]) == 1)',
    "codes": 'json.load(open("/tmp/codes.json"))',
    "richest": 'min(places, key=lambda name: (-sum(places[name]["things"].values()), name))',
    "reach": "[list(far.values()).count(moves) for moves in range(max(far.values()) + 1)]",
}

_NAMES = (("You are in: (.+)", "Ways: (.+)"), ("\\[(.+)\\]", "exits: (.+)"), ("place = (.+)", "ways = (.+)"))


def solve(rng: np.random.Generator, world: World, layout: Layout) -> list[Step]:
    """Return the solution."""
    return [_first(world), _explore(world), _codes(world), _again(world), *_results(rng, world, layout)]


def _first(world: World) -> Step:
    verbs, console = world.verbs, world.console
    return Step(
        "I start with a short session by hand: what does the console understand, and how do its answers look?",
        f"printf '%s\\n' help {verbs['look']} {verbs['search']} {verbs['read']} quit | {console}",
        (
            Slip(
                "command_error",
                "A console of this sort takes its commands as arguments, so I ask it for everything at once.",
                f"{console} --commands help,{verbs['look']},{verbs['search']} > /tmp/first.txt",
                f"cat /tmp/first.txt; {console} --commands < /dev/null; echo status $?",
                "It takes no arguments and ended with its usage: commands have to come by standard input.",
                ["rm -f /tmp/first.txt"],
            ),
        ),
    )


def _words(world: World) -> dict[str, str]:
    name, ways = _NAMES[world.style]
    return {
        **world.verbs,
        "console": world.console,
        "prompt": world.prompt,
        "name": name,
        "ways": ways,
        "device": world.domain.device,
    }


def _explore(world: World) -> Step:
    talk, explore = fill(_TALK, **_words(world)), fill(_EXPLORE, **_words(world))
    ghost = f"{world.domain.program}-mapper"
    return Step(
        "Now systematically: level by level from the start, every way that is not locked, in one session. "
        f"`{world.verbs['home']}` between the paths keeps the count of moves low. By levels each place is found by a "
        f"shortest path.",
        f"{heredoc('/tmp/talk.py', talk)}\n{heredoc('/tmp/explore.py', explore)}\n"
        "rm -f /tmp/codes.json\npython3 /tmp/explore.py\njq -r '.places[].note' /tmp/world.json | sort | uniq -c",
        (
            Slip(
                "hallucination",
                f"Consoles like this come with {ghost}, which walks everywhere and writes the chart as JSON.",
                f"{ghost} --console {world.console} --json > /tmp/world.json",
                f"command -v {ghost} || ls {world.folder}; wc -c /tmp/world.json",
                f"There is no {ghost}; the folder has the console and its sealed data only, and my file is empty.",
                ["rm -f /tmp/world.json"],
            ),
        ),
    )


def _codes(world: World) -> Step:
    if world.panel_next:
        command = f"{heredoc('/tmp/device.py', fill(_DEVICE, **_words(world)))}\npython3 /tmp/device.py"
        thought = (
            f"Some ways are locked, and one code is on the strip of the {world.domain.device}. I try its buttons "
            f"breadth first, "
            "in byte order, so that the first sequence that prints is the shortest and the first of them; each try "
            "begins anew."
        )
    else:
        command, thought = f"{_CODES_JQ}\ncat /tmp/codes.json", "The notes say which code belongs to which locked way."
    return Step(
        thought,
        command,
        (
            Slip(
                "verification_failure",
                "What can be reached without codes was found without an error, so the chart is complete and I need "
                "no codes.",
                "echo '{}' > /tmp/codes.json && echo '[]' > /tmp/presses.json && jq '.places | length' /tmp/world.json",
                f"jq -r '.places | keys[]' /tmp/world.json | grep -c -x '{world.goal}'; "
                "jq -r '.places[].note' /tmp/world.json | sort -u",
                f"{world.goal} is not among the places, and notes speak of codes for locked ways: there is more "
                f"behind them.",
                ["rm -f /tmp/codes.json /tmp/presses.json"],
            ),
        ),
    )


def _again(world: World) -> Step:
    return Step(
        "With the codes I explore again from the start; now locked ways are opened on the way, and the goal has to "
        "turn up.",
        f"python3 /tmp/explore.py\njq -c --arg goal '{world.goal}' '.paths[$goal]' /tmp/world.json",
    )


def _results(rng: np.random.Generator, world: World, layout: Layout) -> list[Step]:
    return [_chart(rng, world, layout), _session(world, layout), _report(world, layout)]


def _chart(rng: np.random.Generator, world: World, layout: Layout) -> Step:
    target = f"{layout.out}/map.{layout.map_form}"
    sep = "," if layout.map_form == "csv" else "\\t"
    if layout.map_form == "jsonl":
        write = f"jq -c '.ways | sort[] | {{from: .[0], way: .[1], to: .[2]}}' /tmp/world.json > {target}"
    elif pick(rng, ("jq", "python")) == "jq":
        write = f"jq -r '.ways | sort[] | join(\"{sep}\")' /tmp/world.json > {target}"
    else:
        write = (
            'python3 -c \'\nimport json\nfor row in sorted(json.load(open("/tmp/world.json"))["ways"]):\n'
            f'    print(*row, sep="{sep}")\' > {target}'
        )
    if layout.by_place:
        things = "jq '.places | map_values(.things) | with_entries(select(.value != {}))'"
    else:
        things = (
            "jq '[.places[].things | to_entries[]] | group_by(.key)\n  | map({(.[0].key): (map(.value) | add)}) | add'"
        )
    both = "jq '.ways += (.ways | map([.[2], .[1], .[0]])) | .ways |= unique' /tmp/world.json > /tmp/both.json"
    return Step(
        "The chart and the inventory are now only a matter of writing them down in order.",
        f"mkdir -p {layout.out}\n{write}\n{things} /tmp/world.json > {layout.out}/things.json\n"
        f"wc -l {target}; head -n 4 {target}; jq -c . {layout.out}/things.json",
        (
            Slip(
                "analysis_error",
                "Who can go there can come back the same way, so I add each way in the other direction to be complete.",
                f"mkdir -p {layout.out}\n{both}\n{write.replace('/tmp/world.json', '/tmp/both.json')}\n"
                f"{things} /tmp/world.json > {layout.out}/things.json",
                f"wc -l {target}; jq '.ways | length' /tmp/world.json",
                "The chart has more ways than I ever went: many are one-way, and the way back often has another word.",
                [f"rm -r {layout.out} /tmp/both.json"],
            ),
        ),
    )


def _session(world: World, layout: Layout) -> Step:
    target = f"{layout.out}/session.txt"
    go = world.verbs["go"]
    return Step(
        f"The path by which {world.goal} was found is a shortest one and has the codes in it; a fresh session shows "
        f"whether it gets there.",
        f"jq -r --arg goal '{world.goal}' '.paths[$goal][]' /tmp/world.json > {target}\n"
        f"{{ cat {target}; echo quit; }} | {world.console} | tail -n 4",
        (
            Slip(
                "requirement_violation",
                f"I write down the ways to {world.goal}, one word a line; everybody knows how to type them.",
                f"jq -r --arg goal '{world.goal}' '.paths[$goal][]' /tmp/world.json | sed -n 's/^{go} //p' > {target}",
                f"{{ cat {target}; echo quit; }} | {world.console} | tail -n 4",
                "Typed as they stand the lines are not understood: the verbs and the codes belong to them.",
                [f"rm {target}"],
            ),
        ),
    )


def _report(world: World, layout: Layout) -> Step:
    asked = layout.asked
    program = 'import json\n\nworld = json.load(open("/tmp/world.json"))\n'
    if {"places", "dead_ends", "richest"} & set(asked):
        program += 'places = world["places"]\n'
    if "one_way" in asked:
        program += 'pairs = [(name, to) for name, _, to in world["ways"]]\n'
    if {"farthest", "reach"} & set(asked):
        program += (
            f'far = {{name: sum(line.startswith("{world.verbs["go"]} ") for line in path) '
            'for name, path in world["paths"].items()}\n'
        )
    program += "report = {\n" + "".join(f'    "{name}": {_REPORT_PARTS[name]},\n' for name in asked)
    if world.panel_next:
        program += '    "presses": json.load(open("/tmp/presses.json")),\n'
    program += f'}}\njson.dump(report, open("{layout.out}/report.json", "w"))'
    return Step(
        "The report from the same record, and a last look at what I hand over.",
        f"python3 - <<'EOF'\n{program}\nEOF\njq -c . {layout.out}/report.json; ls {layout.out}",
        (
            Slip(
                "verification_failure",
                "The report needs the number of places; the file is there and parses, so it is right.",
                f"jq '{{places: (.paths | length | tostring)}}' /tmp/world.json > {layout.out}/report.json "
                f"&& jq -e . {layout.out}/report.json > /dev/null && echo fine",
                f"jq -c 'keys, map(type)' {layout.out}/report.json",
                "That it parses says little: one entry, and that as a text; the others are missing.",
                [f"rm {layout.out}/report.json"],
            ),
        ),
    )


def equivalents(world: World, layout: Layout) -> list[Other]:
    """Return other right ways."""
    session = f"{layout.out}/session.txt"
    ways = [
        Other(
            "json-with-sorted-keys-and-indents",
            f"for f in things report; do jq -S --tab . {layout.out}/$f.json > /tmp/f && cp /tmp/f "
            f"{layout.out}/$f.json; done",
        ),
        Other("log-of-the-exploration-kept", f"cp /tmp/world.json {layout.out}/world.json"),
        Other("no-newline-at-the-end", f'printf %s "$(cat {session})" > /tmp/s && cp /tmp/s {session}'),
    ]
    return ways
