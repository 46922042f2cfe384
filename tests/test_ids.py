"""Record ids: they sort as they were given."""

from tablehouse.ids import RecordIds

NOW = 1_700_000_000_000


def test_ids_of_a_batch_sort_with_those_before_and_after() -> None:
    ids = RecordIds()
    taken = [*ids.take(1, NOW), *ids.take(5_000, NOW), *ids.take(3, NOW), *ids.take(1_296, NOW + 1), *ids.take(2, NOW - 5)]
    assert taken == sorted(set(taken))
    assert {len(each) for each in taken} == {14}
    assert all(each.isascii() and each.isalnum() and each == each.upper() for each in taken)


def test_ids_of_one_batch_are_one_after_the_other() -> None:
    numbers = [int(each, 36) for each in RecordIds().take(3_000, NOW)]
    assert numbers == list(range(numbers[0], numbers[0] + 3_000))
