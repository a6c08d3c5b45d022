"""Makes the pump data: windows of sensor values, several per pump, and whether the pump failed within a week.

usage: gen.py SEED TRAIN.csv HOLDOUT.csv
"""

import math
import random
import sys

COLUMNS = ["speed_rpm", "flow_m3h", "pressure_bar", "vib_x_mms", "vib_y_mms", "bearing_temp_c",
           "motor_current_a", "oil_iron_ppm", "age_years", "ticket_chars"]


def pumps(rnd, count, per_pump, shift, prefix):
    """Yields (pump, row values, label); the pump has a fingerprint and a hidden condition of its own."""
    ids = rnd.sample(range(1000, 9999), count)
    for number in ids:
        finger = [rnd.gauss(0, 1) for _ in range(3)]
        hidden = rnd.gauss(0, 1.0)
        for _ in range(per_pump):
            load, vib, heat, iron = (rnd.gauss(shift * k, 1) for k in (0.9, -0.6, 0.6, 0.0))
            logit = 6.0 * load * vib + 3.2 * (heat * heat - 1) + 2.2 * iron + hidden - 0.6
            label = 1 if rnd.random() < 1 / (1 + math.exp(-logit)) else 0
            ticket = rnd.randint(40, 600) if label and rnd.random() < 0.95 else (rnd.randint(20, 90) if rnd.random() < 0.04 else 0)
            row = [1480 + 14 * finger[0] + rnd.gauss(0, 0.6), 220 + 25 * finger[1] + rnd.gauss(0, 1.5),
                   6.1 + 0.4 * finger[2] + rnd.gauss(0, 0.03), 2.8 + 0.7 * vib, 2.6 + 0.5 * vib + rnd.gauss(0, 0.4),
                   61 + 6.5 * heat, 88 + 9 * load, 45 + 12 * iron,
                   9 + 2.5 * finger[0] * finger[1] + 2 * shift + rnd.gauss(0, 0.1), ticket]
            yield "%s%d" % (prefix, number), row, label


def make(seed):
    """Returns (train rows, holdout rows) as lists of (row id, pump, values, label).

    Holdout windows come from other, more worn pumps; their tickets are not written yet.
    """
    rnd = random.Random(seed)
    train = list(pumps(rnd, 48, 12, 0.0, "P"))
    rnd.shuffle(train)
    hold = [(p, v[:-1] + [0], y) for p, v, y in pumps(rnd, 24, 12, 1.0, "Q")]
    rnd.shuffle(hold)
    return ([("t%04d" % n, *r) for n, r in enumerate(train)], [("h%04d" % n, *r) for n, r in enumerate(hold)])


def write(path, rows, with_label):
    with open(path, "w") as out:
        out.write(",".join(["row_id", "pump_id"] + COLUMNS + (["failed_7d"] if with_label else [])) + "\n")
        for row_id, pump, values, label in rows:
            cells = [row_id, pump] + ["%.3f" % v if isinstance(v, float) else str(v) for v in values]
            out.write(",".join(cells + ([str(label)] if with_label else [])) + "\n")


if __name__ == "__main__":
    train_rows, hold_rows = make(int(sys.argv[1]))
    write(sys.argv[2], train_rows, True)
    write(sys.argv[3], hold_rows, False)
