"""`python -m syncara.testing`: many seeds, and a table of what they went through."""

from __future__ import annotations

import sys
import time

import click

from syncara.testing.coverage import Coverage
from syncara.testing.simulation import SimulationFailure, simulate


@click.command()
@click.option("--seeds", default=500, show_default=True, help="How many seeds to run.")
@click.option("--start", default=0, show_default=True, help="The first seed.")
@click.option("--keep-going", is_flag=True, help="Run all seeds and list those that fail.")
def main(seeds: int, start: int, keep_going: bool) -> None:
    """Run simulations of the engine, each from its seed; the same seed is the same simulation."""
    coverage, failed, events = Coverage(), [], 0
    began = time.perf_counter()
    for seed in range(start, start + seeds):
        try:
            report = simulate(seed)
        except SimulationFailure as failure:
            failed.append(seed)
            click.echo(str(failure))
            if not keep_going:
                sys.exit(1)
        else:
            coverage.add([report.coverage])
            events += report.events
    click.echo(coverage.table())
    click.echo(f"{seeds} seeds, {events:,} events, {time.perf_counter() - began:.1f} s; failed: {failed or 'none'}")
    missing = coverage.missing()
    if missing and seeds >= 500:
        click.echo("never hit: " + ", ".join(missing))
    if failed or (missing and seeds >= 500):
        sys.exit(1)


if __name__ == "__main__":
    main()
