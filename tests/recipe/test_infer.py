from small_recipe import TEXT, parse

from restore_cli.recipe import InferSection


def test_the_overlap_is_the_recipes_or_64_px() -> None:
    assert parse("infer.overlap=12").infer.overlap == 12
    assert parse(text=TEXT[: TEXT.index("[infer]")]).infer == InferSection(overlap=64)
