"""The people around a request, asked of the directory: who acted, and which accounts are one human's."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from approvald.approval.people import LINK_JOINS_AT_MOST, Human, links_to_count
from approvald.approval.request import Actor
from approvald.core.model import Person, PersonLookup
from approvald.core.ports import Directory


class People:
    """Asks for people. Every method raises Unavailable where the directory is away.

    `tell` is called with a link value and a number of people where more of them bear it than one human has accounts.
    """

    def __init__(self, directory: Directory, *, tell: Callable[[str, int], None]) -> None:
        self._directory = directory
        self._tell = tell

    def behind(self, acted: Iterable[Actor]) -> tuple[Person, ...]:
        """Return the people who acted, where the record names one user or one address that the directory knows."""
        found = [lookup for actor in acted if (lookup := self._who(actor)) is not None]
        return tuple(person for person in found if isinstance(person, Person))

    def other_accounts(self, person: Person) -> tuple[Person, ...]:
        """Return this human's other accounts, disabled ones too: by link, and admin accounts whose manager they are."""
        linked = self._bearers(person.link) if person.link else ()
        found = [*(linked if len(linked) <= LINK_JOINS_AT_MOST else ()), *self._directory.admin_accounts_of(person)]
        return tuple({account.guid: account for account in found if account.guid != person.guid}.values())

    def accounts_that_matter(
        self, person: Person, used: Sequence[Person], acted: Iterable[Actor]
    ) -> tuple[Person, ...]:
        """Return the other accounts that the sender uses, or all where PVWA names many users of whom one acted."""
        if all(len(actor.user_names) <= 1 for actor in acted):
            return tuple(used)
        return tuple({account.guid: account for account in (*used, *self.other_accounts(person))}.values())

    def link_bearers(self, some: Sequence[Human], others: Sequence[Human]) -> Mapping[str, int]:
        """Count those who bear a link that would join one of `some` and one of `others`; nobody asks otherwise.

        The attribute has no index in Active Directory: a search for it is slow.
        """
        return {link: len(self._bearers(link)) for link in links_to_count(some, others)}

    def _bearers(self, link: str) -> Sequence[Person]:
        found = self._directory.people_with_link(link)
        if len(found) > LINK_JOINS_AT_MOST:
            self._tell(link, len(found))
        return found

    def _who(self, actor: Actor) -> PersonLookup | None:
        if actor.address is not None:
            return self._directory.find_by_address(actor.address)
        if len(actor.user_names) == 1:
            return self._directory.find_by_user_name(next(iter(actor.user_names)))
        return None
