"""Flow diagram of images and patients, in the manner of CONSORT, as a figure."""

from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from data_prep.flow_diagram import WIDTH, Diagram
from monai_mocoi.figures.canvas import new_figure, plain

_INCH = 100  # units of the diagram
_SIZES = {"number": 8.5, "total": 8.5, "more": 6.5}
_FACES = {
    "left-out": ("#fdf3ec", "#a33b00", "--"),
    "used": ("#e8f2f9", "#0072b2", "-"),
    "split": ("#e8f2f9", "#0072b2", "-"),
}


def flow_figure(diagram: Diagram) -> Figure:
    """Draw the boxes, texts and arrows of a diagram."""
    figure, axes = new_figure(WIDTH / _INCH, diagram.height / _INCH)
    axes.set_position((0, 0, 1, 1))
    axes.set(xlim=(0, WIDTH), ylim=(diagram.height, 0))
    axes.set_axis_off()
    for x, y, to_x, to_y in diagram.lines:
        axes.plot([x, to_x], [y, to_y], color="#1a1a1a", linewidth=0.9)
    for x, y, to_x, to_y in diagram.arrows:
        arrow = {
            "arrowstyle": "-|>",
            "color": "#1a1a1a",
            "linewidth": 0.9,
            "shrinkA": 0,
            "shrinkB": 0,
            "mutation_scale": 8,
        }
        axes.annotate("", (to_x, to_y), (x, y), arrowprops=arrow)
    for box in diagram.boxes:
        face, edge, line = _FACES.get(box.kind, ("white", "#1a1a1a", "-"))
        place = (box.x + 1, box.y + 1), box.width - 2, box.height - 2
        axes.add_patch(Rectangle(*place, facecolor=face, edgecolor=edge, linestyle=line, linewidth=1.0))
    for text in diagram.texts:
        bold = text.kind in ("number", "total")
        axes.text(
            text.x, text.y, plain(text.text), fontsize=_SIZES.get(text.kind, 7.8), va="baseline",
            ha="right" if text.kind in ("total", "out") else "left", weight="bold" if bold else "normal",
            color="#595959" if text.kind == "more" else "#1a1a1a",
        )  # fmt: skip
    return figure
