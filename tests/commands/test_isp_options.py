"""Options of `restore isp` that contradict each other, and what words stand for."""

import pytest

from restore_cli.commands.isp_options import check_engine, check_usage, denoise_level, white_balance
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


def test_16_bits_are_those_asked_for_or_those_of_linear_light() -> None:
    modes = {"info": False, "preview": False}
    assert not check_usage(None, None, None, linear=False, **modes)
    assert check_usage("png", None, "16", linear=False, **modes)
    assert check_usage(None, "a.tiff", None, linear=True, **modes)


@pytest.mark.parametrize(
    ("format", "bits", "on", "words"),
    [
        ("jpg", "16", set[str](), "JPG files have 8 bits"),
        (None, "8", {"linear"}, "needs 16 bits"),
        (None, None, {"info", "preview"}, "--info and --preview exclude"),
    ],
)
def test_what_contradicts_itself_is_refused(
    format: str | None, bits: str | None, on: set[str], words: str
) -> None:
    modes = {name: name in on for name in ("linear", "info", "preview")}
    with pytest.raises(RestoreError, match=words):
        check_usage(format, None, bits, **modes)
