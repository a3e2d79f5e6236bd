from small_recipe import parse, refusal


def test_a_run_reports_seldom_or_often_but_not_never() -> None:
    assert parse("log.samples=0", "log.every=1").log.every == 1
    assert "log.every" in refusal("log.every=0").message
    assert "log.checkpoint_minutes" in refusal("log.checkpoint_minutes=0.0").message
