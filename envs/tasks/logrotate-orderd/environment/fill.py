"""Writes the logs that have grown so far; fixed seed."""
import hashlib
import random
import sys

rng = random.Random(20260301)
things = "bolt washer hinge bracket spring bearing gasket valve hose clamp filter rotor".split()
with open(sys.argv[1] + "/orders.log", "w") as orders, open(sys.argv[1] + "/audit.log", "w") as audit:
    for n in range(1, 3201):
        text = " ".join([f"customer={rng.randrange(1000, 9999)}"]
                        + [f"{rng.choice(things)}x{rng.randrange(1, 40)}" for _ in range(rng.randrange(1, 9))])
        orders.write(f"{n} {text}\n")
        audit.write(f"{n} length={len(text)} sum={hashlib.sha1(text.encode()).hexdigest()}\n")
