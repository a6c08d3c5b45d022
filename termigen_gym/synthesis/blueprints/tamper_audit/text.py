"""What is asked for in a task of `tamper_audit`, and the request's text."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..drawing import fill, listed
from ..kit import bullets, numbered, pick
from .case import Case

_ALGORITHMS = {"sha256": "SHA-256", "sha1": "SHA-1", "md5": "MD5"}


@dataclass(frozen=True)
class Wanted:
    """What is asked for.

    Attributes:
        folder: of the reports. target: where the right files are to lie; it may be the archive itself.
        aside: where what can't stay is moved, "" where nothing is moved.
        table: path of the findings. form: csv, tsv or jsonl. columns: beyond path, status and source.
        all_paths: whether intact paths have a row. renewed: path of the new manifest, "" for none.
    """

    folder: str
    target: str
    aside: str
    table: str
    form: str
    columns: tuple[str, ...]
    all_paths: bool
    renewed: str

    @property
    def header(self) -> list[str]:
        """The columns of the findings."""
        return ["path", "status", "source", *self.columns]


def instruction(rng: np.random.Generator, case: Case, wanted: Wanted) -> str:
    """Return the text of the request."""
    trove, names = case.trove, case.fields
    ok, altered, swapped, missing, added = case.statuses
    gap, link, seal = case.reasons
    written = {
        "jsonl": "a JSON object a line, its keys in this order",
        "pipe": "fields parted by a blank, a bar and a blank, no header",
        "csv": "comma-separated, no header and no quotes",
    }[case.journal_format]
    key = ""
    if case.keyed:
        which = "the key" if case.keyed == "one" else "the signer's key"
        file = (
            f"/app/keys/{trove.journal}.key" if case.keyed == "one" else f"/app/keys/NAME.key, NAME as in `{names[2]}`"
        )
        form = "the bytes that its hexadecimal text denotes" if case.hex_keys else "its text without the final newline"
        key = f"the HMAC-SHA256, under {which} ({file}; a key is {form}),"
    message = (
        f"`{names[7]}` is {key or 'the SHA-256'} of the seven values before it as text, joined by `{case.separator}`"
    )
    chained = f"`{names[6]}` repeats `{names[7]}` of the line before"
    if case.chained_by == "line":
        chained = f"`{names[6]}` is the SHA-256 of the line before without its newline"
    stores = list(case.copies)
    packed = f" (those of `{case.packed}` are gzip files with `.gz` added to the name)" if case.packed else ""
    intro = pick(
        rng,
        (
            f"{trove.story} Please work out what can be trusted and put it right.",
            f"{trove.story} Could you go through it and leave me a clean state with a report?",
            f"{trove.story} I need an answer that I can defend line by line, so please keep to the rules below.",
        ),
    )
    return fill(
        _INSTRUCTION,
        intro=intro,
        root=trove.root,
        journal=case.journal_path,
        written=written,
        fields=listed(names),
        first=names[0],
        acts=f"`{trove.acts[0]}` takes a file in, `{trove.acts[1]}` replaces it by a new version, `{trove.acts[2]}` "
        f"takes it out for good (`{names[5]}` is `-` then)",
        digests=f"`{names[5]}` is the {_ALGORITHMS[case.algorithm]} of the file's content, `{names[4]}` its path below "
        f"`/app/{trove.root}`",
        chained=chained,
        message=message,
        rules=numbered(
            (
                f"`{names[0]}` is the number of the line, counted from 1, or the reason is `{gap}`;",
                f"`{names[6]}` is right (64 zeros in the first line), or the reason is `{link}`;",
                f"`{names[7]}` is right, or the reason is `{seal}`.",
            )
        ),
        manifest=case.manifest_path,
        stores=" and ".join(f"`/app/copies/{store}`" for store in stores[:2])
        + (f" and `/app/copies/{stores[2]}`" if len(stores) > 2 else ""),
        packed=packed,
        statuses=bullets(
            (
                f"`{ok}`: it is approved, there, and has the approved content;",
                f"`{swapped}`: it does not, but it holds the approved content of another path which in turn holds "
                "this one's;",
                f"`{altered}`: it is approved and there, with any other content;",
                f"`{missing}`: it is approved and not there;",
                f"`{added}`: it is there and not approved.",
            )
        ),
        sources=_sources(case, wanted),
        restored=_restored(case, wanted),
        reports=_reports(case, wanted),
    )


_INSTRUCTION = """\
@intro@

What there is:

- `/app/@root@`: the files as they are now;
- `@journal@`: the signed journal, oldest line first, @written@: @fields@. @acts@; @digests@;
- `@manifest@`: the manifest, which may have been re-written by whoever changed the files, so it proves nothing;
- @stores@: copies of files under the same relative paths@packed@, some of them old or damaged.

In the journal, hashes are in lower-case hexadecimal; @message@; @chained@. \
Go through it from the top and check of each line, in this order:

@rules@

The first line that fails any of these breaks the journal: it and everything below it count for nothing. Of the lines \
above, the last one about a path says what is approved: the content with its digest, or nothing at all after it was \
taken out or where no such line names the path.

Every path that is approved or lies in `/app/@root@` has one status:

@statuses@

@sources@

@restored@

@reports@
"""


def _sources(case: Case, wanted: Wanted) -> str:
    _, altered, swapped, missing, _ = case.statuses
    return (
        f"The right content of {listed((altered, missing), 'or')} paths comes from the first of "
        f"{', '.join(f'`{store}`' for store in case.copies)}, in this order, that holds it under that path; the name "
        f"of that store is the path's source, or `none` if there is none. For `{swapped}` paths the content lies in "
        "the archive itself and the source is `tree`. For all others the source is `-`."
    )


def _restored(case: Case, wanted: Wanted) -> str:
    keep = "Leave the journal, the manifest, the copies"
    if wanted.aside:
        return (
            f"Repair `{wanted.target}` in place: afterwards it holds exactly the approved files whose right content "
            "was found, byte for byte. Files that are not approved, and files whose right content is not to be "
            f"found, go to `{wanted.aside}` as they are, under the same relative paths. "
            f"{keep}{' and the keys' * bool(case.keyed)} as they are."
        )
    return (
        f"Put every approved file whose right content was found into `{wanted.target}`, byte for byte and under its "
        f"relative path, and nothing else. {keep}{', the keys' * bool(case.keyed)} and `/app/{case.trove.root}` as "
        "they are."
    )


def _reports(case: Case, wanted: Wanted) -> str:
    which = "each path that has a status" if wanted.all_paths else f"each path whose status is not `{case.statuses[0]}`"
    form = {
        "csv": f"comma-separated, with the header {listed(wanted.header)}, no quotes",
        "tsv": f"tab-separated, with the header {listed(wanted.header)}",
        "jsonl": f"a JSON object a line with the keys {listed(wanted.header)}, all values strings",
    }[wanted.form]
    meaning = {
        "signer": f"`signer` is `{case.fields[2]}` of the line that approved the path's content (`-` if it is not "
        f"approved)",
        "since": f"`since` is `{case.fields[1]}` of the line that approved the path's content (`-` if it is not "
        f"approved)",
        "bytes": f"`bytes` is the size of the file as you found it in `/app/{case.trove.root}` (`-` if it was not "
        f"there)",
    }
    told = "".join(f" {meaning[name]}." for name in wanted.columns)
    reports = [
        f"`{wanted.table}`: one row for {which}, {form}, sorted by path in byte order.{told}",
        f"`{wanted.folder}/verdict.json`: an object with exactly these keys: `entries` (lines of the journal), "
        "`trusted` (how many count), `broken_line` (number of the line that breaks it, from 1), `reason`, `counts` "
        "(an object from each of the five statuses to the number of its paths, 0 included), `manifest` (the paths "
        "whose manifest entry is missing, wrong or not approved, sorted in byte order).",
    ]
    if wanted.renewed:
        reports.append(
            f"`{wanted.renewed}`: a new manifest of all approved paths with their approved digests, in the format of "
            "the old one, sorted by path in byte order."
        )
    return "The reports:\n\n" + bullets(reports)
