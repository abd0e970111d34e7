from __future__ import annotations

import pytest

from benchmarks.own_data_guide import with_outputs

PAGE = """# A page

    not a command

<!-- shown: ^[bd] -->
    $ printf 'a\\nb\\nc\\nd\\ne\\ne\\n' > made; \\
      cat made
    old
    older

Text.

    $ echo "12:00:00 INFO some.module: $PWD/made, 100%"; printf 'images:  50%%| 1/2 [00:00]\\rlast'
    $ wc -l < made
"""


def test_the_output_of_each_command_is_replaced_and_nothing_else(tmp_path):
    assert (
        with_outputs(PAGE, tmp_path)
        == """# A page

    not a command

<!-- shown: ^[bd] -->
    $ printf 'a\\nb\\nc\\nd\\ne\\ne\\n' > made; \\
      cat made
    ...
    b
    ...
    d
    ...

Text.

    $ echo "12:00:00 INFO some.module: $PWD/made, 100%"; printf 'images:  50%%| 1/2 [00:00]\\rlast'
    made, 100%
    last
    $ wc -l < made
    6
"""
    )


def test_it_ends_at_a_command_that_fails(tmp_path):
    with pytest.raises(SystemExit, match="no more"):
        with_outputs("    $ echo no more; exit 3\n    $ touch reached\n", tmp_path)
    assert list(tmp_path.iterdir()) == []
