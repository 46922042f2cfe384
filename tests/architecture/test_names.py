"""A module is named for what is in it; these names say nothing and draw everything."""

from tests.architecture.sources import modules

SAY_NOTHING = {"util", "helper", "common", "manager", "handler", "misc"}


def words(part: str) -> set[str]:
    """The words of one part of a path, in the singular: `http_helpers.py` has `http` and `helper`."""
    return {word.removesuffix("s") for word in part.removesuffix(".py").split("_")}


def test_no_module_or_package_has_a_name_that_says_nothing() -> None:
    bad = [module.name for module in modules("src", "tests", "bench") if any(words(part) & SAY_NOTHING for part in module.name.split("/"))]
    assert bad == []
