"""Answers SQL on the agent's database, one line of JSON for another; its triggers and views run here, as nobody."""

import json
import sqlite3
import sys

connection = sqlite3.connect("ledger.db", isolation_level=None)
for line in sys.stdin:
    sql, values = json.loads(line)
    try:
        if sql == "dump":
            answer = {"rows": [[text] for text in connection.iterdump()]}
        else:
            cursor = connection.execute(sql, values)
            answer = {"rows": cursor.fetchall(), "lastrowid": cursor.lastrowid, "rowcount": cursor.rowcount}
    except sqlite3.Error as error:
        answer = {"error": str(error)}
    print(json.dumps(answer, default=repr), flush=True)
