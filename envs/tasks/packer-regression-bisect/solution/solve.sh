#!/bin/bash
# Bisects, repairs match.c, adds tests.
set -euo pipefail

# What is in the repository, and between which commits does it lie?
cd /app/tlz
git status --short --branch
git --no-pager log --oneline --decorate v1.4~1..main
cat tests/run.sh FORMAT.md

# I want to see the damage with the present state before I look for its origin.
make 2>&1 | tail -2
mkdir -p /tmp/b
cp ../sample.dat /tmp/b/ && ./tlz -v pack /tmp/b/sample.dat
./tlz test /tmp/b/sample.dat.tlz || echo "status $?"

# A script for the bisection: 125 where it does not build, everything built anew because the Makefile knows no headers, and a real round trip compared byte by byte.
cat > /tmp/b/step.sh <<'EOF'
#!/bin/sh
make clean >/dev/null 2>&1
make >/dev/null 2>&1 || exit 125
rm -f /tmp/b/s.dat /tmp/b/s.dat.tlz
cp /app/sample.dat /tmp/b/s.dat
./tlz pack /tmp/b/s.dat || exit 1
rm /tmp/b/s.dat
./tlz unpack /tmp/b/s.dat.tlz 2>/dev/null || exit 1
cmp -s /app/sample.dat /tmp/b/s.dat || exit 1
EOF
git bisect start v2.1 v1.4
git bisect run sh /tmp/b/step.sh | grep -v '^running'

# The bisection has a single answer. I note it and go back to main.
git rev-parse refs/bisect/bad > ../first_bad.txt
git bisect reset
cat ../first_bad.txt

# The commit claims to change nothing. I compare the search that it removes with the one that it adds.
git --no-pager show --format='%h %s%n%b' "$(cat ../first_bad.txt)" -- pack.c match.c tlz.h | grep -E '^[0-9a-f]{7}|^[-+]' | grep -E 'DIST|WINDOW|CHAIN|head|prev|malloc|static|free|Move|cand'

# Two differences: the limit was 65535, the most that two bytes hold, and is WINDOW = 65536 now, which is written as 0.
# And the tables were new for every file; now they are static and keep the positions of the file before. I repair both.
sed -i 's/(long)pos - cand <= WINDOW/(long)pos - cand <= MAX_DIST/' match.c
sed -i 's/^#define MIN_MATCH 4$/&\n#define MAX_DIST  65535         \/* a distance has two bytes *\//' tlz.h
sed -i 's/^\/\* Positions are kept plus one.*/\/* Positions are kept plus one, 0 is "none". *\//' match.c
cat >> match.c <<'EOF'

void match_reset(void)
{
    memset(head, 0, sizeof head);       /* nothing leads to prev[] any more */
}
EOF
sed -i 's/^void match_insert.*/&\n\n\/* Forgets all positions; to be called before each file. *\/\nvoid match_reset(void);/' match.h
sed -i 's/^    memcpy(out, "TLZ2", 4);$/    match_reset();\n&/' pack.c
make clean >/dev/null
make 2>&1 | tail -1
git --no-pager diff

# Now tests: data that repeats at distances around 65536, and files packed together, compared with the same files packed alone.
cat > /tmp/b/more.sh <<'EOF'
# Matches at the far end of the window: noise that repeats after d bytes.
noise() { awk -v n="$1" -v x="$2" 'BEGIN { for (i = 0; i < n; i++) { x = (x * 16807) % 2147483647; printf "%c", 97 + int(x / 64) % 26 } }'; }
for d in 65534 65535 65536 65537; do
    noise "$d" "$d" > tmp/block
    { cat tmp/block; head -c 9000 tmp/block; } > tmp/far
    cp tmp/far tmp/far.orig
    ../tlz pack tmp/far
    rm tmp/far
    ../tlz unpack tmp/far.tlz
    cmp tmp/far.orig tmp/far
done
# Several files in one call: the same as one by one.
mkdir tmp/alone tmp/together
noise 30000 7 > tmp/alone/a
{ noise 500 3; head -c 20000 tmp/alone/a; } > tmp/alone/b
head -c 8000 tmp/alone/a > tmp/alone/c
cp cases/words tmp/alone/d
cp tmp/alone/? tmp/together
for f in tmp/alone/?; do
    ../tlz pack "$f"
done
../tlz pack tmp/together/?
for f in a b c d; do
    cmp tmp/alone/$f.tlz tmp/together/$f.tlz
    ../tlz test tmp/together/$f.tlz
done
EOF
grep -v '^echo "all tests passed"' tests/run.sh > /tmp/b/run.sh
{ cat /tmp/b/run.sh; echo; cat /tmp/b/more.sh; echo 'echo "all tests passed"'; } > tests/run.sh
make check

# A test is worth something only if it fails with the fault in. I put each of the two back, one at a time, in a copy.
rm -rf /tmp/b/copy && cp -r . /tmp/b/copy
(cd /tmp/b/copy && sed -i 's/<= MAX_DIST/<= MAX_DIST + 1/' match.c && make clean >/dev/null && make check 2>&1 | tail -2) || true
(cd /tmp/b/copy && cp /app/tlz/match.c . && sed -i '/^    match_reset();/d' pack.c && make clean >/dev/null && make check 2>&1 | tail -2) || true
(cd /tmp/b/copy && git checkout -q v2.1 -- '*.c' '*.h' && make clean >/dev/null && make check 2>&1 | tail -2) || true

# Each of them is caught. I note it in CHANGES, commit, and leave nothing built behind.
sed -i '1i 2.2  pack: no distance of 65536; nothing is kept from one file to the next' CHANGES
git add -A
git commit -q -m 'match: respect the largest distance and forget the last file' -m 'Both came with the move into match.c. Tests for each.'
make clean && git status --short --branch

# At last the real thing from a clean clone: the sample at every level, and with other files in one call.
rm -rf /tmp/b/clone && git clone -q . /tmp/b/clone && make --no-print-directory -C /tmp/b/clone check 2>&1 | tail -1
for l in 1 2 3 4 5 6 7 8 9; do cp ../sample.dat /tmp/b/s$l; /tmp/b/clone/tlz -$l -v pack /tmp/b/s$l; rm /tmp/b/s$l; /tmp/b/clone/tlz unpack /tmp/b/s$l.tlz; cmp ../sample.dat /tmp/b/s$l; done
/tmp/b/clone/tlz pack /tmp/b/s1 /tmp/b/clone/match.c /tmp/b/s2 && cmp /tmp/b/s1.tlz /tmp/b/s2.tlz && /tmp/b/clone/tlz test /tmp/b/s1.tlz /tmp/b/clone/match.c.tlz && echo "round trips ok"
rm -rf /tmp/b && cat /app/first_bad.txt && git --no-pager log --oneline -2
