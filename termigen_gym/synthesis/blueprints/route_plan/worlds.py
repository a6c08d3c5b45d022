"""The regions in which `route_plan` finds ways."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Region:
    """Places, and what goes between them.

    Attributes:
        name: for the task's folder. story: how the request begins. place, link, line: what those are called.
        places: their names. vehicles: of carriers that can be sent out. load: what is carried, with its unit.
        job: what a carrier is sent out for. files: names without suffix of links, obstacles, queries, carriers, jobs.
    """

    name: str
    story: str
    place: str
    link: str
    line: str
    places: tuple[str, ...]
    vehicles: tuple[str, ...]
    load: str
    job: str
    files: tuple[str, ...]


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


REGIONS = (
    Region(
        "island-ferries",
        "The freight desk of our island ferries answers customers from memory, and too often wrongly.",
        "harbour",
        "crossing",
        "ferry",
        _words(
            "Askholm Birkoe Dyrnes Eldvik Fugloy Grindum Hestvik Islay Kjerring Luroy Mosken Nordvaag Rabben Skarven"
        ),
        _words("Anna Bris Corvus Drott Egil Frida"),
        "tonnes",
        "cargo",
        _words("crossings suspensions enquiries couriers cargoes"),
    ),
    Region(
        "clinic-drones",
        "Blood samples go between our clinics by drone and shuttle, and dispatch wants to know beforehand which "
        "requests can be met.",
        "pad",
        "corridor",
        "shuttle",
        _words(
            "Alma Brightwater Cedar Donnelly Eastgate Fairmont Glenn Hopewell Ivory Juniper Kestrel Lambert Mercy Niles"
        ),
        _words("dr1 dr2 dr4 dr5 dr7 dr9"),
        "hundred grams",
        "sample",
        _words("corridors restrictions requests fleet pickups"),
    ),
    Region(
        "ward-porters",
        "Our hospital's porters walk far too much. For a trial day I need the best ways through the building, exactly.",
        "ward",
        "passage",
        "lift",
        _words(
            "admission burns cardio dialysis endoscopy gastro hospice imaging kitchen laundry morgue neuro oncology "
            "stores"
        ),
        _words("Ada Bruno Chidi Dunja Emre Farid"),
        "kilograms",
        "transport",
        _words("passages cleaning orders porters transports"),
    ),
    Region(
        "canal-barges",
        "Barge skippers phone us for the quickest way with their cargo, and the locks' closing times make that hard.",
        "basin",
        "reach",
        "tug",
        _words(
            "Alderlock Bargate Coppermill Dunstow Elmbridge Fenside Gasworks Hatherton Inglewharf Knoll Limehouse "
            "Marple Netherby Oakpit"
        ),
        _words("Heron Otter Perch Rook Swift Tench"),
        "tonnes",
        "cargo",
        _words("reaches stoppages skippers barges freight"),
    ),
    Region(
        "mountain-huts",
        "The alpine club supplies its huts on foot and by lifts. The warden asks which delivery can arrive when.",
        "hut",
        "trail",
        "lift",
        _words(
            "Adler Bergkamm Corno Dreizack Edelweiss Falken Gamsbock Hochalm Isola Joch Kaser Laerch Murmel Nebelhorn"
        ),
        _words("Alba Bruna Cesar Dina Elvira Fosca"),
        "kilograms",
        "delivery",
        _words("trails avalanche wishes porters deliveries"),
    ),
    Region(
        "book-vans",
        "Inter-library loans travel in vans between our branches, and readers are promised times that nobody computed.",
        "branch",
        "road",
        "tour",
        _words(
            "Abbey Bishopton Carrick Dalry Easterhouse Forth Gorbals Hillhead Inchview Kelvin Langside Maryhill "
            "Novar Oban"
        ),
        _words("Ailsa Boyd Craig Donnie Effie Fergus"),
        "crates",
        "loan",
        _words("roads works loans drivers collections"),
    ),
    Region(
        "mine-haulage",
        "Ore trains in our mine queue up because routes are picked by habit. I want the right answers for one shift.",
        "level",
        "drift",
        "tram",
        _words("adit brattice chute decline egress fanhouse gallery hoist incline jaws kiln loader magazine nadir"),
        _words("T1 T2 T3 T5 T6 T8"),
        "wagons",
        "haul",
        _words("drifts blasting calls crews hauls"),
    ),
    Region(
        "festival-shuttles",
        "Bands and backline are moved between the stages of our festival, and last year half of them came late.",
        "stage",
        "lane",
        "shuttle",
        _words("Arena Barn Circus Dome Earthhall Field Grove Hangar Icehouse Jetty Kraal Lagoon Mill Orchard"),
        _words("red blue green amber white violet"),
        "flightcases",
        "move",
        _words("lanes parades moves crews gear"),
    ),
    Region(
        "sorting-tubes",
        "The pneumatic post of our old ministry is in use again, and the archive asks how fast a file can get where.",
        "office",
        "tube",
        "blower",
        _words(
            "Archive Budget Chancery Deeds Estates Forestry Grants Housing Inquiry Justice Kanzlei Land Mint Notary"
        ),
        _words("c01 c02 c03 c05 c07 c08"),
        "grams",
        "file",
        _words("tubes maintenance files canisters errands"),
    ),
)
