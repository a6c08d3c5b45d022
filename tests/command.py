"""The command line in a process of its own."""

import sys

MAIN = (sys.executable, "-c", "from termigen_gym.cli import main; main()")
"""What runs ``termigen`` as it stands here; its words follow."""
