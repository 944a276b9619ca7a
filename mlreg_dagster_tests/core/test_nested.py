from mlreg_dagster.core.nested import differences


def test_what_differs_is_named_by_dotted_keys_and_what_is_absent_by_its_word():
    left = {"a": {"b": 1, "same": 2}, "gone": {"c": 3}, "empty": {}}
    right = {"a": {"b": 2, "same": 2}, "new": None}
    assert differences(left, right, "unset") == [
        "a.b: 1 → 2", "empty: {} → unset", "gone.c: 3 → unset",
    ]  # fmt: skip


def test_equal_values_differ_in_nothing():
    assert differences({"a": {"b": [1]}}, {"a": {"b": [1]}}, "none") == []
