from __future__ import annotations

from data_prep.console import print_left_out, print_next, print_table
from monai_mocoi.own_command import command


def test_the_table_has_a_row_a_label_and_one_for_all(capsys):
    table = {"training": {"no": 3, "a label of many words": 12}, "test": {"no": 0, "a label of many words": 1}}
    print_table(table, {"training": ["x"] * 15, "test": ["y"]})
    assert capsys.readouterr().out.splitlines() == [
        "images with                training        test",
        "no                                3           0",
        "a label of many words            12           1",
        "all                              15           1",
    ]


def test_a_table_without_labels_tells_the_sizes(capsys):
    print_table({"training": {}}, {"training": ["x", "y"]})
    assert capsys.readouterr().out.splitlines()[-1].split() == ["all", "2"]


def test_what_was_left_out(capsys):
    print_left_out({"too old": ["x", "y"]})
    assert capsys.readouterr().out == "left out, too old: 2 (listed in manifest.json)\n"


def test_the_next_command_can_be_pasted(capsys):
    print_next("dr_mse", "my data/", "--resize_mode fundus_any")
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "The dataset folder is ready: my data/"
    assert lines[-1] == f"  {command()} " + (
        "run dr_mse/train --dataset_dir 'my data/' --output_dir 'runs/my data' --resize_mode fundus_any"
    )
