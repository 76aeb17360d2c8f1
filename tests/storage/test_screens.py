from __future__ import annotations

from storage.database import Store


def test_screen_state_survives_a_restart(store: Store) -> None:
    store.screen.remember("inbox", '{"sort":"score"}')
    store.screen.remember("inbox", '{"sort":"age"}')
    store.close()
    with Store.open(store.path) as again:
        assert again.screen.recall("inbox") == '{"sort":"age"}'
        assert again.screen.recall("elsewhere") == ""
        again.screen.remember("inbox", "")
        assert again.screen.recall("inbox") == ""
        assert again.statistics().rows["screen"] == 0


def test_what_is_too_long_is_forgotten_rather_than_cut(store: Store) -> None:
    store.screen.remember("draft", '"short"')
    store.screen.remember("draft", '"' + "x" * 200_000 + '"')
    assert store.screen.recall("draft") == ""
