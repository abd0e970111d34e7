"""Stand-ins of SLURM's commands: jobs run at once in this machine's shell, and every command line is recorded."""

from __future__ import annotations

import json
import sys
from pathlib import Path

_SBATCH = """
import json, os, subprocess, sys
place, words = os.environ["STANDIN"], sys.argv[1:]
with open(place + "/sbatch.jsonl", "a+") as file:
    file.seek(0)
    number = 1000 + sum(1 for _ in file)
    file.write(json.dumps(words) + "\\n")
wrapped = next(word.partition("=")[2] for word in words if word.startswith("--wrap="))
with open(f"{place}/{number}.txt", "w") as output:
    job = {**os.environ, "SLURM_JOB_ID": str(number)}
    code = subprocess.run(["bash", "-c", wrapped], env=job, stdout=output, stderr=output).returncode
with open(place + "/states.txt", "a") as file:
    file.write(f"{number}|{'FAILED' if code else 'COMPLETED'}\\n")
print(number)
"""
_SRUN = """
import os, sys
words = sys.argv[1:]
while words[0].startswith("-"):
    del words[0]
os.execvp(words[0], words)
"""
_SACCT = "import os; print(open(os.environ['STANDIN'] + '/states.txt').read())"


def put_slurm(folder: Path) -> dict[str, str]:
    """Write the stand-ins into a folder; the environment variable that they need, beside the folder in PATH."""
    folder.mkdir()
    (folder / "states.txt").touch()
    others = dict.fromkeys(("squeue", "scontrol", "sinfo", "sacctmgr", "sshare", "scancel"), "")
    for name, code in {"sbatch": _SBATCH, "srun": _SRUN, "sacct": _SACCT, **others}.items():
        (folder / name).write_text(f"#!{sys.executable}\n{code}")
        (folder / name).chmod(0o755)
    return {"STANDIN": str(folder)}


def submitted(folder: Path) -> list[list[str]]:
    """The words of each sbatch."""
    return [json.loads(line) for line in (folder / "sbatch.jsonl").read_text().splitlines()]
