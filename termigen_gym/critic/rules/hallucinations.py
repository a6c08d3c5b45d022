"""Hallucinations: a tool, an option, a service or a document that is not there. Nothing runs, or it refuses."""

from __future__ import annotations

import numpy as np

from ...episode import Perturbation, Repair
from ..shell import only_looks, path_in, paths_in, tool_in, words
from .base import one_call, one_look, pick, stem_of

# Programs that refuse unknown long options before they do anything, and have none of those below.
REFUSING = words(
    "cat chmod cp cut df diff du grep head ls make md5sum mkdir mv nl od paste python3 rm sed sha256sum shuf sort stat "
    "tac tail tar touch tr uniq wc"
)
SHOWS = {
    "--json": "gives {about} as JSON, which is easy to go on with",
    "--as-table": "lays out {about} as a table that I can take in at a glance",
    "--explain": "says what to make of {about}",
}
DOES = {
    "--verify-result": "checks {about} by itself when it is done",
    "--explain": "says of {about} what it does and why",
    "--safe-mode": "leaves {about} as it was in case something goes wrong",
}


def imagined_option(command: str, rng: np.random.Generator) -> Perturbation | None:
    """A whole feature that the program never had."""
    call = one_call(command, rng)
    if call is None or call.program not in REFUSING:
        return None
    features = SHOWS if only_looks(call) else DOES
    option = pick(rng, sorted(features))
    what = features[option].format(about=path_in(call) or "all of it")
    thought = pick(rng, [f"{call.program} {option} {what}.", f"I call {call.program} with {option}: that {what}."])
    # An old-style bundle (tar xzf …) has to stay the first argument.
    argv = (*call.words, option) if call.program == "tar" else call.inserted(option).words
    return Perturbation(
        "hallucination",
        " ".join(argv),
        thought,
        "rule: imagined_option",
        Repair(
            f"{call.program} --help 2>&1 | grep -c -e {option}",
            f"Nowhere in its help has {call.program} an option {option}; I know that one from another tool.",
        ),
    )


_TOOLS = {
    "json": ("jsonlens", "jsonpeek"),
    "csv": ("csvlens-cli", "tabpeek"),
    "tsv": ("tabpeek", "tsvpeek"),
    "log": ("logsift", "logdigest"),
    "c": ("csourcemap", "cdepview"),
    "h": ("csourcemap", "cdepview"),
    "py": ("pystructure", "pysummary"),
    "xml": ("xmloutline", "xmlpeek"),
    "sql": ("sqloutline", "sqldigest"),
}
_ANY_TOOL = ("filedigest", "textsurvey", "treesurvey", "quickpeek")


def absent_tool(command: str, rng: np.random.Generator) -> Perturbation | None:
    """A tool that would suit the file, and does not exist."""
    call = one_look(command, rng)
    path = None if call is None else path_in(call)
    if call is None or path is None:
        return None
    tool = pick(rng, _TOOLS.get(path.rsplit(".", 1)[-1], _ANY_TOOL))
    thought = pick(
        rng,
        [
            f"{tool} shows {path} better than {call.program} does.",
            f"For {path} there is {tool}, which gives the gist without the noise.",
            f"I read {path} with {tool}; it knows this kind of file.",
        ],
    )
    return Perturbation(
        "hallucination",
        f"{tool} {path}",
        thought,
        "rule: absent_tool",
        Repair(
            f"type {tool}",
            f"There is no {tool} on this system, and I cannot say where I have the name from; for {path} I use what is "
            "installed.",
        ),
    )


_FOREIGN = (
    ("read_file {path}", "read_file shows {path} with line numbers."),
    ("view_file {path} --lines 1-40", "I open {path} at its top with view_file."),
    ("open_in_editor {path}", "I open {path} in the editor to see the whole of it."),
    ("str_replace_editor view {path}", "str_replace_editor has a view command, which is handy for {path}."),
    ("list_files --depth 2 .", "list_files gives me the tree, two levels deep."),
    ("search_dir TODO .", "search_dir finds what is still open in this folder."),
    ("find_symbol main", "find_symbol says where main is defined."),
    ("show_plan --remaining", "show_plan tells which of my steps are left."),
    ("summarize_dir .", "summarize_dir gives an overview of what is here."),
)


def foreign_tool(command: str, rng: np.random.Generator) -> Perturbation | None:
    """For any action: a command that other agents' tool kits have, and a shell has not."""
    named = paths_in(command)
    fitting = [item for item in _FOREIGN if named or "{path}" not in item[0]]
    action, thought = pick(rng, fitting)
    path = pick(rng, named) if named else "."
    tool = action.split()[0]
    return Perturbation(
        "hallucination",
        action.format(path=path),
        thought.format(path=path),
        "rule: foreign_tool",
        Repair(
            f"type {tool}", f"{tool} is no command of this shell. I only have the programs that are installed here."
        ),
    )


def absent_service(command: str, rng: np.random.Generator) -> Perturbation | None:
    """For any action: the state of a service that nobody installed."""
    about = tool_in(command) or next(iter(paths_in(command)), "this folder")
    service = pick(rng, ("build-cache", "job-queue", "file-indexer", "log-collector", "metadata-sync", "tree-watcher"))
    thought = pick(
        rng,
        [
            f"All that concerns {about} goes through {service}, so I look first whether that service is up.",
            f"{service} keeps {about} up to date; before I go on I ask for its state.",
        ],
    )
    return Perturbation(
        "hallucination",
        f"systemctl status {service} --no-pager",
        thought,
        "rule: absent_service",
        Repair(
            f"ls -l /etc/init.d/{service} /lib/systemd/system/{service}.service",
            f"There is no {service} here, neither a unit nor an init script. Nothing stands between me and {about}.",
        ),
    )


def absent_document(command: str, rng: np.random.Generator) -> Perturbation | None:
    """For any action: a document that nobody wrote."""
    tool, named = tool_in(command), paths_in(command)
    title = pick(rng, ("field-guide", "design-notes", "cheat-sheet"))
    places = [f"docs/{stem_of(path)}-{title}.md" for path in named] or [f"docs/project-{title}.md"]
    if tool is not None:
        places.append(f"/usr/share/doc/{tool}/{title}.txt")
    document = pick(rng, places)
    about = tool if tool is not None and tool in document else pick(rng, named) if named else "this project"
    thought = pick(
        rng,
        [
            f"How {about} is meant to be used stands in {document}; I read that first.",
            f"{document} answers what I still have to know of {about}.",
        ],
    )
    return Perturbation(
        "hallucination",
        f"cat {document}",
        thought,
        "rule: absent_document",
        Repair(
            f"ls -d {document}", f"There is no {document}, and nothing said that there was. I go by what I can see."
        ),
    )


SPECIFIC = (imagined_option, absent_tool)
FOR_ANY = (foreign_tool, absent_service, absent_document)
