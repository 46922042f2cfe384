"""Files aim at 250 lines and functions at 30; a file above 700 or a function above 100 is refused."""

from tests.architecture.sources import modules

LINES_OF_A_FILE = 700
LINES_OF_A_FUNCTION = 100

EVERYWHERE = ("src", "tests", "bench")


def test_no_file_became_a_drawer() -> None:
    lengths = {module.name: module.text.count("\n") for module in modules(*EVERYWHERE)}
    assert {name: length for name, length in lengths.items() if length > LINES_OF_A_FILE} == {}


def test_every_function_fits_a_screen_or_two() -> None:
    lengths = {
        f"{module.name}:{function.lineno} {function.name}": (function.end_lineno or function.lineno) - function.lineno + 1
        for module in modules(*EVERYWHERE)
        for function in module.functions()
    }
    assert {name: length for name, length in lengths.items() if length > LINES_OF_A_FUNCTION} == {}
