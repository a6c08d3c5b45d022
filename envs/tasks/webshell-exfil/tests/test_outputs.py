"""Compares the findings with the truth of gen.py, the seeded generator that made the evidence."""
import hashlib
import importlib.util
import json
from datetime import datetime, timezone
from pathlib import Path

from artifacts import read
from run import once

HERE = Path(__file__).resolve().parent
RECOVERED = Path("/app/recovered")
SUMS = Path("/var/lib/evidence.sha256")  # of the image, where the evidence was made; no artifact, so the image's own

spec = importlib.util.spec_from_file_location("gen", HERE / "gen.py")
gen = importlib.util.module_from_spec(spec)
spec.loader.exec_module(gen)
TRUTH = gen.truth()


@once
def report():
    found = json.loads(read("/app/report.json").decode("utf-8-sig"))
    assert isinstance(found, dict)
    return found


def sha(data):
    return hashlib.sha256(data).hexdigest()


def files(top):
    """Returns {relative path: content} of everything below `top` that is no folder."""
    return {p.relative_to(top).as_posix(): read(p) for p in sorted(top.rglob("*")) if p.is_symlink() or not p.is_dir()}


def test_attacker_is_the_last_forwarded_address():
    """attacker_ip: the address that the proxy appended, not the one that the intruder claims, nor the scanner's."""
    assert report()["attacker_ip"].strip() == TRUTH["attacker_ip"]


def test_webshell_and_its_upload():
    """webshell and uploaded_utc: the shell that was used, and the moment of its upload in UTC."""
    assert report()["webshell"].strip() == TRUTH["webshell"]
    text = report()["uploaded_utc"].strip()
    found = datetime.fromisoformat(text)
    assert found.tzinfo is not None, f"no time zone in {text!r}"
    want = datetime.fromisoformat(TRUTH["uploaded_utc"])
    assert found.astimezone(timezone.utc) == want


def test_commands_in_order():
    """commands: each command as executed, in order."""
    assert [c.rstrip("\n") for c in report()["commands"]] == TRUTH["commands"]


def test_dropper_is_recovered():
    """recovered/dropper.sh byte for byte, and dropper_sha256."""
    assert read(RECOVERED / "dropper.sh") == TRUTH["dropper"]
    assert report()["dropper_sha256"].strip().lower() == sha(TRUTH["dropper"])


def test_c2():
    """c2: where the stolen data went."""
    assert report()["c2"].strip() == TRUTH["c2"]


def test_stolen_files_are_recovered():
    """recovered/stolen/ holds the files of the transfer, byte for byte, and nothing else."""
    assert files(RECOVERED / "stolen") == TRUTH["stolen"]


def test_stolen_hashes():
    """stolen: the relative path and SHA-256 of each file."""
    assert {k.removeprefix("./"): v.strip().lower() for k, v in report()["stolen"].items()} == {k: sha(v) for k, v in TRUTH["stolen"].items()}


def test_members_exposed():
    """members_exposed: different addresses, without regard to letter case."""
    assert type(report()["members_exposed"]) in (int, float) and report()["members_exposed"] == TRUTH["members_exposed"]


def test_evidence_is_left_as_it_was():
    """/evidence holds the files that the image was made with, and nothing else."""
    made = {name.removeprefix("./"): digest for digest, name in (line.split() for line in SUMS.read_text().splitlines())}
    assert len(made) == 5
    assert {name: sha(content) for name, content in files(Path("/evidence")).items()} == made
