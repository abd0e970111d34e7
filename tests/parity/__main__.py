"""``python -m tests.parity --seed 1``: print a seed's trajectories as JSON to standard output, and nothing else."""

from __future__ import annotations

import argparse
import contextlib
import json
import sys


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.parity", description=__doc__)
    parser.add_argument("--seed", type=int, default=1, help="seed of weights, queue and batches (default 1)")
    args = parser.parse_args()
    with contextlib.redirect_stdout(sys.stderr):  # whatever a library prints is not part of the document
        from tests.parity.trajectories import document

        result = document(args.seed)
    json.dump(result, sys.stdout, indent=1)
    print()


if __name__ == "__main__":
    main()
