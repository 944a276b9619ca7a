"""What people write about a model: validated, read from Markdown files, hashed apart from the use case."""

import pytest

from mlreg_dagster.config import ConfigError, UseCaseSettings, load_settings
from mlreg_dagster.config.sections.documentation import Documentation
from mlreg_dagster.governance.policy.in_force import differences, rules_of
from mlreg_dagster_tests.config.files import load_file

LIMITS = "Most flags are false alarms."


def documented(folder, text):
    return load_file(folder, "use_case.yaml", f"documentation: {{{text}}}").use_case.documentation


@pytest.fixture
def configs(tmp_path):
    folder = tmp_path / "configs"
    folder.mkdir()
    (tmp_path / "docs").mkdir()
    return folder


def test_a_text_stands_in_the_file_or_in_markdown_beside_it(configs):
    inline = documented(configs, f"limits: '{LIMITS}'")
    (configs.parent / "docs" / "limits.md").write_text(f"{LIMITS}\n")
    named = documented(configs, "limits: {file: ../docs/limits.md}, data: {licence: {file: ../docs/limits.md}}")
    assert named.limits.text == inline.limits.text == LIMITS
    assert named.texts.keys() == {"limits", "data.licence"}
    assert named.text_hashes["limits"] == inline.text_hashes["limits"]


def test_an_edit_of_a_markdown_file_changes_the_hash_of_its_text_alone(configs):
    for name in ("limits", "affected"):
        (configs.parent / "docs" / f"{name}.md").write_text(LIMITS)
    text = "limits: {file: ../docs/limits.md}, affected: {file: ../docs/affected.md}"
    before = documented(configs, text).text_hashes
    (configs.parent / "docs" / "limits.md").write_text(f"{LIMITS} And slow.")
    after = documented(configs, text).text_hashes
    assert {key for key in before if before[key] != after[key]} == {"limits"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("limits: TODO write this later", "documentation.limits: is a placeholder"),
        ("limits: none", "documentation.limits: must be a text of 15 letters or more"),
        ("limits: {file: limits.txt}", "must name a Markdown file"),
        ("limits: {file: https://example.org/limits.md}", "must name a Markdown file"),
        ("limits: {file: ../docs/limits.md}", "documentation.limits names ../docs/limits.md, which is not there"),
        ("limits: {file: ../docs/empty.md}", "which is empty"),
        ("limits: {file: ../docs/large.md}", "which has more than 200,000 bytes"),
        ("limits: {file: ../docs/latin.md}", "which can't be read"),
        ("limits: {file: ../docs/todo.md}", "is a placeholder"),
        ("validation: {last: 2026-02-01, by: anna, next: 2026-01-01}", "must lie after last"),
        ("validation: {last: 2026-02-01}", "by must say who validated it"),
        ("oversight: {stop_within_minutes: 0}", "stop_within_minutes: Input should be greater than or equal to 1"),
        ("purpose: none", "documentation.purpose: unknown key; allowed are intended_use"),
    ],
)
def test_what_says_nothing_is_refused_with_its_key(configs, text, message):
    docs = configs.parent / "docs"
    (docs / "empty.md").write_text(" \n")
    (docs / "large.md").write_text("a" * 200_001)
    (docs / "latin.md").write_bytes(b"\xe9t\xe9 comme hiver, toujours")
    (docs / "todo.md").write_text("To be written by the second line")
    with pytest.raises(ConfigError, match=message.replace("(", r"\(")):
        documented(configs, text)


def test_it_is_no_part_of_the_policy_nor_of_what_versions_are_built_under(configs):
    bare = load_file(configs, "use_case.yaml", "name: x")
    told = load_file(configs, "use_case.yaml", f"name: x\ndocumentation: {{limits: '{LIMITS}'}}")
    assert told.use_case.sha256 == bare.use_case.sha256
    assert differences(rules_of(bare), rules_of(told)) == []
    assert told.use_case.documented.sha256 != bare.use_case.documented.sha256


def test_a_use_case_without_it_is_recorded_as_before_and_one_with_it_comes_back_whole():
    assert "documentation" not in UseCaseSettings().model_dump(mode="json")
    shipped = load_settings().use_case
    assert UseCaseSettings.model_validate_json(shipped.model_dump_json()) == shipped
    assert Documentation().texts == {}
