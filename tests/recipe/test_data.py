from small_recipe import parse


def test_sources_are_counted_in_the_order_of_their_first_entries() -> None:
    entries = [("rain", 1.0), ("clean", 2.0), ("rain", 4.0), ("haze", 1.0)]
    mixture = ", ".join(f'{{ source = "{name}", weight = {weight} }}' for name, weight in entries)
    sources = parse(f"data.mixture=[{mixture}]").data.sources
    assert list(sources.items()) == [("rain", 0.625), ("clean", 0.25), ("haze", 0.125)]
    assert parse().data.sources == {}
