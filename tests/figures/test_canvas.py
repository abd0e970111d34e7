import numpy as np
from PIL import Image

from monai_mocoi.figures.canvas import COLOURS, new_figure, plain, rendered, save_figure


def drawn():
    figure, axes = new_figure(3, 2)
    axes.plot([0, 1], [0, 1], color=COLOURS[0], label=plain("p$0$"))
    axes.legend()
    return figure


def test_files_are_the_same_bytes_each_time(tmp_path):
    first = save_figure(drawn(), tmp_path / "a", "line")
    second = save_figure(drawn(), tmp_path / "b", "line")
    assert [file.name for file in first] == ["line.png", "line.svg"]
    assert [file.read_bytes() for file in first] == [file.read_bytes() for file in second]
    assert Image.open(first[0]).size == (600, 400)
    assert b"<dc:date>" not in first[1].read_bytes()


def test_a_saved_figure_can_still_be_rendered(tmp_path):
    figure = drawn()
    save_figure(figure, tmp_path, "line")
    picture = rendered(figure)
    assert picture.shape == (200, 300, 3)
    assert picture.dtype == np.uint8
    assert len(np.unique(picture.reshape(-1, 3), axis=0)) > 2


def test_no_file_says_which_program_or_version_wrote_it(tmp_path):
    for file in save_figure(drawn(), tmp_path, "line"):
        assert b"atplotlib version" not in file.read_bytes()
