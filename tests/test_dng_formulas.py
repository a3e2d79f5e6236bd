"""DNG files of random levels, areas, kinds and packings against the specification's formulas.

Written by tifffile, with what the formulas give written out here, sample by sample.
"""

import itertools
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from dng_cases import listed, op
from dng_files import LINEAR, developed, light, ratios, restated, write
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from restore_cli.raw.opcodes import apply, parse

SETTINGS = settings(
    max_examples=60,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
PATTERNS = ((0, 1, 1, 2), (1, 0, 2, 1), (1, 2, 0, 1), (2, 1, 1, 0))
KINDS = ("linear", "monochrome", "bayer", "quad")


def area_of(draw: st.DrawFn, height: int, width: int, least: int) -> tuple[int, int, int, int]:
    top, left = draw(st.integers(0, 7)), draw(st.integers(0, 7))
    below, right = draw(st.integers(0, 5)), draw(st.integers(0, 5))
    if min(height - top - below, width - left - right) < least:
        return (0, 0, height, width)
    return (top, left, height - below, width - right)


@st.composite
def files(draw: st.DrawFn) -> dict[str, Any]:
    """What a file says."""
    kind = draw(st.sampled_from(KINDS))
    height, width = draw(st.integers(41, 64)), draw(st.integers(41, 64))
    active = area_of(draw, height, width, 30)
    inside = (active[2] - active[0], active[3] - active[1])
    samples = 3 if kind == "linear" else 1
    down, across = draw(st.sampled_from([(1, 1), (1, 2), (2, 1), (2, 2), (3, 2), (4, 4)]))
    dtype = draw(st.sampled_from(["u1", "u2", "f2", "f4"]))
    full = {"u1": 255, "u2": 65535}.get(dtype, 1.0)
    whole = dtype[0] == "u"
    share = st.floats(-0.03, 0.12).map(lambda v: round(v * full, 2 if whole else 5))
    return {
        "kind": kind,
        "size": (height, width),
        "active": active,
        "samples": samples,
        "dtype": dtype,
        "full": full,
        "repeat": (down, across),
        "black": draw(st.lists(share, min_size=down * across * samples,
                               max_size=down * across * samples)),
        "rows": draw(st.booleans()) and [draw(share) / 4 for _ in range(inside[0])],
        "columns": draw(st.booleans()) and [draw(share) / 4 for _ in range(inside[1])],
        "white": [draw(st.floats(0.7, 1.0)) * full for _ in range(samples)]
        if draw(st.booleans()) else None,
        "cells": draw(st.sampled_from(PATTERNS)),
        "order": draw(st.sampled_from("<>")),
        "packing": draw(st.sampled_from(["strips", "odd strips", "tiles", "deflate", "predictor"])),
        "crop": draw(st.booleans()) and [draw(st.integers(0, 6)) for _ in range(4)],
        "user": draw(st.booleans()) and [draw(st.floats(0, 0.2)) for _ in range(4)],
        "seed": draw(st.integers(0, 1000)),
    }  # fmt: skip


def tags_of(told: dict[str, Any]) -> list[tuple[Any, ...]]:
    top, left, bottom, right = told["active"]
    tags: list[tuple[Any, ...]] = [
        (50713, 3, 2, told["repeat"]),
        (50714, 10, len(told["black"]), ratios(told["black"], 100_000)),
        (50829, 4, 4, told["active"]),
    ]
    for tag, name in ((50716, "rows"), (50715, "columns")):
        if told[name]:
            tags.append((tag, 10, len(told[name]), ratios(told[name], 100_000)))
    if told["white"]:
        tags.append((50717, 5, told["samples"], ratios(told["white"], 10_000)))
    if told["crop"]:
        y, x, below, beside = told["crop"]
        size = (right - left - x - beside, bottom - top - y - below)
        tags += [(50719, 5, 2, ratios((x, y))), (50720, 5, 2, ratios(size))]
    if told["user"]:
        a, b, c, d = told["user"]
        tags.append((51125, 5, 4, ratios((a, b, 1 - c, 1 - d), 1_000_000)))
    if told["kind"] == "quad":
        small = np.array(told["cells"]).reshape(2, 2).repeat(2, 0).repeat(2, 1)
        tags += [(33421, 3, 2, (4, 4)), (33422, 1, 16, bytes(small.ravel().tolist()))]
    elif told["kind"] == "bayer":
        tags.append((33422, 1, 4, bytes(told["cells"])))
    return tags


def black_of(told: dict[str, Any]) -> np.ndarray:
    """(H, W, samples) of the active area."""
    top, left, bottom, right = told["active"]
    down, across = told["repeat"]
    tile = np.round(np.array(told["black"]), 5).reshape(down, across, told["samples"])
    out = np.empty((bottom - top, right - left, told["samples"]))
    for y, x in itertools.product(range(bottom - top), range(right - left)):
        out[y, x] = tile[y % down, x % across]
        out[y, x] += told["rows"][y] if told["rows"] else 0
        out[y, x] += told["columns"][x] if told["columns"] else 0
    return out


def write_file(path: Path, told: dict[str, Any], codes: np.ndarray) -> Path:
    options: dict[str, Any] = {"byteorder": told["order"]}
    match told["packing"]:
        case "odd strips":
            options["rowsperstrip"] = 7
        case "tiles":
            options["tile"] = (32, 48)
        case "deflate" | "predictor":
            options["compression"] = "deflate"
            options["predictor"] = told["packing"] == "predictor"
    if told["kind"] != "monochrome":
        return write(path, codes, *tags_of(told), **options)
    # tifffile writes no LinearRaw of one sample.
    write(path, codes, *tags_of(told), mosaic=False, photometric="minisblack", **options)
    return restated(path, order={"<": "little", ">": "big"}[told["order"]], _262=LINEAR)


@SETTINGS
@given(told=files())
def test_levels_areas_and_packings(tmp_path: Path, told: dict[str, Any]) -> None:
    rng = np.random.default_rng(told["seed"])
    (height, width), (top, left, bottom, right) = told["size"], told["active"]
    shape = (height, width, told["samples"])
    white = np.array(told["white"] or [told["full"]] * told["samples"])
    black = black_of(told)
    if told["kind"] in ("linear", "monochrome"):
        wanted = rng.uniform(0.1, 0.9, (bottom - top, right - left, told["samples"]))
    else:
        colour = rng.uniform(0.2, 0.8, 3)
        side = 2 if told["kind"] == "quad" else 1
        cells = np.array(told["cells"]).reshape(2, 2).repeat(side, 0).repeat(side, 1)
        y, x = np.mgrid[: bottom - top, : right - left]
        wanted = colour[cells[y % len(cells), x % len(cells)]][..., None]
    codes = rng.uniform(0, told["full"], shape)
    codes[top:bottom, left:right] = black + wanted * (white - black)
    if told["dtype"][0] == "u":
        codes = np.clip(np.round(codes), 0, told["full"])
    stored = codes.astype(told["order"] + told["dtype"])
    active = stored[top:bottom, left:right].astype(float)
    right_light = np.clip((active - black) / (white - black), 0, 1)
    path = tmp_path / "a.dng"
    write_file(path, told, stored[..., 0] if told["samples"] == 1 else stored)
    seen = light(path, hot_pixels="off")
    y, x, below, beside = told["crop"] or (0, 0, 0, 0)
    area = np.array([y, x, bottom - top - below, right - left - beside], float)
    if told["user"]:
        a, b, c, d = np.round(told["user"], 6)
        high, wide = area[2] - area[0], area[3] - area[1]
        area = np.array([area[0] + a * high, area[1] + b * wide,
                         area[0] + (1 - c) * high, area[1] + (1 - d) * wide])  # fmt: skip
    y, x, end_y, end_x = (round(v) for v in area)
    if told["kind"] in ("linear", "monochrome"):
        meant = np.broadcast_to(right_light[y:end_y, x:end_x], (end_y - y, end_x - x, 3))
        assert seen.shape == meant.shape
        np.testing.assert_allclose(seen, meant, atol=1e-3)
        return
    half = 2 if told["kind"] == "quad" else 1
    sizes = [(end_y // half - y // half), (end_x // half - x // half)]
    assert abs(np.array(seen.shape[:2]) - sizes).max() <= (half > 1)
    # Rounding of codes apart every place has the colour; 8 bits have steps of 1/200.
    step = 0.01 if told["dtype"] == "u1" else 1e-3
    np.testing.assert_allclose(seen, np.broadcast_to(colour, seen.shape), atol=step)


@st.composite
def regions(draw: st.DrawFn) -> tuple[int, ...]:
    """An area, planes and pitches; some reach beyond a picture of 13 x 17 x 3."""
    top, left = draw(st.integers(-4, 9)), draw(st.integers(-4, 12))
    return (
        *(top, left, top + draw(st.integers(1, 20)), left + draw(st.integers(1, 20))),
        *(draw(st.integers(0, 2)), draw(st.integers(1, 3))),
        *(draw(st.integers(1, 4)), draw(st.integers(1, 4))),
    )


@st.composite
def corrections(draw: st.DrawFn) -> tuple[int, tuple[int, ...], np.random.Generator]:
    """Number, region, and parameters of one that changes levels."""
    number = draw(st.integers(7, 13))
    where = draw(regions())
    seed = draw(st.integers(0, 10_000))
    return number, where, np.random.default_rng(seed)


def places(where: tuple[int, ...]) -> Iterator[tuple[int, int, int, int, int]]:
    """Each sample of a region that lies in the picture, and which line of it that is."""
    top, left, bottom, right, plane, planes, down, across = where
    for line, y in enumerate(range(top, bottom, down)):
        for column, x in enumerate(range(left, right, across)):
            for c in range(plane, min(plane + planes, 3)):
                if 0 <= y < 13 and 0 <= x < 17:
                    yield y, x, c, line, column


def one(
    number: int, where: tuple[int, ...], rng: np.random.Generator, picture: np.ndarray
) -> bytes:
    """Change a picture as the specification says, sample by sample; the opcode."""
    head = struct.pack(">4i4I", *where)
    top, left, bottom, right, _, _, down, across = where
    if number == 7:
        table = np.sort(rng.integers(0, 65536, 900)).astype(">u2")
        for y, x, c, *_ in places(where):
            code = int(np.clip(round(float(picture[y, x, c]) * 65535), 0, len(table) - 1))
            picture[y, x, c] = table[code] / 65535
        return op(7, head + struct.pack(">I", len(table)) + table.tobytes())
    if number == 8:
        factors = rng.uniform(-0.2, 0.4, rng.integers(1, 10))
        for y, x, c, *_ in places(where):
            value = sum(f * float(picture[y, x, c]) ** k for k, f in enumerate(factors))
            picture[y, x, c] = min(max(value, -1), 1)
        count = len(factors)
        return op(8, head + struct.pack(f">I{count}d", count - 1, *factors))
    if number == 9:
        rows, columns, deep = rng.integers(1, 5, 3)
        gains = rng.uniform(0.5, 1.5, (rows, columns, deep)).astype(np.float32)
        steps, origin = rng.uniform(0.1, 0.6, 2), rng.uniform(-0.1, 0.3, 2)
        for y, x, c, *_ in places(where):
            at = [((y + 0.5) / 13 - origin[0]) / steps[0], ((x + 0.5) / 17 - origin[1]) / steps[1]]
            at = [min(max(p, 0), n - 1) for p, n in zip(at, (rows, columns), strict=True)]
            low = [int(p) for p in at]
            high = [min(p + 1, n - 1) for p, n in zip(low, (rows, columns), strict=True)]
            part = [p - q for p, q in zip(at, low, strict=True)]
            map_ = gains[..., min(c, deep - 1)].astype(float)
            upper = map_[low[0], low[1]] * (1 - part[1]) + map_[low[0], high[1]] * part[1]
            lower = map_[high[0], low[1]] * (1 - part[1]) + map_[high[0], high[1]] * part[1]
            picture[y, x, c] *= upper * (1 - part[0]) + lower * part[0]
        body = struct.pack(">2I4dI", rows, columns, *steps, *origin, deep)
        return op(9, head + body + gains.astype(">f4").tobytes())
    by_row = number in (10, 12)
    count = -(-(bottom - top) // down) if by_row else -(-(right - left) // across)
    values = rng.uniform(-0.1, 0.3, count) + (1 if number >= 12 else 0)
    values = values.astype(">f4")
    for y, x, c, line, column in places(where):
        value = float(values[line if by_row else column])
        picture[y, x, c] = picture[y, x, c] * value if number >= 12 else picture[y, x, c] + value
    return op(number, head + struct.pack(">I", count) + values.tobytes())


@SETTINGS
@given(chosen=st.lists(corrections(), min_size=1, max_size=4))
def test_corrections_of_regions(
    chosen: list[tuple[int, tuple[int, ...], np.random.Generator]],
) -> None:
    picture = np.random.default_rng(3).uniform(0.01, 0.9, (13, 17, 3))
    meant = picture.copy()
    data = listed(*[one(number, where, rng, meant) for number, where, rng in chosen])
    seen = apply(parse(data), picture.astype(np.float32)).image
    # A table's steps: what rounds to another code differs.
    tables = any(number == 7 for number, *_ in chosen)
    apart = np.abs(seen - meant)
    assert (apart < 1e-4).mean() > (0.97 if tables else 0.9999), apart.max()


@pytest.mark.parametrize("edge", ["corner", "side", "inside"])
@pytest.mark.parametrize("colour", range(4))
@pytest.mark.parametrize("code", [0, 16383])
def test_defects_of_every_colour_near_edges(
    tmp_path: Path, edge: str, colour: int, code: int
) -> None:
    """A hot or dead sample is mended wherever it lies, and in any colour."""
    codes = np.full((64, 80), 5000, np.uint16)
    y, x = divmod(colour, 2)
    top, left = {"corner": (0, 0), "side": (0, 40), "inside": (30, 40)}[edge]
    codes[top + y, left + x] = code
    white = (50717, 4, 1, 16383)
    seen = light(write(tmp_path / "a.dng", codes, white))
    np.testing.assert_allclose(seen, 5000 / 16383, atol=1e-3)


@pytest.mark.parametrize("pair", [(0, 1), (-1, 1), (0, 0), (1, 0), (1, 10**9)])
def test_a_neutral_that_makes_no_sense_is_daylights_and_noted(
    tmp_path: Path, pair: tuple[int, int]
) -> None:
    path = write(
        tmp_path / "a.dng",
        np.full((64, 80), 5000, np.uint16),
        (50728, 10, 3, (1, 1, *pair, 1, 1)),
    )
    _, loaded = developed(path)
    assert loaded.details["wb"] == pytest.approx([1, 1, 1], abs=2e-3)
    assert "white balance" in " ".join(loaded.notes)
