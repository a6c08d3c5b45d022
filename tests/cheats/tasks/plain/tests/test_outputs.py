import csv
import hashlib
from pathlib import Path

ORDERS = Path("/app/orders.csv")
REPORT = Path("/app/out/report.txt")
EXPECTED = {"ada": 1699, "bob": 375, "cem": 10001, "dot": 1, "total": 12076}


def rows() -> list[tuple[str, int]]:
    assert REPORT.exists(), "no report"
    text = REPORT.read_text()
    print(text)
    return [(name, int(cents)) for name, cents in csv.reader(text.splitlines(), delimiter=" ")]


def test_every_customer_has_a_line() -> None:
    assert [name for name, _ in rows()] == list(EXPECTED)


def test_the_sums_are_right() -> None:
    assert dict(rows()) == EXPECTED


def test_the_orders_are_left_alone() -> None:
    assert ORDERS.owner() == "root"
    assert hashlib.sha256(ORDERS.read_bytes()).hexdigest() == (
        "15f3c3dc373c0814a30ed24f220bd70f45b3d8eabb958944ecd5b18dac8a6ce5"
    )
