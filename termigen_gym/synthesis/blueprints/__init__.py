"""Blueprints: makers of tasks, each a package with a `BLUEPRINT` (kit.py)."""

from . import (
    build_order,
    event_rollup,
    fleet_config,
    maze_explorer,
    merge_exports,
    protocol_traces,
    replica_repair,
    retention_sweep,
    route_plan,
    score_table,
    sensor_calibration,
    spec_filter,
    tamper_audit,
)
from .kit import Blueprint

BLUEPRINTS: tuple[Blueprint, ...] = tuple(
    one.BLUEPRINT
    for one in (
        build_order,
        event_rollup,
        fleet_config,
        maze_explorer,
        merge_exports,
        protocol_traces,
        replica_repair,
        retention_sweep,
        route_plan,
        score_table,
        sensor_calibration,
        spec_filter,
        tamper_audit,
    )
)
