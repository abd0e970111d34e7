from __future__ import annotations

from html.parser import HTMLParser

from monai_mocoi.study.node_status import NodeStatus
from monai_mocoi.study.status_page import StatusRow, status_rows, summary, write_status_page
from tests.study.plans import node, plan

PLAN = plan(node("a"), node("b"), node("c"), node("<d>"), name="a & b")
STATUSES = [
    NodeStatus(PLAN.nodes[0], "done", share=1.0, seconds=30.0),
    NodeStatus(PLAN.nodes[1], "running", share=0.25, seconds_left=600.0),
    NodeStatus(PLAN.nodes[2], "failed", "the disk is <full>"),
    NodeStatus(PLAN.nodes[3], "waiting", "needs b"),
]


class Page(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.rows: list[list[str]] = []
        self.links: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.links += [value for name, value in attrs if name in ("src", "href")]
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")

    def handle_data(self, data):
        if self.rows and self.rows[-1] and data.strip():
            self.rows[-1][-1] += data


def test_rows_in_words():
    assert status_rows(STATUSES) == [
        StatusRow("a", "done", "100%", "30 s", ""),
        StatusRow("b", "running", "25%", "10 min left", ""),
        StatusRow("c", "failed", "", "", "the disk is <full>"),
        StatusRow("<d>", "waiting", "", "", "needs b"),
    ]


def test_one_line_on_the_whole():
    # 600 s of b; of c and d a planned minute each, at half of the planned time.
    assert summary(STATUSES) == (
        "4 steps: 1 done, 1 running, 1 failed, 1 waiting; about 11 min of work left, one after another"
    )
    assert summary(STATUSES[1:2]) == "1 steps: 1 running"


def test_the_page_holds_the_same_and_needs_nothing_else(tmp_path):
    path = tmp_path / "sub" / "status.html"
    write_status_page(path, PLAN, STATUSES, "2026-11-30 10:00 UTC")
    text = path.read_text(encoding="utf-8")
    page = Page(text)
    assert page.links == []
    assert "url(" not in text
    assert "<title>Study a &amp; b: status</title>" in text
    assert page.rows[0] == ["step", "state", "done", "time", "note"]
    assert page.rows[3][:2] == ["c", "failed"]
    assert page.rows[3][4] == "the disk is <full>"
    assert len(page.rows) == 5
    before = path.read_bytes()
    write_status_page(path, PLAN, STATUSES, "2026-11-30 10:00 UTC")
    assert path.read_bytes() == before
