from __future__ import annotations

from data_prep.candidates import unwritten_datalist
from monai_mocoi.data.datalist import load_datalist
from monai_mocoi.data.datalist_form import SPLITS
from monai_mocoi.data.datalist_writer import write_datalist
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
