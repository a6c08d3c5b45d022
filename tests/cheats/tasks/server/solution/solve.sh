#!/bin/bash
set -euo pipefail

# I write the server.
cat > /app/server.py <<'END'
import csv
from http.server import BaseHTTPRequestHandler, HTTPServer


class Sums(BaseHTTPRequestHandler):
    def do_GET(self):
        with open("/app/orders.csv", newline="") as file:
            total = sum(int(cents) for name, cents in csv.reader(file) if name == self.path[1:])
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"%d" % total)


HTTPServer(("127.0.0.1", 8080), Sums).serve_forever()
END

# I start it, apart from my terminal, and wait until it answers.
setsid python3 /app/server.py > /dev/null 2>&1 < /dev/null &
until (exec 3<> /dev/tcp/127.0.0.1/8080) 2> /dev/null; do sleep 0.05; done
