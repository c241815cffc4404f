"""What an event tells of a person: good enough for the directory, or left out."""

from datetime import UTC, datetime

from activities.customers import ContactPoint, Customer
from activities.sources.customer_news import customer_news

SINCE = datetime(2024, 1, 2, tzinfo=UTC)


def test_what_was_said_is_kept_and_nothing_else_is_claimed() -> None:
    news = customer_news("cus_1", email=" ada@customers.example ", name="Ada Example", country="DE", since=SINCE)
    assert news is not None
    assert news.said == Customer(
        email=ContactPoint(address="ada@customers.example"), name="Ada Example", country="DE", since=SINCE
    )
    assert news.said.model_fields_set == {"email", "name", "country", "since"}


def test_a_misspelled_field_is_left_out_and_the_rest_stays() -> None:
    news = customer_news("cus_1", name="Ada", country="Germany", locale="xx_nowhere", email="x" * 400, postal_code="1")
    assert news is not None
    assert news.said.model_fields_set == {"name", "postal_code"}


def test_a_phone_number_without_its_country_cannot_be_written_to() -> None:
    assert customer_news("cus_1", phone="030 123456") is None
    news = customer_news("cus_1", phone="+15005550006")
    assert news is not None
    assert news.said.sms == ContactPoint(address="+15005550006")


def test_nobody_and_nothing_are_no_news() -> None:
    assert customer_news(None, name="Ada") is None
    assert customer_news("cus_1", name="", email=None, tags=()) is None
