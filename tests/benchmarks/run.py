"""Runs all benchmarks, prints the table and writes the figures: ``make bench``."""

import argparse
import platform
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import bench_budgets
import bench_diagnosis
import bench_generate
import bench_identity
import bench_import
import bench_monitor
import bench_predict
import bench_sampler
import bench_shared_budget
import bench_token_counter
from rows import Row, table, write_json


def main() -> None:
    """Run, print, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path, default=Path("build/benchmarks.json"))
    arguments = parser.parse_args()
    rows: list[Row] = [*bench_import.run(), *bench_generate.run(), *bench_predict.run(), *bench_sampler.run()]
    rows += [*bench_identity.run(), *bench_budgets.run(), *bench_diagnosis.run(), *bench_monitor.run()]
    rows += [*bench_shared_budget.run(), *bench_token_counter.run()]
    sys.stdout.write(f"Python {platform.python_version()}, {platform.machine()}\n{table(rows)}\n")
    write_json(rows, arguments.json)
    sys.stdout.write(f"Figures: {arguments.json}\n")


if __name__ == "__main__":
    main()
