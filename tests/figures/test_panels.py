from __future__ import annotations

from monai_mocoi.figures.canvas import rendered
from monai_mocoi.figures.panels import new_panels


def test_panels_stand_in_rows_and_share_their_limits() -> None:
    figure, panels = new_panels(5, 2.0, 1.5, a_row=4, shared=True)
    assert figure.get_size_inches().tolist() == [8.0, 3.0]
    assert [axes.get_subplotspec().get_geometry()[2] for axes in panels] == [0, 1, 2, 3, 4]
    panels[0].set(xlim=(0, 3))
    assert panels[4].get_xlim() == (0, 3)
    assert rendered(figure).shape == (300, 800, 3)


def test_a_single_panel_is_as_wide_as_one() -> None:
    figure, panels = new_panels(1, 3.0, 2.0, a_row=4)
    assert len(panels) == len(figure.axes) == 1
    assert figure.get_size_inches().tolist() == [3.0, 2.0]
