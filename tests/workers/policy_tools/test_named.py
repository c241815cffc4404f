from pathlib import Path

import pytest

from policies.load import PolicyError
from tests.policies.timeline import DOCUMENTS
from workers.mistakes import Mistake
from workers.policy_tools.named import named_policy


def test_a_policy_is_found_by_its_name_or_as_a_file(tmp_path: Path) -> None:
    assert named_policy("premium", []).edition == "policy premium@1"
    own = tmp_path / "own.yaml"
    own.write_text((DOCUMENTS / "premium.yaml").read_text().replace("version: 1", "version: 7"))
    assert named_policy(str(own), []).edition == "policy premium@7"


def test_a_name_nobody_knows_is_a_mistake_that_names_the_nearest_or_all() -> None:
    with pytest.raises(Mistake, match="'premiun' is neither a file nor a configured policy; did you mean premium"):
        named_policy("premiun", [])
    with pytest.raises(Mistake, match=r"configured are enterprise, premium, .*, self_serve"):
        named_policy("xyz", [])


def test_a_file_that_is_no_policy_is_refused_with_its_name(tmp_path: Path) -> None:
    wrong, binary = tmp_path / "wrong.yaml", tmp_path / "binary.yaml"
    wrong.write_text("name: x\nversion: 1\nnonsense: true\n")
    binary.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(PolicyError, match=r"wrong\.yaml:3:1: nonsense"):
        named_policy(str(wrong), [])
    with pytest.raises(PolicyError, match=r"binary\.yaml:1:1: this is no text in UTF-8; save the file as UTF-8"):
        named_policy(str(binary), [])
