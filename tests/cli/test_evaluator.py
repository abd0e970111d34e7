from __future__ import annotations

import os

import pytest
from monai.bundle import ConfigParser, ConfigWorkflow

from monai_mocoi.cli import Evaluator, Undecided, read_configs
from monai_mocoi.errors import UsageError
from tests.bundles.conftest import BUNDLES, NAMES, one_of_each

VALUES = {
    "a": 7,
    "b": 2.5,
    "flag": False,
    "none": None,
    "text": "demo",
    "list": [1, 2, 3],
    "deep": {"x": ["@a", "$@b * 2"]},
}

EXPRESSIONS = [
    "@a", "@deep#x#1", "@deep::x", "@deep", "$@a", "$@a + @b", "$@a * 8 // 7 - 3 % 2", "$-@a / 2", "$+@b", "$2 ** 3",
    "$1 if @flag else 2", "$1 if not @flag else 2", "$@text == 'demo'", "$@text != 'demo'", "$1 < @a <= 7 != 8",
    "$9 < @a < undefined", "$@a in @list", "$@a not in @list", "$@none is None", "$@none is not None",
    "$@flag or @none or @a or undefined", "$@a and @flag and undefined", "$@flag and undefined", "$[1, @a]",
    "$(1, @a)", "${'k': @a}", "$@list[0]", "$@list[-1]", "$@deep['x'][1]", '$f"{@text}-{@a}"', "$len(@list)",
    "$max(@a, 9)", "$min(@list)", "$abs(-@a)", "$sum(@list)", "$round(@b)", "$str(@a) + @text", "$int('4')",
    "$float(@a)", "$bool(@a)", "$list(@list)", "$isinstance(@list, list)", "$isinstance(@a, (list, float))",
    "$isinstance(@flag, int)", "$os.path.join('runs', @text)", "$os.path.basename('a/b')", "$[0.25] * 4", "$'ab' * 2",
    "$1 if @a else undefined", "plain", "$None", "$True", "$0 if @flag else [@a, {'x': @b}]",
]  # fmt: skip


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_the_same_value_as_monai_gets(expression):
    config = {**VALUES, "it": expression}
    parser = ConfigParser({**VALUES, "it": expression}, globals={"os": os})
    expected = parser.get_parsed_content("it")
    found = Evaluator(config).value("it")
    assert found == expected
    assert type(found) is type(expected)


@pytest.mark.parametrize(
    "expression",
    [
        "$torch.device('cpu')", "$@part", "$@part.x", "$@a if torch.cuda.is_available() else 1", "$open('x')",
        "$__import__('os').system('true')", "$().__class__", "$(lambda: 1)()", "$[x for x in @list]", "$@list[0:2]",
        "$str(*@list)", "$int('7', base=8)", "$f'{@a:03d}'", "$9 ** 99999", "$'x' * 99999999", "$'%999d' % 1",
        "$isinstance(@a, number)", "$isinstance(@a)", "$os.environ['HOME']", "$undefined", "${**@deep}",
        "$eval('1')", "$@text.upper()", "$(y := 1)",
    ],
)  # fmt: skip
def test_what_only_a_run_can_tell(expression):
    config = {**VALUES, "part": {"_target_": "torch.nn.Linear"}, "it": expression}
    with pytest.raises(Undecided):
        Evaluator(config).value("it")


@pytest.mark.parametrize(
    ("config", "reason"),
    [
        ({"it": "$1 / 0"}, "cannot be worked out: division by zero"),
        ({"it": "$'a' // 7"}, "cannot be worked out"),
        ({"it": "$[1][3]"}, "cannot be worked out"),
        ({"it": "$@nothing + 1"}, "it refers to nothing, which is no setting"),
        ({"it": "@other", "other": "@it"}, "it refers to itself: it -> other -> it"),
        ({"it": "$1 +"}, "is no Python expression"),
        ({"it": "$ 1"}, "is no Python expression"),
    ],
)
def test_what_cannot_be_worked_out_at_all(config, reason):
    with pytest.raises(UsageError, match=reason):
        Evaluator(config).value("it")


@pytest.mark.parametrize("name", one_of_each(NAMES))
@pytest.mark.parametrize("overlays", [(), ("paper.json",)], ids=["train", "paper"])
@pytest.mark.parametrize("dataset_dir", ["demo", "elsewhere"])
def test_the_constants_of_a_bundle_come_out_as_in_a_run(name, overlays, dataset_dir):
    files = [str(BUNDLES / name / "configs" / file) for file in ("train.json", *overlays)]
    workflow = ConfigWorkflow(config_file=files, workflow_type="train", logging_file=False, dataset_dir=dataset_dir)
    evaluator = Evaluator({**read_configs(files).config, "dataset_dir": dataset_dir})
    undecided = set()
    for setting in (*evaluator.config["settings"], "run_dir", "output_dir"):
        id = f"settings::{setting}" if setting in evaluator.config["settings"] else setting
        try:
            assert evaluator.value(id) == workflow.parser.get_parsed_content(id)
        except Undecided:
            undecided.add(setting)
    assert undecided == {"device", "num_workers"}
