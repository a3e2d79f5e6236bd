"""Options of `restore isp` that contradict each other, and what words stand for."""

import pytest

from restore_cli.commands.isp_options import check_engine, denoise_level, white_balance
from restore_cli.errors import RestoreError
from restore_cli.raw.settings import Temperature


def test_white_balance_in_words_and_numbers() -> None:
    assert white_balance("camera") == "camera"
    assert white_balance("5200K") == Temperature(5200.0)
    assert white_balance("3200k,-12.5") == Temperature(3200.0, -12.5)
    assert white_balance("4,2,3") == (2.0, 1.0, 1.5)
    assert denoise_level("auto") == "auto"
    assert denoise_level("12.5") == 12.5


@pytest.mark.parametrize(
    ("engine", "options", "words"),
    [
        ("libraw", {"denoise": "20", "demosaic": None, "proof": False}, "LibRaw does not denoise"),
        ("learned", {"denoise": "20", "demosaic": None, "proof": True}, "proof is not denoised"),
        ("learned", {"denoise": "auto", "demosaic": "dcb", "proof": False}, "--engine libraw"),
    ],
)
def test_options_of_the_other_engine_are_refused(
    engine: str, options: dict[str, object], words: str
) -> None:
    with pytest.raises(RestoreError) as caught:
        check_engine(engine, **options)
    assert words in f"{caught.value.message} {caught.value.hint}"


def test_what_fits_passes() -> None:
    check_engine("libraw", denoise="off", demosaic="dcb", proof=False)
    check_engine("learned", denoise="20", demosaic=None, proof=False)
