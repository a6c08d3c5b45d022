"""Reads a logrotate fragment and writes it anew, so that root's logrotate runs no command of the agent's.

Only what is known to be data is taken over; scripts are handed out, to be run with fewer rights.
"""

import re
import shlex

_SCRIPTS = ("prerotate", "postrotate", "firstaction", "lastaction", "preremove")
_DIRECTIVES = set(
    """compress nocompress delaycompress nodelaycompress copy nocopy copytruncate nocopytruncate renamecopy norenamecopy
    create nocreate hourly daily weekly monthly yearly size minsize maxsize minage maxage rotate start su dateext
    nodateext dateformat dateyesterday datehourago extension addextension ifempty notifempty missingok nomissingok
    ignoreduplicates sharedscripts nosharedscripts compressext compresscmd uncompresscmd compressoptions tabooext
    taboopat noolddir nomail mailfirst maillast noshred allowhardlink""".split()
)
_VALUE = re.compile(r"[\w.%+ -]*")
_COMMANDS = {"compresscmd": ("gzip", "/bin/gzip", "/usr/bin/gzip"), "uncompresscmd": ("gunzip", "/bin/gunzip", "/usr/bin/gunzip", "zcat", "/bin/zcat")}


def rewrite(text, folder, call):
    """Returns the fragment anew. Only logs below `folder` may be named; each script's body becomes `call(body)`.

    An AssertionError says what is not understood.
    """
    out, lines, inside = [], [line.strip() for line in text.splitlines()], False
    lines = [line for line in lines if line]
    while lines:
        line = lines.pop(0)
        word = re.split(r"[\s=]", line, maxsplit=1)[0]
        if line.startswith("#"):
            continue
        if not inside and line[0] in "/\"'{":
            while "{" not in line:
                assert lines, "a list of logs without {"
                line += " " + lines.pop(0)
            names, _, rest = line.partition("{")
            out.append(" ".join(_log(name, folder) for name in shlex.split(names)) + " {")
            inside, lines = True, [rest.strip(), *lines] if rest.strip() else lines
        elif inside and line == "}":
            out.append("}")
            inside = False
        elif inside and word in _SCRIPTS:
            assert "endscript" in lines, f"{word} without endscript"
            end = lines.index("endscript")
            out += [word, call("\n".join(lines[:end]) + "\n"), "endscript"]
            del lines[: end + 1]
        else:
            value = line[len(word) :].strip(" \t=")
            assert word in _DIRECTIVES, f"the tests do not know the directive {word!r}"
            assert _VALUE.fullmatch(value) or value in _COMMANDS.get(word, ()), f"the tests do not know {line!r}"
            assert word not in _COMMANDS or value in _COMMANDS[word], f"the tests do not run {line!r}"
            out.append(f"{word} {value}".strip())
    assert not inside, "} is missing"
    return "\n".join(out) + "\n"


def _log(name, folder):
    assert re.fullmatch(re.escape(str(folder)) + r"(/(?!\.\.)[\w.*?\[\]!-]+)+", name), f"{name!r} is not below {folder}"
    return name
