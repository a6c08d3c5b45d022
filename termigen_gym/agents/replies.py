"""Reading a model's reply: models of one family write their calls in half a dozen ways, whatever they are asked for.

Seen with Qwen2.5-Coder and Qwen3-Coder: ``<tool_call>`` as asked, ``<tools>``, ```` ```json ```` fences, bare JSON,
``<function=bash><parameter=command>`` with or without its ``<tool_call>``, ```` ```bash ```` fences. The more explicit
form wins; where its content is broken that is a failure, since a guess at what was meant would run a command that
nobody wrote.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ..text import clip
from .base import Move

_TOOL_NAMES = frozenset({"bash", "shell", "sh", "terminal"})
_THINKING = re.compile(r"\A\s*(?:<think>)?(?P<thought>.*?)</think>", re.DOTALL)
_FUNCTION = re.compile(r"<function=(?P<name>[^>\s]+)\s*>(?P<body>.*?)(?:</function>|</tool_call>|\Z)", re.DOTALL)
_PARAMETER = re.compile(r"\s*<parameter=(?P<name>[^>\s]+)\s*>(?P<value>.*?)(?:</parameter>|\Z)", re.DOTALL)
_TAG = re.compile(r"<tool_call>\s*|(?=<function=)")
_TOOLS_TAG = re.compile(r"<tools>\s*")
_JSON_FENCE = re.compile(r"```json\s*\n\s*")
_SHELL_FENCE = re.compile(r"```(?:bash|sh|shell|console)[ \t]*\n(?P<body>.*?)(?:```|\Z)", re.DOTALL)
_OPENING_BRACKET = re.compile(r"[\[{]")
_BROKEN_JSON = re.compile(r"(?:```json\s*\n\s*)?(?P<json>\{\s*\"name\"\s*:)")
_KEY = re.compile(r"(?:c-|ctrl[-+]|\^)([a-z\\])", re.IGNORECASE)
_CONTROL_NAMES = {chr(ord(key) & 0x1F): f"C-{key}" for key in "abcdefghklmnopqrstuvwxyz\\"}  # not tab, not newline
_SURROGATE = re.compile(r"[\ud800-\udfff]")
_NOT_UNDERSTOOD = "Reply not understood"
_REPLY_LIMIT = 2000
_CUT = "\x00"
"""Where a reply was cut off: no command may hold it."""


@dataclass(frozen=True)
class ParseFailure:
    """A reply without a command that can be run.

    Attributes:
        reason: what is wrong with it, in words that help the model.
        text: the reply.
    """

    reason: str
    text: str

    @property
    def feedback(self) -> str:
        """A text to show the model, so that it can answer again."""
        return (
            f"Your reply was not understood: {self.reason}. Reply with a short thought and one command:\n"
            '<tool_call>\n{"name": "bash", "arguments": {"command": "..."}}\n</tool_call>'
        )

    def as_move(self, state: str) -> Move:
        """Return the reply as a turn that changes nothing, for the terminal's `state`, with the reply in its thought.

        At a prompt it runs ``true``; while a program runs it types nothing, which waits.
        """
        thought = f"{_NOT_UNDERSTOOD} ({self.reason}): {clip(self.text.strip(), _REPLY_LIMIT).text}"
        return Move(action="" if state == "running" else "true", thought=thought)


def is_not_understood(thought: str) -> bool:
    """Return whether a turn's thought is that of `ParseFailure.as_move`: a turn that nobody should learn from."""
    return thought.startswith(_NOT_UNDERSTOOD)


def key_name(action: str) -> str:
    """Return the name of a control character (C-c for the interrupt), any other action as it is."""
    return _CONTROL_NAMES.get(action, action)


def key_press(command: str) -> str:
    """Return the control character that a key's name stands for (C-c, ctrl-c, ^C), else the command as it is."""
    key = _KEY.fullmatch(command.strip())
    return chr(ord(key[1].lower()) & 0x1F) if key else command


class _Malformed(Exception):
    """A call that cannot be run; its text says why."""


def parse_reply(reply: str | Mapping[str, Any], *, cut: bool = False) -> Move | ParseFailure:
    """Return the first command of a reply with the thought that precedes it, or what is wrong with the reply.

    Names of keys (C-c) become the characters they stand for.

    Args:
        reply: the model's text, or an OpenAI message with ``content`` and, where the endpoint parsed them itself,
            ``tool_calls``.
        cut: the reply was ended by a limit of its length. Then a command that reaches to its end is a failure, since
            what was meant may be longer.
    """
    if isinstance(reply, str):
        text, calls = reply, None
    else:
        text, calls = reply.get("content") or "", reply.get("tool_calls")
    if cut and not calls:
        found = parse_reply(text + _CUT)
        if isinstance(found, Move):
            return found
        return ParseFailure("it was cut off before the end of its command, so be brief", text)
    whole = text if not calls else f"{text}\n{json.dumps(calls, ensure_ascii=False)}".lstrip()
    thinking, said = _split_thinking(text)
    try:
        command, at = (_command_of(calls), len(said)) if calls else _first_command(said)
    except _Malformed as error:
        return ParseFailure(str(error), whole)
    return Move(key_press(command), said[:at].strip() or thinking.strip())


def _split_thinking(text: str) -> tuple[str, str]:
    """What stands before ``</think>``, also where the prompt had opened it already, and the rest."""
    match = _THINKING.match(text)
    return (match["thought"], text[match.end() :]) if match else ("", text)


def _first_command(text: str) -> tuple[str, int]:
    """The command, and where its call begins in `text`."""
    if text.lstrip().startswith("<think>"):
        raise _Malformed("it ends before </think>")
    for find in _FORMS:
        found = find(text)
        if found is not None:
            return found
    raise _Malformed("it has no tool call")


def _tag(text: str) -> tuple[str, int] | None:
    match = _TAG.search(text)
    return (_call_of(text[match.end() :]), match.start()) if match else None


def _tools_tag(text: str) -> tuple[str, int] | None:
    match = _TOOLS_TAG.search(text)
    return (_call_of(text[match.end() :]), match.start()) if match else None


def _json_fence(text: str) -> tuple[str, int] | None:
    for fence in _JSON_FENCE.finditer(text):
        value = _decode(text[fence.end() :])
        if _looks_like_call(value):
            return _command_of(value), fence.start()
    return None


def _bare_json(text: str) -> tuple[str, int] | None:
    for bracket in _OPENING_BRACKET.finditer(text):
        value = _decode(text[bracket.start() :])
        if _looks_like_call(value):
            return _command_of(value), bracket.start()
    return None


def _shell_fence(text: str) -> tuple[str, int] | None:
    match = _SHELL_FENCE.search(text)
    if match is None:
        return None
    body = match["body"].strip("\n")
    if not body.strip():
        raise _Malformed("the code block is empty")
    return _checked(body[2:] if body.startswith("$ ") and "\n" not in body else body), match.start()


def _broken_json(text: str) -> tuple[str, int] | None:
    match = _BROKEN_JSON.search(text)
    return (_json_call(text[match.start("json") :]), match.start()) if match else None


_FORMS: tuple[Callable[[str], tuple[str, int] | None], ...] = (
    _tag,
    _tools_tag,
    _json_fence,
    _bare_json,
    _shell_fence,
    _broken_json,
)


def _call_of(body: str) -> str:
    """The command of what follows an opening tag, or begins with ``<function=``."""
    if body.startswith("```"):
        body = body.partition("\n")[2].lstrip()
    return _function_call(body) if body.startswith("<function=") else _json_call(body)


def _function_call(body: str) -> str:
    function = _FUNCTION.match(body)
    if function is None:
        raise _Malformed("<function= is not closed")
    _check_name(function["name"])
    parameter = _PARAMETER.match(function["body"])
    if parameter is None and function["body"].strip():
        return _checked(function["body"].strip("\n"))
    if parameter is None or parameter["name"] not in ("command", "cmd"):
        raise _Malformed("<function=bash> has no <parameter=command>")
    return _checked(parameter["value"].strip("\n"))


def _json_call(body: str) -> str:
    if not body.strip():
        raise _Malformed("the tool call is empty")
    try:
        return _command_of(json.JSONDecoder(strict=False).raw_decode(body)[0])
    except (json.JSONDecodeError, RecursionError) as error:
        raise _Malformed(f"the tool call is not valid JSON: {error}") from None


def _decode(text: str) -> Any:
    """The JSON value that `text` begins with, or None. Raw newlines in strings are let through: models write them."""
    try:
        return json.JSONDecoder(strict=False).raw_decode(text)[0]
    except (json.JSONDecodeError, RecursionError):
        return None


def _looks_like_call(value: Any) -> bool:
    if isinstance(value, list):
        return bool(value) and _looks_like_call(value[0])
    if not isinstance(value, dict):
        return False
    return ("name" in value and not {"arguments", "parameters"}.isdisjoint(value)) or set(value) == {"command"}


def _command_of(call: Any) -> str:
    """The command of a decoded call: ours, OpenAI's, or the first of a list of them."""
    if isinstance(call, list) and call:
        call = call[0]
    if isinstance(call, dict) and isinstance(call.get("function"), dict):
        call = call["function"]
    if not isinstance(call, dict):
        raise _Malformed(f"the tool call must be an object with name and arguments, found {_shown(call)}")
    if set(call) != {"command"}:
        _check_name(call.get("name"))
    arguments = call.get("arguments", call.get("parameters", call))
    if isinstance(arguments, str):  # OpenAI's form: the object as a JSON string
        arguments = _decode(arguments.lstrip())
    if not isinstance(arguments, dict):
        raise _Malformed("the arguments are not a JSON object")
    command = arguments.get("command", arguments.get("cmd"))
    if not isinstance(command, str):
        raise _Malformed(f"the arguments must hold a command, a string; found {_shown(command)}")
    return _checked(command.removesuffix("\n"))


def _check_name(name: Any) -> None:
    if name not in _TOOL_NAMES:
        raise _Malformed(f"the only tool is bash, found {_shown(name)}")


def _checked(command: str) -> str:
    if "\x00" in command or _SURROGATE.search(command):
        raise _Malformed("the command has a NUL character or half of a surrogate pair")
    return command


def _shown(value: Any) -> str:
    return clip(json.dumps(value, ensure_ascii=False), 200).text
