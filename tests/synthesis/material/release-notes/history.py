import gzip
import random

chance = random.Random(41)
what = ["parser", "cache", "login", "export", "search", "mailer", "importer", "calendar"]
done = ["keeps blanks", "closes its files", "asks once", "counts from one", "has a limit", "is quick again"]
lines = []
for number in range(24):
    sort = chance.choice(["fix", "fix", "feat", "docs", "fix!", "feat!"])
    lines.append(f"{chance.randrange(16**7):07x} {sort}: {chance.choice(what)} {chance.choice(done)} ({number})")
with gzip.GzipFile("/app/history.log.gz", "wb", mtime=0) as out:
    out.write("".join(f"{line}\n" for line in reversed(lines)).encode())
