pytest_plugins = [
    "tests.fixtures.browser",
    "tests.fixtures.card_numbers",
    "tests.fixtures.postgres",
    "tests.fixtures.sandbox",
    "tests.fixtures.store",
    "tests.fixtures.temporal",
    "tests.fixtures.town",
]
