#!/usr/bin/env python3
"""Which is the cheapest point of a sweep that meets a goal? Standard library only.

    rxplan sweep scenarios/shared-reserve.toml --vary nic.rx=256,512,1024 \\
        --vary reserve.entries=0,2048,4096 --out rings
    python3 examples/read_results.py rings 1e-2
"""

import csv
import json
import sys
from pathlib import Path


def main(folder: Path, goal: float) -> int:
    # JSON Lines keep types: one object a point, in the order of the grid, names with dots.
    with open(folder / "sweep.jsonl", encoding="utf-8") as lines:
        points = [json.loads(line) for line in lines]
    # CSV has the same order; its names have underscores, and an empty cell is a null.
    with open(folder / "differences.csv", encoding="utf-8", newline="") as rows:
        differences = list(csv.DictReader(rows))
    # What is varied comes first in each row, up to the result's own names.
    names = list(points[0])
    varied = names[: names.index("schema")]

    print(*varied, "MiB", "drop rate", "against the baseline", sep="\t")
    for point, difference in zip(points, differences):
        print(
            *(point[name] for name in varied),
            f"{point['memory.total_bytes'] / 2**20:.1f}",
            f"{point['drop_rate.estimate']:.2e}",
            difference["drop_rate_diff_estimate"],
            sep="\t",
        )
    # As `rxplan plan` does: a point meets the goal only if the whole interval does.
    good = [point for point in points if point["drop_rate.ci_high"] <= goal]
    if not good:
        print(f"no point is sure to drop at most {goal:g}")
        return 1
    best = min(good, key=lambda point: point["memory.total_bytes"])
    print("cheapest at most", f"{goal:g}:", {name: best[name] for name in varied})
    return 0


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    sys.exit(main(Path(sys.argv[1]), float(sys.argv[2])))
