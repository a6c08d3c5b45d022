from __future__ import annotations

import re
import tomllib
from collections import Counter
from itertools import combinations
from pathlib import Path

import pytest

import termigen_gym.synthesis.taxonomy
from termigen_gym.checks.shape import CATEGORIES
from termigen_gym.synthesis.taxonomy import taxonomy

KNOWN = taxonomy()
# Figure 3 of the paper.
PAPER = {
    "Shell & System": 51,
    "Sysadmin": 39,
    "File & Directory": 38,
    "Programming": 33,
    "Debug & Binary": 30,
    "Text Processing": 28,
    "Build & Package": 28,
    "Scientific": 27,
    "Other": 26,
    "DevOps & Cloud": 20,
    "Security": 20,
    "Database": 17,
    "Network & Web": 17,
    "Data & ML": 16,
    "HPC & Runtime": 16,
    "Formal Methods": 14,
}


def test_the_categories_are_those_that_tasks_are_checked_against() -> None:
    assert [category.id for category in KNOWN.categories] == list(CATEGORIES)
    assert Counter(category.tier for category in KNOWN.categories) == {1: 3, 2: 3, 3: 5}
    assert KNOWN.category("data-processing").title == "Data Processing & ETL"


@pytest.mark.parametrize("category", KNOWN.categories, ids=lambda category: category.id)
def test_a_category_is_complete(category: termigen_gym.synthesis.taxonomy.Category) -> None:
    assert 1 <= len(re.findall(r"\.( |$)", category.goal)) <= 2
    assert 5 <= len(category.skills) <= 8
    assert 8 <= len(category.seeds) <= 12
    assert len(set(category.groups)) == len(category.groups) >= 4
    assert set(category.groups) <= set(PAPER)


def test_seeds_do_not_overlap() -> None:
    seeds = [set(re.findall(r"\w{4,}", seed.lower())) for category in KNOWN.categories for seed in category.seeds]
    assert all(len(words) >= 3 for words in seeds)
    assert max(len(one & other) for one, other in combinations(seeds, 2)) <= 2


def test_the_groups_are_the_papers_in_about_its_proportions() -> None:
    assert [group.name for group in KNOWN.groups] == list(PAPER)
    for group in KNOWN.groups:
        assert PAPER[group.name] <= len(group.tools) <= 1.25 * PAPER[group.name], group.name
        assert len(group.subjects) >= 0.6 * len(group.tools), group.name
        assert group.outside < set(group.packages), group.name
    assert sum(len(group.tools) for group in KNOWN.groups) >= 420


def test_a_tool_is_named_once() -> None:
    """The file itself is read, for a mapping would hide a second one."""
    path = Path(termigen_gym.synthesis.taxonomy.__file__).with_name("taxonomy.toml")
    rows = tomllib.loads(path.read_text())["group"]
    named = Counter(
        tool
        for row in rows
        for tools in (*row["packages"].values(), row.get("builtins", ()), row.get("upstream", ()))
        for tool in tools
    )
    assert [tool for tool, count in named.items() if count > 1] == []
    assert not set(KNOWN.aliases) & set(named)
    assert set(KNOWN.aliases.values()) <= set(named)


def test_every_group_can_be_what_a_task_is_about_in_several_categories() -> None:
    offered = Counter(group for category in KNOWN.categories for group in category.groups)
    assert set(offered) == set(PAPER)
    assert min(offered.values()) >= 2


@pytest.mark.parametrize(
    ("name", "group", "package"),
    [
        ("jq", "Text Processing", "jq"),
        ("python3.11", "Programming", "python3"),
        ("python", "Programming", "python3"),
        ("gcc-12", "Programming", "gcc"),
        ("lua5.4", "Programming", "lua5.4"),
        ("clingo", "Formal Methods", "gringo"),
        ("mkfs.ext4", "Sysadmin", "e2fsprogs"),
        ("7z", "File & Directory", "p7zip-full"),
        ("cd", "Shell & System", None),
        ("helm", "DevOps & Cloud", None),
        ("stockdesk", None, None),
        ("", None, None),
    ],
)
def test_look_ups(name: str, group: str | None, package: str | None) -> None:
    assert KNOWN.group_of(name) == group
    assert KNOWN.package_of(name) == package
