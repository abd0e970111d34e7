"""``python -m data_prep <source> ...``: raw images in, dataset folder out."""

from __future__ import annotations

import argparse
import importlib
import sys
from collections.abc import Sequence

from monai_mocoi.data.audit import LeakError
from monai_mocoi.data.errors import DatasetError

# Each module has add_arguments(parser) and run(args) -> exit code.
COMMANDS = {
    "nih": ("data_prep.nih", "NIH ChestX-ray14: PNGs and Data_Entry_2017*.csv"),
    "bch": ("data_prep.bch", "histopathology patches in the naming of the IDC data set"),
    "eyepacs": ("data_prep.eyepacs", "EyePACS fundus photographs: <id>_left/right.jpeg and trainLabels.csv"),
    "demo": ("data_prep.demo", "generated phantoms: no medical data, to try everything"),
    "audit": ("data_prep.audit", "check a dataset folder for patients or pictures in two splits"),
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command.

    Args:
        arguments: the command line without the program's name; None takes that of this process.

    Returns:
        the exit code: 0 done; 1 a leak between splits; 2 wrong arguments, data or folder; 130 stopped by Ctrl-C.
    """
    parser = argparse.ArgumentParser(prog="python -m data_prep", description="Turn raw images into a dataset folder.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, (module, summary) in COMMANDS.items():
        command = commands.add_parser(name, help=summary, description=summary)
        source = importlib.import_module(module)
        source.add_arguments(command)
        command.set_defaults(run=source.run)
    args = parser.parse_args(arguments)
    try:
        return int(args.run(args))
    except KeyboardInterrupt:
        print("\nStopped. The same command again goes on from here.", file=sys.stderr)
        return 130
    except LeakError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except (DatasetError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
