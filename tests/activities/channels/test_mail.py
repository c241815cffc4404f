from activities.channels.mail import extra_headers
from tests.activities.channels.contract import letter_to


def test_mail_programs_can_end_these_mails_in_one_click() -> None:
    letter = letter_to("ada@example.test")
    assert extra_headers(letter) == {"Auto-Submitted": "auto-generated"}
    with_link = extra_headers(letter.model_copy(update={"unsubscribe": "https://api.example/u"}))
    assert with_link["List-Unsubscribe"] == "<https://api.example/u>"
    assert with_link["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
