"""Calls the functions test_* of test_outputs.py, and sums up as pytest does. pytest runs that file as well.

These tests are plain functions; to start pytest would take several times as long as they do.
"""
import os
import sys
import textwrap
import traceback

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))  # which Python leaves out when it runs isolated

import test_outputs

summary = []
for name, test in list(vars(test_outputs).items()):
    if name.startswith("test_") and callable(test):
        outcome = "PASSED"
        try:
            test()
        except BaseException:
            outcome = "FAILED"
            print(f"{name}:\n{textwrap.indent(traceback.format_exc(), '    ')}")
        summary.append(f"{outcome} test_outputs.py::{name}")
print("=== short test summary info ===", *summary, sep="\n", flush=True)
os._exit(not summary or any(line.startswith("FAILED") for line in summary))
