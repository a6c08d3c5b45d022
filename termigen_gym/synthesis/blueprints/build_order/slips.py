"""What goes wrong in a `build_order` task."""

from __future__ import annotations

from ..kit import Slip
from .case import Case
from .text import Wanted


def no_tool(case: Case) -> Slip:
    """A build tool that is not there."""
    return Slip(
        "hallucination",
        "Ninja prints the graph of a build by itself, so I let it read the description.",
        "ninja -C /app/build -t graph",
        "command -v ninja make cmake scons || echo 'no build tool'; ls /app/build",
        "There is no ninja, and the description is in a format of this house that no build tool reads. I have to "
        "resolve it by the rules of the request.",
    )


def commas(case: Case) -> Slip:
    """A reader that does not fit the files."""
    return Slip(
        "command_error",
        "The description looks like YAML to me, so I load it as such.",
        f"python3 -c 'import yaml; print(yaml.safe_load(open(\"{case.path('units')}\")))' > /tmp/units.tsv",
        f"python3 -c 'import yaml' 2>&1 | tail -n 1; wc -c /tmp/units.tsv; ls -d {case.path('units')}",
        "There is no YAML module, and nothing was written; the files are no YAML either. The format is simple enough "
        f"for {'jq' if case.form == 'json' else 'awk'}.",
        ["rm -f /tmp/units.tsv"],
    )


def made_files(edges: str) -> Slip:
    """Files that are made taken for missing ones."""
    return Slip(
        "analysis_error",
        "What is read must lie in the source tree; whatever does not is missing.",
        edges.replace("if file in maker:", "if False:").replace("m.value = units.value", "m.value = ''"),
        "cut -f3 /tmp/missing.tsv | sort | uniq -c; awk -F'\\t' '$2 == \"makes\" { print $3 }' /tmp/units.tsv | sort "
        "-u | grep -c -x -F -f <(cut -f3 /tmp/missing.tsv)",
        "Files below gen/ count as missing although somebody makes them. A file that is made puts its maker before "
        "the reader; only what nobody makes and nobody wrote is missing.",
        ["rm -f /tmp/edges.tsv /tmp/missing.tsv /tmp/wanted.tsv /tmp/build.db"],
    )


def cycle_only(problems: str) -> Slip:
    """What depends on something broken planned all the same."""
    return Slip(
        "analysis_error",
        "Broken are those with something missing or in a cycle; everybody else can be planned.",
        problems.replace("reach[unit] & broken", "False"),
        "jq -c 'map_values([.blocked, .plan])' /tmp/problems.json; awk -F'\\t' 'NR == FNR { gone[$1, $2]; next } "
        '($1, $3) in gone { print $1, $2, "needs", $3 }\' /tmp/missing.tsv /tmp/edges.tsv',
        "These need something that can't be built, and I have them in the plan. Whatever reaches a broken one, "
        "however far, is blocked.",
        ["rm -f /tmp/problems.json /tmp/tables.py"],
    )


def any_order(case: Case, wanted: Wanted, order: str) -> Slip:
    """Another tie rule."""
    other = "len(unit), " if case.tie == "name" else ""
    mine = {"name": "", "cost": "-cost[unit], ", "users": "-users[unit], "}[case.tie]
    said = {"name": "name", "cost": "cost", "users": "number of users"}[case.tie]
    return Slip(
        "requirement_violation",
        "Any order in which needs come first is as good as another, so I break ties as it comes handy.",
        order.replace(f"key=lambda unit: ({mine}unit)", f"key=lambda unit: ({other}unit)"),
        f"head -n 6 /tmp/*.plan; ls {wanted.out}",
        f"The order is valid but not the one that was asked for: ties go by {said} there. A plan that others compare "
        "with theirs must have exactly that.",
        [f"rm -rf {wanted.out} /tmp/*.plan"],
    )


def direct_only(case: Case, wanted: Wanted, rebuild: str) -> Slip:
    """Only what reads a changed file itself."""
    return Slip(
        "requirement_violation",
        f"A change rebuilds each {case.forge.unit} that reads the changed file.",
        rebuild.replace(" or set(strict) & set(again)", "").replace("if (name[i] in done) again[$2]", ""),
        f"cat {wanted.rebuild}; awk -F'\\t' '$4 == 1' /tmp/edges.tsv | wc -l",
        "Each change sets off its direct readers only, while those who need them would keep what was made from the "
        "old state. The request says that a rebuild goes on along the strict needs.",
        [f"rm -f {wanted.rebuild} /tmp/rebuild.tsv"],
    )


def tsort_agrees(case: Case, wanted: Wanted) -> Slip:
    """A check that can't fail."""
    first = sorted(case.profiles)[0]
    return Slip(
        "verification_failure",
        "The plan has as many lines as there are units that can be planned, which is check enough.",
        f"wc -l < /tmp/{first}.plan; jq '.\"{first}\".plan | length' /tmp/problems.json",
        f"ls {wanted.out}; awk -F'\\t' -v profile={first} 'NR == FNR {{ at[$2] = $1; next }} $1 == profile && $2 in at "
        f'{{ n++ }} END {{ print n + 0, "edges to look at" }}\' /tmp/{first}.plan /tmp/edges.tsv',
        "The number of lines does not depend on their order, so it proves nothing, and resolution.json is not "
        "written yet. Each edge has to be looked at.",
    )
