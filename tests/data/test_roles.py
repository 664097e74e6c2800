"""roles.py: which column plays which part; loading's tests look at the messages."""

from champion.data.roles import listed, read_roles


def test_a_column_that_orders_or_groups_rows_is_read_though_dropped() -> None:
    """Only what nobody asks for stays unread."""
    roles = read_roles(target="price", drop=["when", "id"], kinds=None, time="when", group=None)
    assert roles.unread == {"id"}


def test_names_come_in_a_list_alone_or_not_at_all() -> None:
    """data.drop=id is data.drop=[id], and null is an empty list; a number is a name too."""
    assert (listed(None), listed("id"), listed(["id", "b"]), listed([2024])) == ([], ["id"], ["id", "b"], ["2024"])  # type: ignore[list-item]
