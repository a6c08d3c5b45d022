"""Instruments of several fields, and how they are calibrated."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Domain:
    """What is measured.

    Attributes:
        slug: for names. story: who needs it. sensor: what an instrument is called. names: of instruments.
        raw, unit: the columns of what an instrument gives and of what a reference shows. out: the unit asked for.
        factor, offset: from unit to out, as written. top: how large a reading in `unit` is at most, about.
    """

    slug: str
    story: str
    sensor: str
    names: tuple[str, ...]
    raw: str
    unit: str
    out: str
    factor: str
    offset: str
    top: int


DOMAINS = (
    Domain(
        "tide-gauge", "The harbour's tide gauges were taken out for calibration after the spring campaign.", "gauge",
        ("east-mole", "lock", "north-quay", "pilot-pier", "slip", "yacht-basin"), "volt", "m", "cm", "100", "0", 6,
    ),
    Domain(
        "ice-core", "Thermistors in a glacier borehole logged through the melt season and came back from the bath "
        "with their calibration runs.", "thermistor",
        ("t05", "t10", "t20", "t40", "t80", "t95"), "ratio", "degc", "kelvin", "1", "273.15", 12,
    ),
    Domain(
        "borehole", "Pressure transducers in the observation wells were checked against a dead-weight "
        "tester.", "transducer",
        ("well-1", "well-2", "well-4", "well-7", "well-9", "well-12"), "ma", "psi", "kpa", "6.894757", "0", 40,
    ),
    Domain(
        "wind-mast", "The anemometers of the mast were in the wind tunnel, and the site assessment needs the "
        "corrected series.",
        "anemometer", ("a10", "a40", "a60", "a80", "a100", "spare"), "khz", "mps", "kmh", "3.6", "0", 25,
    ),
    Domain(
        "bee-hive", "The scales below the hives drift with the wood, so the beekeepers weighed known masses "
        "again.", "scale",
        ("acacia", "buckwheat", "clover", "heather", "linden", "rape"), "mvv", "kg", "lb", "2.2046226", "0", 60,
    ),
    Domain(
        "flow-meter", "The district heating loop is billed from flow meters that were on the test bench last "
        "month.", "meter",
        ("loop-a", "loop-b", "loop-c", "return-a", "return-b", "bypass"), "pulse_khz", "lpm", "m3h", "0.06", "0", 300,
    ),
    Domain(
        "radon", "The cellar detectors of the radon survey were exposed in the reference chamber before and "
        "after.", "detector",
        ("archive", "boiler", "cellar-1", "cellar-2", "school", "vault"), "cps", "bqm3", "pcil", "0.027027", "0", 900,
    ),
    Domain(
        "bridge-strain", "The strain gauges of the bridge were loaded with known weights before traffic was let on "
        "again.",
        "gauge", ("deck-n", "deck-s", "hanger-3", "hanger-8", "pylon-e", "pylon-w"), "mv", "microstrain", "mpa", "0.21",
        "0", 400,
    ),
    Domain(
        "pyranometer", "The solar field's pyranometers were compared with a reference for a morning, twice.", "sensor",
        ("row-02", "row-05", "row-11", "row-17", "roof", "tracker"), "mv", "wm2", "kwm2", "0.001", "0", 1100,
    ),
    Domain(
        "optode", "Oxygen optodes on the mooring were put into baths of known concentration after recovery.", "optode",
        ("d005", "d015", "d030", "d050", "d075", "d100"), "phase", "umol", "mgl", "0.0319988", "0", 350,
    ),
    Domain(
        "furnace", "The pyrometers over the glass furnace were held against a black body at the maintenance "
        "stop.", "pyrometer",
        ("bay-1", "bay-2", "bay-3", "crown", "feeder", "throat"), "ma", "degc", "degf", "1.8", "32", 1400,
    ),
)  # fmt: skip
"""Instruments of several fields."""

FITS = {
    "linear": "`{unit}` = c0 + c1·`{raw}` by ordinary least squares",
    "origin": "`{unit}` = c0 + c1·`{raw}` with c0 = 0 and c1 by least squares, a line through the origin",
    "quadratic": "`{unit}` = c0 + c1·`{raw}` + c2·`{raw}`² by ordinary least squares",
    "weighted": "`{unit}` = c0 + c1·`{raw}` by least squares with the weight 1/`sigma`² of each point",
}
"""Calibrations."""

SHOWN = {
    "cm": "cm",
    "kelvin": "K",
    "kpa": "kPa",
    "kmh": "km/h",
    "lb": "lb",
    "m3h": "m³/h",
    "pcil": "pCi/l",
    "mpa": "MPa",
    "kwm2": "kW/m²",
    "mgl": "mg/l",
    "degf": "°F",
}
"""Units as people write them."""
