"""What goes wrong in a `score_table` task."""

from __future__ import annotations

from ..kit import Slip
from .case import Case


def no_library() -> Slip:
    """Libraries that are not there."""
    return Slip(
        "hallucination",
        "pandas and scikit-learn do all of this in a few lines, so I read the tables with them.",
        "python3 -c 'import pandas, sklearn.metrics; print(pandas.__version__)'",
        'python3 -c \'import importlib.util as u; print([n for n in ("pandas", "sklearn", "numpy") if '
        "u.find_spec(n)])'",
        "None of these libraries is installed and there is no network. awk, sqlite3, jq and plain Python have to do.",
    )


def unsorted_join() -> Slip:
    """A join of tables that are not there yet."""
    return Slip(
        "command_error",
        "The labels and the splits go together with join.",
        "join -t $'\\t' --check-order /tmp/labels.tsv /tmp/splits.tsv > /tmp/joined.tsv",
        "ls -l /tmp/labels.tsv /tmp/joined.tsv; ls /app/data",
        "join stopped: the tables do not exist as tab-separated files yet, and it wants both of them sorted by id "
        "anyway, which these are not. I write the rows first and join by key.",
        ["rm -f /tmp/joined.tsv"],
    )


def leaks_by_id(case: Case, out: str, join: str) -> Slip:
    """Leakage looked for by id."""
    return Slip(
        "analysis_error",
        "Leakage means that the same item is in two splits, so I compare ids.",
        join.replace("seen[$3]; next", "seen[$1]; next").replace("$3 in seen", "$1 in seen"),
        f"wc -l {out}/leaked.txt; awk -F'\\t' '{{ print $3 \"\\t\" $2 }}' /tmp/items.tsv | sort -u | cut -f1 | uniq "
        f"-d | wc -l",
        f"No id is in two splits, so the list is empty, but there are {case.bench.group}s with items in several. The "
        f"rule goes by {case.bench.group}.",
        [f"rm -rf {out} /tmp/items.tsv /tmp/items.db"],
    )


def keeps_leaked(case: Case, out: str, parts: str) -> Slip:
    """Leaked items evaluated."""
    return Slip(
        "requirement_violation",
        "The leaked items are listed now; the test set itself I keep whole, it is small enough as it is.",
        parts.replace(" || $1 in left", ""),
        f"cut -f1 /tmp/set-{case.splits[2]}.tsv | LC_ALL=C sort | LC_ALL=C comm -12 - {out}/leaked.txt | wc -l",
        "That many leaked items are still among those to be evaluated, and the request says that they are left out.",
        ["rm -f /tmp/set-*.tsv /tmp/counts.tsv"],
    )


def tuned_on_test(case: Case, called: str) -> Slip:
    """A threshold chosen where it is judged."""
    valid, test = case.splits[1:]
    return Slip(
        "analysis_error",
        "What counts is the result on the test items, so I look for the threshold that is best there.",
        called.replace(f"/tmp/set-{valid}.tsv", f"/tmp/set-{test}.tsv"),
        f"cat /tmp/threshold; wc -l /tmp/set-{valid}.tsv /tmp/set-{test}.tsv",
        f"This threshold has seen the answers that it is judged by. It must be chosen on {valid}, which I have not "
        "used at all.",
        ["rm -f /tmp/threshold /tmp/called.tsv"],
    )


def last_of_equals(called: str) -> Slip:
    """The wrong one of equal scores."""
    return Slip(
        "analysis_error",
        "Equal scores are rare, so whichever class comes up last may win them.",
        called.replace("!first || $(n + 5) > $(first + 5)", "!first || $(n + 5) >= $(first + 5)").replace(
            "(-pair[1], pair[0])", "(-pair[1], [-ord(one) for one in pair[0]])"
        ),
        "awk -F'\\t' '{ top = $6; n = 1; for (c = 7; c <= NF; c++) if ($c > top) { top = $c; n = 1 } else if ($c == "
        "top) n++; equal += n > 1 } END { print equal + 0, NR }' /tmp/set-*.tsv",
        "So many items have two classes with the same highest score; for them the class that comes first in byte "
        "order is asked for, and I had it the other way round.",
        ["rm -f /tmp/called.tsv"],
    )


def percentages(out: str, metrics: str) -> Slip:
    """Shares as percentages."""
    return Slip(
        "requirement_violation",
        "People read percentages more easily, so I give all shares as such.",
        f"{metrics}\njq 'map_values(if type == \"number\" and . > 0 and . < 1 then . * 100 else . end)' "
        f"{out}/metrics.json > /tmp/percent.json && cp /tmp/percent.json {out}/metrics.json",
        f"jq -c . {out}/metrics.json",
        "Shares between 0 and 1 were asked for, rounded to a stated number of decimals. A program that reads these "
        "values would take them for nonsense.",
        [f"rm -f {out}/metrics.json"],
    )


def parses(out: str) -> Slip:
    """Sizes looked at instead of contents."""
    return Slip(
        "verification_failure",
        "The files of the other tables are there and not empty, so I call it done.",
        f"wc -c {out}/*",
        f"ls {out}; test -e {out}/metrics.json || echo 'no metrics.json'",
        "A size says nothing about what is in a file, and the metrics, the heart of it, are not written yet.",
    )
