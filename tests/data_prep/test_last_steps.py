from __future__ import annotations

from data_prep.last_steps import print_next, unwritten_datalist
from monai_mocoi.data.datalist import load_datalist
from monai_mocoi.data.datalist_form import SPLITS
from monai_mocoi.data.datalist_writer import write_datalist
from monai_mocoi.own_command import command
from tests.data.dataset_folders import picture, save


def test_the_unwritten_datalist_is_what_is_read_later(tmp_path):
    items = {s: [{"image": f"images/{s}.png", "label": i % 2, "patient": s}] for i, s in enumerate(SPLITS)}
    for i, split in enumerate(SPLITS):
        save(tmp_path / f"images/{split}.png", picture(i))
    before = unwritten_datalist(tmp_path, "some", ("no", "yes"), items)
    write_datalist(tmp_path, "some", ("no", "yes"), items, {})
    after = load_datalist(tmp_path)
    assert (before.name, before.labels, before.folder) == (after.name, after.labels, after.folder)
    for split, known in before.splits().items():
        assert known == [{key: item[key] for key in known[0]} for item in after.splits()[split]]


def test_the_next_command_can_be_pasted(capsys):
    print_next("dr_mse", "my data/", "--decode_fit fundus_any")
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "The dataset folder is ready: my data/"
    assert lines[-1] == f"  {command()} " + (
        "run dr_mse/train --dataset_dir 'my data/' --output_dir 'runs/my data' --decode_fit fundus_any"
    )
