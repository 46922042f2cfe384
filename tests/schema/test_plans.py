"""Plans are kept by shape, the ones used last, by whatever number of threads."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from tablehouse.schema.plans import Plans
from tests.local import Local


def test_the_plans_unused_for_longest_go() -> None:
    plans = Plans(most=3)
    for shape in "abc":
        plans.keep(shape, shape.upper())
    assert plans.find("a") == "A"
    plans.keep("d", "D")
    assert [plans.find(shape) for shape in "abcd"] == ["A", None, "C", "D"]
    assert len(plans) == 3


def test_a_plan_made_twice_is_kept_once() -> None:
    plans = Plans(most=2)
    plans.keep("a", 1)
    plans.keep("b", 2)
    plans.keep("a", 3)
    assert (len(plans), plans.find("a"), plans.find("b")) == (2, 3, 2)


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 9))))
def test_they_are_a_dictionary_with_a_bound(steps: list[tuple[bool, int]]) -> None:
    plans, model = Plans(most=4), dict[int, int]()
    for kept, shape in steps:
        if kept:
            model.pop(shape, None)
            model[shape] = shape
            plans.keep(shape, shape)
            while len(model) > 4:
                del model[next(iter(model))]
        else:
            assert plans.find(shape) == model.get(shape)
            if shape in model:
                model[shape] = model.pop(shape)
    assert len(plans) == len(model)


def test_threads_do_not_disturb_each_other() -> None:
    plans = Plans(most=50)

    def work(number: int) -> None:
        for step in range(2_000):
            shape = (number * step) % 120
            found = plans.find(shape)
            assert found in (None, shape)
            if found is None:
                plans.keep(shape, shape)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(1, 9)))
    assert len(plans) == 50


def test_another_version_of_a_table_has_no_plans_yet(local: Local) -> None:
    """Nothing that was derived from one version may be taken for another's."""
    table = local.new_table()
    table.create(Name="a")
    table.page()
    before = table.schema
    assert len(before.plans) > 0
    assert len(msgspec.structs.replace(before, name="another").plans) == 0
    assert msgspec.structs.replace(before, fields=before.fields[:1]).field_by_id.keys() == {before.fields[0].id}
    table.add_field(name="New", type="NUMBER")
    after = table.schema
    assert after is not before
    assert len(after.plans) == 0
    assert all(value is not before.derived.get(key) for key, value in after.derived.items())


def test_a_change_of_one_table_leaves_the_plans_of_the_others(local: Local) -> None:
    database = local.new_database()
    one, other = local.new_table(database=database), local.new_table(database=database)
    for table in (one, other):
        table.page()
    kept = other.schema
    one.add_field(name="New", type="NUMBER")
    assert other.schema is kept
    assert len(kept.plans) > 0
