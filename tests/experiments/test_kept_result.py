import pytest

from yt8m_distill.experiments.kept_result import kept_result


def test_a_result_is_made_once_and_again_when_it_is_of_something_else(tmp_path):
    path, made = str(tmp_path / "new" / "result.json"), []

    def make():
        made.append(len(made))
        return {"number": made[-1]}

    assert [kept_result(path, {"of": of}, make)["number"] for of in ("a", "a", "b", "b")] == [0, 0, 1, 1]
    with pytest.raises(ZeroDivisionError):
        kept_result(path, {"of": "c"}, lambda: 1 // 0)
    assert kept_result(path, {"of": "b"}, make) == {"number": 1}  # the file is as it was
