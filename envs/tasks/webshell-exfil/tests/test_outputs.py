"""Compares the findings with the truth of gen.py, the seeded generator that made the evidence."""
import hashlib
import importlib.util
import json
from datetime import datetime, timezone
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
RECOVERED = Path("/app/recovered")

spec = importlib.util.spec_from_file_location("gen", HERE / "gen.py")
gen = importlib.util.module_from_spec(spec)
spec.loader.exec_module(gen)
TRUTH = gen.truth()


@pytest.fixture(scope="module")
def report():
    with open("/app/report.json", encoding="utf-8") as f:
        found = json.load(f)
    assert isinstance(found, dict)
    return found


def sha(data):
    return hashlib.sha256(data).hexdigest()


def test_attacker_is_the_last_forwarded_address(report):
    """attacker_ip: the address that the proxy appended, not the one that the intruder claims, nor the scanner's."""
    assert report["attacker_ip"].strip() == TRUTH["attacker_ip"]


def test_webshell_and_its_upload(report):
    """webshell and uploaded_utc: the shell that was used, and the moment of its upload in UTC."""
    assert report["webshell"].strip() == TRUTH["webshell"]
    text = report["uploaded_utc"].strip()
    found = datetime.fromisoformat(text)
    assert found.tzinfo is not None, f"no time zone in {text!r}"
    want = datetime.fromisoformat(TRUTH["uploaded_utc"])
    assert found.astimezone(timezone.utc) == want


def test_commands_in_order(report):
    """commands: each command as executed, in order."""
    assert [c.rstrip("\n") for c in report["commands"]] == TRUTH["commands"]


def test_dropper_is_recovered(report):
    """recovered/dropper.sh byte for byte, and dropper_sha256."""
    assert (RECOVERED / "dropper.sh").read_bytes() == TRUTH["dropper"]
    assert report["dropper_sha256"].strip().lower() == sha(TRUTH["dropper"])


def test_c2(report):
    """c2: where the stolen data went."""
    assert report["c2"].strip() == TRUTH["c2"]


def test_stolen_files_are_recovered():
    """recovered/stolen/ holds the files of the transfer, byte for byte, and nothing else."""
    base = RECOVERED / "stolen"
    found = {str(p.relative_to(base)): p.read_bytes() for p in base.rglob("*") if p.is_file()}
    assert sorted(found) == sorted(TRUTH["stolen"])
    for name, data in TRUTH["stolen"].items():
        assert found[name] == data, name


def test_stolen_hashes(report):
    """stolen: the relative path and SHA-256 of each file."""
    assert {k.removeprefix("./"): v.strip().lower() for k, v in report["stolen"].items()} == {k: sha(v) for k, v in TRUTH["stolen"].items()}


def test_members_exposed(report):
    """members_exposed: different addresses, without regard to letter case."""
    assert type(report["members_exposed"]) is int and report["members_exposed"] == TRUTH["members_exposed"]


def test_evidence_is_left_as_it_was(tmp_path):
    """/evidence holds the same bytes as a fresh build of it."""
    gen.build(tmp_path)
    for p in sorted(tmp_path.rglob("*")):
        if p.is_file():
            name = p.relative_to(tmp_path)
            assert sha((Path("/evidence") / name).read_bytes()) == sha(p.read_bytes()), name
