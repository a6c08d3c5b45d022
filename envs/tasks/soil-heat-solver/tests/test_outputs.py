"""Checks the soil heat program against exact solutions of the heat equation.

Periodic states of layered soil come from transfer matrices, the relaxation of a slab from its Fourier
series; only the start-up of the site is compared with a numerical solution of our own: site_truth.csv, finite volumes
with 240 cells and Crank-Nicolson steps of 1.5 hours, which half as many of both change by less than 0.002 degrees.
"""

import cmath
import csv
import math
import pathlib

import nobody
from artifacts import read
from run import once

APP = pathlib.Path("/app")
TOLERANCE = 0.1005  # 0.1 degrees and the rounding of the printed digits
YEAR = 31557600.0
SITE = dict(layers=[(0.30, 0.32, 3100.0), (1.00, 1.90, 2250.0), (3.00, 1.25, 2900.0)], nz=60, dt=7200.0, days=1461.0,
            every=864000.0, init=4.0, mean=7.4, amp=12.5, period=YEAR, probes=[0.10, 0.30, 0.50, 1.00, 2.50])


def make(change=None):
    """Builds a copy of /app without anything that a build leaves; returns the folder and how make ended."""
    folder = nobody.new_folder() / "app"
    nobody.copy(APP, folder, leave_out=("soilheat", "*.o", "*.mod", "*.a", "*.so", "*.csv"))
    if change is not None:
        change(folder)
    return folder, nobody.run("/usr/bin/make", "-B", cwd=folder)


@once
def program():
    """Builds the delivered sources in a folder of nobody's, without any file that was built before."""
    folder, done = make()
    assert done.code == 0, done.err[-1500:]
    assert read(folder / "soilheat", 32 << 20)[:4] == b"\x7fELF", "soilheat is not a compiled program"
    return folder / "soilheat"


def namelist(case):
    def joined(values):
        return ", ".join("%.6f" % v for v in values)
    layers = case["layers"]
    return "\n".join([
        "&soil", " nlayers = %d," % len(layers), " bottom_m = %s," % joined(b for b, _, _ in layers),
        " conductivity = %s," % joined(k for _, k, _ in layers), " heat_capacity = %s," % joined(c for _, _, c in layers), "/",
        "&run", " nz = %d," % case["nz"], " dt_s = %.3f," % case["dt"], " days = %.4f," % case["days"],
        " out_every_s = %.3f," % case["every"], " t_init = %.4f," % case["init"], " t_mean = %.4f," % case["mean"],
        " t_amp = %.4f," % case["amp"], " period_s = %.3f," % case["period"], " nprobes = %d," % len(case["probes"]),
        " probes_m = %s," % joined(case["probes"]), "/", ""])


def close(found, expected, within):
    """Whether two lists are as long and hold the same numbers, up to `within`."""
    return len(found) == len(expected) and all(abs(a - b) <= within for a, b in zip(found, expected))


def parse(text, case):
    """Returns [(time, [temperatures])] and checks header, times and number of columns."""
    lines = [line for line in text.splitlines() if line.strip()]
    head = [cell.strip() for cell in lines[0].split(",")]
    assert head[0] == "time_s"
    assert close([float(c) for c in head[1:]], case["probes"], 1e-3)
    rows = [[float(c) for c in line.split(",")] for line in lines[1:]]
    expected = [case["every"] * n for n in range(1, int(round(case["days"] * 86400 / case["every"])) + 1)]
    assert close([r[0] for r in rows], expected, 1.0)
    assert all(len(r) == 1 + len(case["probes"]) for r in rows)
    return [(time, r[1:]) for time, r in zip(expected, rows)]


# Runs the programs on all cases, one after the other. Where one takes too long, the cases behind it are not run.
ALL = """
for case in "$@"; do
    program=./soilheat
    case $case in left_built) program=$LEFT_BUILT;; esac
    timeout -s KILL 25 "$program" $case.nml > $case.csv 2> $case.err; code=$?
    echo $code > $case.code
    [ $code != 137 ] || break
done
"""


@once
def ran():
    """Runs all of CASES in a folder of nobody's, where the program was built; returns that folder."""
    folder = program().parent
    for name, case in CASES.items():
        nobody.write(folder / f"{name}.nml", namelist(case))
    nobody.expose(APP)
    nobody.run("/bin/sh", "-c", ALL, "sh", *CASES, cwd=folder, env={"LEFT_BUILT": str(APP / "soilheat")}, seconds=95)
    return folder


def run(name):
    """Returns what the program printed for a case, parsed."""
    folder = ran()
    assert (folder / f"{name}.code").exists(), f"{name}: not run, since one before it took too long"
    code = read(folder / f"{name}.code").strip()
    assert code == b"0", f"{name}: exit code {code}: {read(folder / (name + '.err'))[-800:]}"
    return parse(read(folder / f"{name}.csv").decode(), CASES[name])


def periodic(case, depth):
    """Returns the exact temperature of the periodic state as a function of time: one complex wave per layer, matched
    at the boundaries."""
    omega = 2 * math.pi / case["period"]
    tops = [0.0] + [b for b, _, _ in case["layers"]]
    value, flow, inner = 1 + 0j, 0j, None  # at the bottom: no flow
    for (bottom, k, c), top in reversed(list(zip(case["layers"], tops))):
        q = cmath.sqrt(1j * omega * c * 1000 / k)

        def up(x, value=value, flow=flow, q=q, k=k):
            return value * cmath.cosh(q * x) + flow / (q * k) * cmath.sinh(q * x)

        if inner is None and depth >= top - 1e-12:
            inner = up(bottom - depth)
        x = bottom - top
        value, flow = up(x), value * q * k * cmath.sinh(q * x) + flow * cmath.cosh(q * x)
    wave = case["amp"] * inner / value
    return lambda time: case["mean"] + (wave * cmath.exp(1j * omega * time)).imag


def relaxation(case, depth):
    """Returns the exact temperature of one layer whose surface jumps from t_init to t_mean at time 0, by time."""
    length, k, c = case["layers"][0]
    modes = [(2 * n + 1) * math.pi / (2 * length) for n in range(60)]
    return lambda time: case["mean"] + (case["init"] - case["mean"]) * sum(
        2 / (m * length) * math.sin(m * depth) * math.exp(-k / (c * 1000) * m * m * time) for m in modes)


def start_up(case, depth):
    """Returns the exact temperature of one layer, at t_mean at time 0 as its surface, that follows the wave from then on."""
    length, k, c = case["layers"][0]
    omega = 2 * math.pi / case["period"]
    modes = [(m, k / (c * 1000) * m * m) for m in ((2 * n + 1) * math.pi / (2 * length) for n in range(100))]

    def at(time):
        wave = sum(2 / (m * length) * math.sin(m * depth) / (rate * rate + omega * omega) * (
            rate * (math.cos(omega * time) - math.exp(-rate * time)) + omega * math.sin(omega * time)) for m, rate in modes)
        return case["mean"] + case["amp"] * (math.sin(omega * time) - omega * wave)

    return at


def worst(rows, case, truth, start):
    """Returns the largest error at times from start on."""
    late = [(t, temps) for t, temps in rows if t >= start]
    assert len(late) >= 4
    exact = [truth(case, p) for p in case["probes"]]
    errors = [abs(got - at(t)) for t, temps in late for got, at in zip(temps, exact)]
    assert not any(math.isnan(e) for e in errors)
    return max(errors)


DAILY = dict(layers=[(0.4, 1.4, 2400.0)], nz=40, dt=3600.0, days=12.0, every=10800.0, init=12.0, mean=12.0, amp=9.0,
             period=86400.0, probes=[0.025, 0.05, 0.10, 0.25, 0.40])  # the first between two nodes
LAYERED = dict(layers=[(0.06, 0.25, 1900.0), (0.30, 2.30, 2500.0), (0.80, 0.60, 3600.0)], nz=160, dt=900.0, days=36.0,
               every=10800.0, init=15.0, mean=15.0, amp=14.0, period=86400.0, probes=[0.03, 0.06, 0.10, 0.30, 0.50])
YEARLY = dict(layers=[(0.20, 0.15, 600.0), (0.40, 0.25, 700.0), (0.60, 2.10, 2200.0), (0.80, 1.20, 2600.0), (1.00, 0.40, 1500.0),
                      (1.20, 1.90, 2300.0), (1.50, 0.90, 3300.0), (1.80, 2.40, 2000.0), (2.10, 0.60, 2900.0), (2.40, 1.50, 2500.0)], nz=48, dt=21600.0, days=1826.25,
              every=432000.0, init=2.0, mean=3.0, amp=15.0, period=YEAR, probes=[0.20, 0.40, 0.80, 1.20, 2.40])
JUMP = dict(layers=[(0.60, 1.10, 2700.0)], nz=60, dt=3600.0, days=20.0, every=21600.0, init=18.0, mean=2.0, amp=0.0,
            period=86400.0, probes=[0.10, 0.30, 0.45, 0.60])
START = dict(layers=[(1.0, 1.4, 2400.0)], nz=100, dt=1800.0, days=1.0, every=1800.0, init=10.0, mean=10.0, amp=14.0,
             period=86400.0, probes=[0.05, 0.10, 0.20])
LONG = dict(layers=[(0.50, 0.80, 2600.0), (2.50, 1.60, 2300.0)], nz=10, dt=675.0, days=1930.0, every=864000.0, init=9.0,
            mean=9.0, amp=12.0, period=YEAR, probes=[0.25, 0.50, 1.00, 2.00])
CASES = {
    "left_built": JUMP,  # first, when there is nothing yet that it could copy
    "daily": DAILY,
    "daily_60": dict(DAILY, dt=60.0),
    "daily_450": dict(DAILY, dt=450.0),
    "daily_10800": dict(DAILY, dt=10800.0),
    "daily_21600": dict(DAILY, dt=21600.0, every=21600.0),
    "layered": LAYERED,
    "yearly": YEARLY,
    "jump": JUMP,
    "start": START,
    "long": LONG,
    "site": SITE,
}


def test_make_compiles_the_sources():
    """make builds soilheat from the Fortran text: with text that is no Fortran it must fail."""
    program()

    def spoil(folder):
        texts = [p for p in folder.rglob("*") if p.suffix.lower() in (".f90", ".f95", ".f03", ".f08", ".f")]
        assert any(p.name == "soilheat.f90" for p in texts)
        for path in texts:
            path.unlink()
            path.write_text("this is no fortran\n")

    assert make(spoil)[1].code != 0, "soilheat is not built from its sources"


def test_program_is_left_built():
    """/app/soilheat is there and gives what the program built from the sources gives."""
    for (_, a), (_, b) in zip(run("left_built"), run("jump"), strict=True):
        assert close(a, b, 0.01)


def test_daily_wave_in_uniform_soil():
    """Units and damping: a daily wave in one layer, dt_s of an hour."""
    assert worst(run("daily"), DAILY, periodic, 9 * 86400) <= TOLERANCE


def test_any_time_step_is_stable_and_exact():
    """The same case for other dt_s, from a minute to six hours (hourly and coarser sampling of a daily wave included)."""
    for dt in (60, 450, 10800, 21600):
        error = worst(run(f"daily_{dt}"), CASES[f"daily_{dt}"], periodic, 9 * 86400)
        assert error <= TOLERANCE, f"daily_{dt}: wrong by {error} degrees"


def test_layers_of_different_conductivity():
    """The flow of heat is continuous at layer boundaries: three strongly different layers, daily wave."""
    assert worst(run("layered"), LAYERED, periodic, 31 * 86400) <= TOLERANCE


def test_yearly_wave_with_insulating_cover():
    """Ten layers below a light cover, dt_s of six hours, no flow through the bottom."""
    assert worst(run("yearly"), YEARLY, periodic, 4 * YEAR) <= TOLERANCE


def test_relaxation_after_a_jump():
    """A warm slab whose surface turns cold follows the Fourier series."""
    assert worst(run("jump"), JUMP, relaxation, 12 * 3600) <= TOLERANCE


def test_start_without_a_jump():
    """A start at the temperature of the surface is right from the first row on."""
    assert worst(run("start"), START, start_up, 0) <= TOLERANCE


def test_clock_of_long_runs():
    """After more than four years with an odd dt_s the yearly wave has still the right phase."""
    assert worst(run("long"), LONG, periodic, 4.25 * YEAR) <= TOLERANCE


def test_site_case_file_untouched():
    """site.nml is the file that we gave."""
    assert read(APP / "site.nml") == pathlib.Path(__file__).with_name("site.nml").read_bytes()


def delivered():
    return parse(read(APP / "site.csv").decode(), SITE)


def test_site_output():
    """site.csv holds the right temperatures for the site, from the first ten days to the fourth year."""
    rows = delivered()
    truth = [[float(c) for c in row] for row in csv.reader(open(pathlib.Path(__file__).with_name("site_truth.csv")))]
    assert len(rows) == len(truth) == 146
    waves = [periodic(SITE, p) for p in SITE["probes"]]
    for (time, temps), true in zip(rows, truth):
        assert close(temps, true, TOLERANCE)
        if time > 3 * YEAR:
            assert close(temps, [wave(time) for wave in waves], TOLERANCE)


def test_program_made_the_site_output():
    """The program built from the delivered sources gives the numbers in site.csv."""
    for (_, a), (_, b) in zip(delivered(), run("site")):
        assert close(a, b, 0.01)
