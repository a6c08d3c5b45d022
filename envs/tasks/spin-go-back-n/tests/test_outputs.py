"""Verifies the delivered protocol sides with Spin, in surroundings and with opposite sides of our own.

The agent's link.pml is not used. Our names are others, so the two sides cannot reach around their channels.
All runs as nobody. That the verification can fail is shown by the mutants of solution/variants.toml.
"""

import functools
import pathlib
import re

import nobody
from artifacts import read
from run import once

APP = pathlib.Path("/app")
ORIGINAL = pathlib.Path(__file__).with_name("original")
SPIN = "/usr/bin/spin"
OWN = {"sender.pml": "Sender", "receiver.pml": "Receiver"}

OUR_SENDER = """
proctype ZzSender(byte w; byte m; chan zsrc; chan zdat; chan zack; chan zalm) {
  byte kept[8]; byte lo, k, gone, a, n, x;
end:
  do
  :: k < w && len(zsrc) > 0 -> zsrc?x; kept[(lo + k) % m] = x; k++
  :: gone < k -> n = (lo + gone) % m; zdat!n, kept[n]; gone++
  :: zack?a -> n = (a + m - lo) % m;
       if
       :: n <= k -> lo = a; k = k - n; gone = (gone > n -> gone - n : 0)
       :: else
       fi
  :: zalm?_ -> gone = 0
  od
}
"""

OUR_RECEIVER = """
proctype ZzReceiver(byte m; chan zdat; chan zack; chan zout) {
  byte next, s, x;
end:
  do
  :: zdat?s, x ->
       if
       :: s == next -> zout!x; next = (next + 1) % m
       :: else
       fi;
       zack!next
  od
}
"""

# What a run may be: (window, modulus, items to carry over, frames lost, early alarms). Losses, early alarms and large
# windows are tried one or two at a time, since all together are millions of states.
CASES = {
    "both": ("Sender", "Receiver", [(2, 3, 5, 2, 0), (3, 4, 5, 1, 0)]),
    "sender": ("Sender", "ZzReceiver", [(1, 2, 6, 2, 1), (2, 3, 4, 1, 1), (3, 4, 5, 2, 0), (2, 5, 6, 1, 0)]),
    "receiver": ("ZzSender", "Receiver", [(1, 2, 6, 2, 1), (2, 3, 4, 0, 1), (3, 4, 5, 2, 0), (2, 5, 6, 1, 0)]),
    "largest": ("Sender", "ZzReceiver", [(3, 8, 9, 1, 0)]),
    "widest": ("Sender", "ZzReceiver", [(7, 8, 8, 0, 0)]),
    "window": ("Sender", "ZzReceiver", [(3, 4, 4, 0, 0)]),
}
MOST = 9  # items

# One model for all cases, so that it is built once; the environment of the verifier says which case is searched.
SURROUNDINGS = """
#define ZZ_ITEM(i) ((37 + 11 * (i) * (i)) %% 251)
chan zz_src = [%(most)d] of { byte };
chan zz_d1 = [0] of { byte, byte };
chan zz_d2 = [3] of { byte, byte };
chan zz_a1 = [0] of { byte };
chan zz_a2 = [3] of { byte };
chan zz_alm = [0] of { bit };
chan zz_out = [0] of { byte };
byte zz_w, zz_m, zz_items, zz_losses, zz_early, zz_lost, zz_got, zz_fresh;
bool zz_acked;

active proctype ZzData() {
  byte s, x;
end:
  do
  :: atomic { zz_d1?s, x ->
       assert(s < zz_m);
       assert(zz_items - len(zz_src) <= zz_got + zz_w);
       if
       :: !zz_acked && s == zz_fresh -> zz_fresh++
       :: else
       fi;
       if
       :: nfull(zz_d2) -> zz_d2!s, x
       :: full(zz_d2)
       :: zz_lost < zz_losses -> zz_lost++
       fi; s = 0; x = 0 }
  od
}

active proctype ZzAck() {
  byte s;
end:
  do
  :: atomic { zz_a1?s ->
       assert(s < zz_m);
       zz_acked = true; zz_fresh = 0;
       if
       :: nfull(zz_a2) -> zz_a2!s
       :: full(zz_a2)
       :: zz_lost < zz_losses -> zz_lost++
       fi; s = 0 }
  od
}

active proctype ZzTimer() {
  byte early;
end:
  do
  :: early < zz_early -> zz_alm!0; early++
  :: timeout -> zz_alm!0
  od
}

active proctype ZzUser() {
  byte x;
end:
  do
  :: atomic { zz_out?x -> assert(zz_got < zz_items && x == ZZ_ITEM(zz_got)); zz_got++; x = 0 }
  od
}

init {
  byte i;
  atomic {
    if
%(cases)s
    fi;
    do
    :: i < zz_items -> zz_src!ZZ_ITEM(i); i++
    :: else -> i = 0; break
    od
  }
}
ltl zz_all { <> (zz_items > 0 && zz_got == zz_items) }
ltl zz_narrow { [] (zz_fresh < 3) }
"""


def choices():
    """The guarded commands of init: each case's sizes, and the two sides that run in it."""
    for name, (sender, receiver, sizes) in CASES.items():
        for size in sizes:
            yield '    :: c_expr { strcmp(getenv("ZZ_CASE"), "%s") == 0 } ->' % name
            yield "         zz_w = %d; zz_m = %d; zz_items = %d; zz_losses = %d; zz_early = %d;" % size
            yield f"         run {receiver}(zz_m, zz_d2, zz_a1, zz_out);"
            yield f"         run {sender}(zz_w, zz_m, zz_src, zz_d1, zz_a2, zz_alm)"


class Verdict:
    """What pan found: errors counts violations, text is its whole report."""

    def __init__(self, text):
        found = re.search(r"errors: (\d+)", text)
        assert found, "the verifier gave no verdict: %s" % text[-800:]
        self.text = text
        self.errors = int(found.group(1))
        self.complete = not re.search(r"not completed|max search depth|out of memory|reached -DMEMLIM", text)


# Builds the verifier and searches the cases one after the other, each within 40 s of the processor. It is made of plain
# Promela and of ours, see plain(), so nothing in it is the agent's C.
SEARCHES = """
spin -a m.pml > built 2>&1; tcc -w -DMEMLIM=1200 -o pan pan.c >> built 2>&1 || exit 1
ulimit -t 40
for case in $CYCLES; do ZZ_CASE=$case ./pan -a -w18 -m20000 -N zz_all > $case; done
ZZ_CASE=widest ./pan -w18 -m20000 -N zz_all > widest
ZZ_CASE=window ./pan -w18 -m20000 -N zz_narrow > window
"""


@once
def searched():
    """Searches all cases with Spin's verifier of the delivered sides and ours; returns the folder of the reports, and what
    else was printed."""
    model = SURROUNDINGS % {"most": MOST, "cases": "\n".join(choices())}
    folder = nobody.new_folder()
    nobody.write(folder / "m.pml", "\n".join([model, plain("sender.pml"), plain("receiver.pml"), OUR_SENDER, OUR_RECEIVER]))
    done = nobody.run("/bin/sh", "-c", SEARCHES, cwd=folder, env={"CYCLES": "both sender receiver largest"}, seconds=90)
    assert (folder / "pan").exists(), "Spin does not accept the model: %s" % read(folder / "built").decode()[-800:]
    return folder, done.text


def verify(case):
    """The Verdict on a case."""
    folder, printed = searched()
    return Verdict(read(folder / case).decode() + printed)


def assert_verified(verdict):
    assert verdict.errors == 0, "\n".join(verdict.text.splitlines()[:4])
    assert verdict.complete, "the search was cut off"
    assert "unreached" in verdict.text  # a full report, not a line of somebody's own


@functools.lru_cache(maxsize=None)
def plain(name):
    """Returns the delivered text of a side without comments and strings; fails when it is not plain Promela of one proctype."""
    text = read(APP / name, 1 << 20).decode()
    bare = re.sub(r"/\*.*?\*/|//[^\n]*", " ", text, flags=re.S)
    bare = re.sub(r'"[^"\n]*"', '""', bare)
    assert "#" not in bare, "preprocessor line in %s" % name
    words = set(re.findall(r"[A-Za-z_]\w*", bare))
    banned = {"d_step", "hidden", "local", "timeout", "run", "active", "init", "never", "ltl", "trace", "notrace", "inline",
              "enabled", "provided", "priority", "pc_value", "np_", "_last", "_nr_pr", "_priority", "set_priority",
              "get_priority", "D_proctype", "show", "xr", "xs", "c_code", "c_expr", "c_decl", "c_state", "c_track"}
    banned |= {"Sender", "Receiver"} - {OWN[name]}
    assert not words & banned, "%s uses %s" % (name, sorted(words & banned))
    reach = [w for w in words if w.startswith("env_") or w.lower().startswith("zz")]
    assert not reach, "%s uses %s" % (name, reach)
    assert len(re.findall(r"\bproctype\b", bare)) == 1
    assert re.match(r"\s*proctype\b", bare) and bare.rstrip().endswith("}"), "%s holds more than its proctype" % name
    assert "@" not in bare, "%s looks into another process" % name
    return bare


def test_trail_shows_a_wrong_item():
    """original.trail replays on the model as delivered and ends in the failed assertion of User."""
    with nobody.folder() as folder:
        for name in ("link.pml", "sender.pml", "receiver.pml"):
            nobody.write(folder / name, (ORIGINAL / name).read_bytes())
        nobody.write(folder / "original.trail", read(APP / "evidence" / "original.trail", 1 << 20))
        out = nobody.run(SPIN, "-k", "original.trail", "-t", "-p", "link.pml", cwd=folder).text
    failed = re.search(r"text of failed assertion: assert\((.*)\)", out)
    assert failed and "env_arrived" in failed.group(1) and "x==" in failed.group(1), out[-800:]
    assert re.search(r"proc\s+\d+ \(User:1\) link\.pml:\d+ \(state \d+\)\s+\[assert", out)
    assert "trail ends" in out


def test_sides_are_plain_promela():
    """Each file holds one plain proctype that knows only its parameters; link.pml is as delivered."""
    plain("sender.pml")
    plain("receiver.pml")
    assert read(APP / "link.pml", 1 << 20).decode().split() == (ORIGINAL / "link.pml").read_text().split()


def test_both_sides_together():
    """The repaired sender with the repaired receiver: right items in order, all arrive, window kept."""
    assert_verified(verify("both"))


def test_sender_with_another_make():
    """The repaired sender with our receiver, also with a modulus far above the window."""
    assert_verified(verify("sender"))


def test_receiver_with_another_make():
    """Our sender with the repaired receiver, also with a modulus far above the window."""
    assert_verified(verify("receiver"))


def test_largest_modulus():
    """Modulus 8, so that item buffers and sums are large enough, with one loss; and a window of 7, where the link drops
    what it has no room for, without a search for cycles."""
    assert_verified(verify("largest"))
    assert_verified(verify("widest"))


def test_sender_uses_its_window():
    """A run exists in which three frames are under way before any acknowledgement when the window is three."""
    assert verify("window").errors >= 1, "no run has three frames under way"
