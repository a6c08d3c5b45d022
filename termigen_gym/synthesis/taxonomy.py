"""What tasks can be about: the categories and tools of taxonomy.toml, after TermiGen (arXiv 2602.07274)."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from importlib.resources import files as package_files

_VERSION = re.compile(r"-?\d+(\.\d+)*")


@dataclass(frozen=True)
class Category:
    """One of the eleven.

    Attributes:
        id: what ``[metadata] category`` says. tier: 1 to 3, the paper's.
        title: the paper's. goal: one or two sentences. skills: what its tasks ask for.
        seeds: short phrases that a task can be made from. groups: whose tools a task of it can be about.
    """

    id: str
    tier: int
    title: str
    goal: str
    skills: tuple[str, ...]
    seeds: tuple[str, ...]
    groups: tuple[str, ...]


@dataclass(frozen=True)
class ToolGroup:
    """One of the sixteen.

    Attributes:
        name: the paper's. packages: tool to the Debian package that brings it.
        builtins: what the shell itself is. upstream: what no package of Debian's brings.
        outside: those of `packages` that do little in a sandbox.
    """

    name: str
    packages: Mapping[str, str]
    builtins: frozenset[str] = frozenset()
    upstream: frozenset[str] = frozenset()
    outside: frozenset[str] = frozenset()

    @property
    def tools(self) -> tuple[str, ...]:
        """All of them, sorted."""
        return tuple(sorted({*self.packages, *self.builtins, *self.upstream}))

    @property
    def subjects(self) -> tuple[str, ...]:
        """Those that a task can be about: a package brings them, and they do their work in a sandbox; sorted."""
        return tuple(sorted({*self.packages} - self.outside))


@dataclass(frozen=True)
class Taxonomy:
    """The whole of it; `aliases` are other names of tools."""

    categories: tuple[Category, ...]
    groups: tuple[ToolGroup, ...]
    aliases: Mapping[str, str]

    @cached_property
    def tools(self) -> Mapping[str, ToolGroup]:
        """Every tool's group."""
        return {tool: group for group in self.groups for tool in group.tools}

    def category(self, id: str) -> Category:
        """Return a category.

        Raises:
            KeyError: there is none of that id.
        """
        return {category.id: category for category in self.categories}[id]

    def group(self, name: str) -> ToolGroup:
        """Return a group.

        Raises:
            KeyError: there is none of that name.
        """
        return {group.name: group for group in self.groups}[name]

    def tool(self, name: str) -> str | None:
        """Return the tool that a command's name stands for (``python3.11``: python3), or None where it is not known."""
        for known in (name, _VERSION.sub("", name)):
            known = self.aliases.get(known, known)
            if known in self.tools:
                return known
        return None

    def group_of(self, tool: str) -> str | None:
        """Return the name of a tool's group, or None where it is not known."""
        known = self.tool(tool)
        return None if known is None else self.tools[known].name

    def package_of(self, tool: str) -> str | None:
        """Return the Debian package that brings a tool, or None for a builtin, one without package and an unknown."""
        known = self.tool(tool)
        return None if known is None else self.tools[known].packages.get(known)


@cache
def taxonomy() -> Taxonomy:
    """Return the taxonomy, read once."""
    data = tomllib.loads((package_files(__package__) / "taxonomy.toml").read_text(encoding="utf-8"))
    categories = tuple(
        Category(
            id=row["id"],
            tier=row["tier"],
            title=row["title"],
            goal=row["goal"],
            skills=tuple(row["skills"]),
            seeds=tuple(row["seeds"]),
            groups=tuple(row["groups"]),
        )
        for row in data["category"]
    )
    groups = tuple(
        ToolGroup(
            name=row["name"],
            packages={tool: package for package, tools in row["packages"].items() for tool in tools},
            builtins=frozenset(row.get("builtins", ())),
            upstream=frozenset(row.get("upstream", ())),
            outside=frozenset(row.get("outside", ())),
        )
        for row in data["group"]
    )
    return Taxonomy(categories, groups, data["aliases"])
