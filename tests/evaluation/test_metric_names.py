import pytest

from restore_cli.errors import RestoreError
from restore_cli.evaluation.metric_names import NAMES, check_name
from restore_cli.evaluation.metrics import METRICS


def test_every_name_is_built_and_no_other() -> None:
    assert list(METRICS) == list(NAMES)
    for name in NAMES:
        check_name(name)


@pytest.mark.parametrize(("wrong", "meant"), [("psrn", "psnr"), ("lpisp", "lpips")])
def test_what_was_probably_meant_is_named(wrong: str, meant: str) -> None:
    with pytest.raises(RestoreError, match=f"unknown metric '{wrong}'") as caught:
        check_name(wrong)
    assert f"did you mean '{meant}'" in (caught.value.hint or "")
