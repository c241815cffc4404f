from hypothesis import settings

# A busy machine must not fail a property: tests assert no times of the clock on the wall.
settings.register_profile("recoup", deadline=None)
settings.load_profile("recoup")

pytest_plugins = [
    "tests.fixtures.browser",
    "tests.fixtures.card_numbers",
    "tests.fixtures.postgres",
    "tests.fixtures.sandbox",
    "tests.fixtures.store",
    "tests.fixtures.temporal",
    "tests.fixtures.town",
]
