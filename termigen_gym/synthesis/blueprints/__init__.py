"""Blueprints: makers of tasks, each a module with a `BLUEPRINT` (kit.py)."""
