import pytest

from tests.data import making
from tfvse.data import verification
from tfvse.data.kinds.translation import DomainImage
from tfvse.errors import UserError


def check(splits, skip_bad=False):
    findings = verification.Findings(skip_bad)
    return verification.check_images(splits, findings), findings


def test_good_images_have_no_findings():
    bad, findings = check(
        {"train": [DomainImage("a", making.jpeg(1))], "val": [DomainImage("b", making.jpeg(2))]}
    )
    assert not bad and not findings.bad and not findings.remarks
    findings.settle()


def test_one_sentence_names_the_first_and_counts_all(tmp_path, capsys):
    (tmp_path / "cut.jpg").write_bytes(making.jpeg()[:100])
    images = [
        DomainImage("cut", tmp_path / "cut.jpg"),
        *(DomainImage(f"m{i}", tmp_path / f"m{i}.jpg") for i in range(7)),
    ]
    bad, findings = check({"train": images})
    assert len(bad) == 8
    with pytest.raises(
        UserError, match=r"cut.jpg.*\(unreadable image: 1, missing image: 7\).*--skip_bad"
    ):
        findings.settle()
    shown = capsys.readouterr().err
    assert "m4.jpg" in shown and "m5.jpg" not in shown and "and 2 more" in shown


def test_bad_ones_can_be_left_out(capsys):
    bad, findings = check({"train": [DomainImage("a", b"")]}, skip_bad=True)
    findings.settle()
    assert bad == {("train", "a")} and findings.left_out == ["a: image unreadable: empty file"]
    assert "left out 1" in capsys.readouterr().err


def test_an_id_in_two_splits_is_bad():
    bad, findings = check(
        {"train": [DomainImage("a", making.jpeg(1))], "val": [DomainImage("a", making.jpeg(2))]}
    )
    assert bad == {("val", "a")} and "a: is in train and in val" in findings.left_out


def test_the_same_bytes_are_remarked():
    same = making.jpeg(1)
    _, findings = check(
        {"train": [DomainImage("a", same), DomainImage("b", same)], "val": [DomainImage("c", same)]}
    )
    assert [remark[:28] for remark in findings.remarks] == [
        "1 images of train come twice",
        "1 images of val are in train",
    ]


def test_a_missing_layout_is_shown(tmp_path, capsys):
    with pytest.raises(UserError, match="captions.txt is missing there"):
        verification.require(str(tmp_path), ("captions.txt",), "the layout")
    with pytest.raises(UserError, match="--data_dir: missing"):
        verification.require("", (), "the layout")
    assert capsys.readouterr().err.count("the layout") == 2
    assert verification.require(str(tmp_path), (), "") == tmp_path


def test_repeated_ids():
    findings = verification.Findings()
    verification.check_unique(["a", "b", "a"], "list.txt", findings)
    assert findings.left_out == ["list.txt: a is listed 2 times"]


@pytest.mark.parametrize("name", ["\udcff.jpg", "a\0b"])
def test_a_name_that_is_no_text_is_bad_and_can_be_printed(name):
    bad, findings = check({"train": [DomainImage(name, making.jpeg())]}, skip_bad=True)
    assert bad == {("train", name)} and "rename it in UTF-8" in findings.left_out[0]
    findings.left_out[0].encode()
