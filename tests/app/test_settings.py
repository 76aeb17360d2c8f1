"""Settings: four layers with an origin for every value, errors that say where, edits that keep the file."""

from __future__ import annotations

import os
import stat
import sys
from pathlib import Path

import pytest
import tomlkit
from hypothesis import given
from hypothesis import strategies as st

from app.settings.editing import change_settings, document_settings, list_settings
from app.settings.loading import LoadedSettings, SettingsError, default_path, key_lines, load_settings, sections
from app.settings.schema import Settings


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "config.toml"


def _load(file: Path, text: str = "", /, **environment: str) -> LoadedSettings:
    file.write_text(text)
    return load_settings(file, environment)


def _refusal(file: Path, text: str, /, **environment: str) -> str:
    with pytest.raises(SettingsError) as caught:
        _load(file, text, **environment)
    return str(caught.value)


def test_without_a_file_the_defaults_hold(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    loaded = load_settings(environment={})
    assert loaded.path == default_path()
    assert loaded.settings.detection.baseline_minutes == 30
    assert loaded.origin("detection.baseline_minutes") == "default"


def test_a_file_that_was_named_must_be_there(file: Path) -> None:
    with pytest.raises(SettingsError, match="no such file"):
        load_settings(file, {})


def test_each_layer_wins_over_the_one_before(file: Path) -> None:
    text = '[prometheus]\nurl = "http://file"\n[engine]\ninterval_seconds = 20\nclean_passes = 4\n'
    loaded = _load(file, text)
    assert (loaded.settings.prometheus.url, loaded.origin("prometheus.url")) == ("http://file", f"{file}:2")
    loaded = _load(file, text, PROMETHEUS_URL="http://usual")
    assert loaded.origin("prometheus.url") == "environment PROMETHEUS_URL"
    ours = {"PROMETHEUS_URL": "http://usual", "TOCSIN_PROMETHEUS_URL": "http://ours"}
    loaded = load_settings(file, ours)
    assert (loaded.settings.prometheus.url, loaded.origin("prometheus.url")) == (
        "http://ours",
        "environment TOCSIN_PROMETHEUS_URL",
    )
    loaded = load_settings(file, ours, {"prometheus.url": ("http://line", "--prometheus")})
    assert (loaded.settings.prometheus.url, loaded.origin("prometheus.url")) == ("http://line", "--prometheus")
    assert loaded.settings.engine.interval_seconds == 20
    assert loaded.origin("engine.clean_passes") == f"{file}:5"


def test_lists_and_pairs_come_as_text_from_outside_the_file(file: Path) -> None:
    loaded = _load(
        file,
        "",
        TOCSIN_SCOPE_NAMESPACES="shop, data",
        TOCSIN_SCOPE_ENVIRONMENT_OF="shop=prod,qa-*=test",
        TOCSIN_KUBERNETES_ENABLED="false",
        TOCSIN_DETECTION_FALSE_DISCOVERY_RATE="0.05",
    )
    assert loaded.settings.scope.namespaces == ("shop", "data")
    assert loaded.settings.scope.environment_of == {"shop": "prod", "qa-*": "test"}
    assert loaded.settings.kubernetes.enabled is False
    assert loaded.settings.detection.false_discovery_rate == 0.05


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("[engine]\n\ninterval_seconds = 4\n", ("{file}:3", "engine.interval_seconds", "4", "5", "600")),
        ("[engine]\ninterval_seconds = 'soon'\n", ("{file}:2", "'soon'", "number")),
        ("[console]\nmotion = 'wild'\n", ("{file}:2", "'wild'", "basic, full, none")),
        ("[scope]\nnamespaces = 'shop'\n", ("{file}:2", "'shop'", "list")),
        ("[engine]\nintervall = 4\n", ("{file}:2", "engine.intervall", "interval_seconds")),
        ("[engin]\ninterval_seconds = 30\n", ("engin", "engine")),
        ("interval_seconds = 30\n", ("interval_seconds", "outside any table", "engine")),
        ("[detection]\nevaluation_minutes = 9\nbaseline_minutes = 10\n", ("9", "half", "10")),
        ("[budget]\npart_series = 10\n", ("{file}:2", "budget.part_series", "10", "1000")),
        ("[budget]\nmost_series = 100_000\n", ("part_series", "200000", "most_series", "100000")),
        ("[engine\n", ("{file}", "not valid TOML", "line 1")),
        ("[prometheus]\npassword = 'hunter2'\n", ("{file}:2", "prometheus.password", "password_env")),
    ],
)
def test_what_cannot_be_used_is_named_with_its_place(file: Path, text: str, parts: tuple[str, ...]) -> None:
    message = _refusal(file, text)
    for part in parts:
        assert part.format(file=file) in message
    assert "hunter2" not in message


def test_everything_that_is_wrong_is_named_at_once(file: Path) -> None:
    text = (
        "[engine]\ninterval_seconds = 4\nintervall = 5\n[budget]\npart_series = 10\n[consol]\nmotion = 'none'\nx = 1\n"
        "[notify.destinations.team]\nkind = 'pigeon'\n"
    )
    lines = _refusal(file, text).splitlines()
    assert len(lines) == 5
    for line, part in zip(lines, (":2", ":3", ":5", "`consol`", ":10"), strict=True):
        assert str(file) in line or part == "`consol`"
        assert part in line, lines


def test_no_credential_is_repeated_by_a_refusal(file: Path) -> None:
    text = "[prometheus.headers]\nX-Scope-OrgID = 42\nAuthorization = 'Basic dXNlcjpodW50ZXIy'\n"
    message = _refusal(file, text)
    assert "prometheus.headers" in message and "42" in message
    assert "dXNl" not in message


def test_a_bad_variable_is_named(file: Path) -> None:
    message = _refusal(file, "", TOCSIN_ENGINE_INTERVAL_SECONDS="4")
    assert "environment TOCSIN_ENGINE_INTERVAL_SECONDS" in message
    assert "600" in message


@pytest.mark.parametrize("content", [b"\xff\xfe[engine]", b"[engine]\nkey = \x00"])
def test_what_is_no_text_is_refused(file: Path, content: bytes) -> None:
    file.write_bytes(content)
    with pytest.raises(SettingsError, match=str(file)):
        load_settings(file, {})


def test_a_folder_is_no_settings_file(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="cannot be read"):
        load_settings(tmp_path, {})


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read_is_said(file: Path) -> None:
    file.touch()
    file.chmod(0)
    with pytest.raises(SettingsError, match="Permission denied"):
        load_settings(file, {})


def test_lines_are_found_whatever_the_style() -> None:
    text = (
        '# x = 1\n[ engine ]\n"interval_seconds" = 5\n\n[scope.environment_of]\n"a" = "b"\n[console.keys]\nquit = "x"\n'
    )
    lines = key_lines(text)
    assert lines["engine", "interval_seconds"] == 3
    assert lines["scope", "environment_of"] == 5
    assert lines["console", "keys"] == 7


def test_where_the_database_and_the_own_rows_are(file: Path) -> None:
    loaded = _load(file, "[store]\npath = '~/elsewhere.db'\n")
    assert loaded.database == Path("~/elsewhere.db").expanduser()
    assert loaded.configuration_folder == file.parent
    assert _load(file).database.name == "tocsin.db"


class TestEditing:
    def test_a_change_keeps_comments_order_and_everything_else(self, file: Path) -> None:
        file.write_text("# mine\n[engine]\ninterval_seconds = 20 # quick\n\n[scope]\nservices = ['a']\n")
        change_settings(file, {"engine.interval_seconds": "45"})
        change_settings(file, {"scope.namespaces": "shop, data"})
        text = file.read_text()
        assert "# mine" in text
        assert "# quick" in text
        loaded = load_settings(file, {})
        assert loaded.settings.engine.interval_seconds == 45
        assert loaded.settings.scope.namespaces == ("shop", "data")
        assert loaded.settings.scope.services == ("a",)
        assert loaded.origin("engine.interval_seconds") == f"{file}:3"

    def test_a_file_is_made_where_there_is_none(self, tmp_path: Path) -> None:
        file = tmp_path / "new" / "config.toml"
        change_settings(file, {"console.mouse": "false"})
        assert load_settings(file, {}).settings.console.mouse is False

    @pytest.mark.parametrize(
        ("key", "value"),
        [
            ("engine.interval_seconds", "4"),
            ("engine.nothing", "1"),
            ("nothing.x", "1"),
            ("engine", "1"),
            ("detection.evaluation_minutes", "10"),
        ],
    )
    def test_what_is_not_allowed_leaves_the_file_alone(self, file: Path, key: str, value: str) -> None:
        file.write_text("[detection]\nbaseline_minutes = 10\n")
        with pytest.raises(SettingsError):
            change_settings(file, {key: value})
        assert file.read_text() == "[detection]\nbaseline_minutes = 10\n"
        assert list(file.parent.iterdir()) == [file]

    @pytest.mark.parametrize(
        ("url", "words"),
        [
            ("http://[x", "http://HOST:PORT"),
            ("prom:9090", "http://HOST:PORT"),
            ("http://h:9090/?token=hunter2", "bearer_token_env"),
            ("http://h:9090/#hunter2", "bearer_token_env"),
            ("http://me:hunter2@h:9090", "password_env"),
        ],
    )
    def test_an_address_that_cannot_be_used_or_holds_a_secret_is_not_written(
        self, file: Path, url: str, words: str
    ) -> None:
        with pytest.raises(SettingsError) as refused:
            change_settings(file, {"prometheus.url": url})
        text = str(refused.value)
        assert "prometheus.url" in text
        assert words in text
        assert str(file) in text
        assert "hunter2" not in text
        assert not file.exists()

    def test_a_broken_file_is_not_made_worse(self, file: Path) -> None:
        file.write_text("[engine\n")
        with pytest.raises(SettingsError, match="not valid TOML"):
            change_settings(file, {"engine.clean_passes": "4"})
        assert file.read_text() == "[engine\n"

    @pytest.mark.skipif(sys.platform == "win32", reason="POSIX modes")
    def test_what_may_hold_names_of_secrets_is_readable_by_its_owner_only(self, file: Path) -> None:
        change_settings(file, {"prometheus.bearer_token_env": "TOKEN"})
        assert stat.S_IMODE(file.stat().st_mode) & 0o077 == 0

    def test_every_setting_can_be_written_as_it_is_shown(self, file: Path) -> None:
        defaults = {value.key: value.value for value in list_settings(LoadedSettings(Settings(), file, {}))}
        for key, value in defaults.items():
            change_settings(file, {key: value})
        again = {value.key: value.value for value in list_settings(load_settings(file, {}))}
        assert again == defaults

    @given(st.text(max_size=30))
    def test_any_text_comes_back_or_is_refused(self, tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
        file = tmp_path_factory.mktemp("any") / "config.toml"
        try:
            change_settings(file, {"kubernetes.context": text})
        except SettingsError:
            return
        assert load_settings(file, {}).settings.kubernetes.context == text
        tomlkit.parse(file.read_text("utf-8"))


def test_every_setting_says_what_it_means_and_what_is_allowed(file: Path) -> None:
    values = list_settings(_load(file))
    assert {value.key.partition(".")[0] for value in values} == set(sections())
    assert not [value.key for value in values if not value.allowed]
    assert not [value.key for value in values if not value.doc]


def test_the_page_has_every_setting() -> None:
    page = document_settings()
    for value in list_settings(LoadedSettings(Settings(), default_path(), {})):
        assert f"| `{value.key.partition('.')[2]}` |" in page
