"""Operations that look something up: ResolveNames in the address book, ConvertId."""

from __future__ import annotations

from approvald_sandbox.systems.exchange.fields import mailbox
from approvald_sandbox.systems.exchange.mime import Mailbox
from approvald_sandbox.systems.exchange.service import Exchange
from approvald_sandbox.systems.exchange.soap import (
    Code,
    Element,
    EwsError,
    elements,
    failure,
    found,
    m,
    success,
    t,
    text_of,
)
from approvald_sandbox.world.world import Person, World


def resolve_names(exchange: Exchange, request: Element) -> list[Element]:
    """Answer ResolveNames for an address, an account name, the beginning of a display name, or an EX address."""
    wanted = text_of(request, "m:UnresolvedEntry").strip()
    hits = [person for person in exchange.world.people.values() if person.mail and _is_meant(person, wanted)]
    if not hits:
        return [failure("ResolveNames", EwsError(Code.NO_RESULTS, "No results were found."))]
    resolutions = [t("Resolution", mailbox(Mailbox(name=p.display_name, address=p.mail or ""))) for p in hits]
    found_set = m("ResolutionSet", *resolutions, TotalItemsInView=str(len(hits)), IncludesLastItemInRange="true")
    if len(hits) == 1:
        return [success("ResolveNames", found_set)]
    several = EwsError(Code.SEVERAL_RESULTS, "Multiple results were found.")
    return [failure("ResolveNames", several, found_set, severity="Warning")]


def legacy_name(world: World, person: Person) -> str:
    """Return the EX address (legacyExchangeDN) that the pretend Exchange uses for a person."""
    organisation = world.domain.partition(".")[0].upper()
    return f"/O={organisation}/OU=Exchange Administrative Group (FYDIBOHF23SPDLT)/CN=Recipients/CN={person.sam}"


def _is_meant(person: Person, wanted: str) -> bool:
    """Whether an entry means a person; the last CN of an EX address is the account name."""
    folded = wanted.casefold().removeprefix("smtp:")
    if folded.startswith("/o="):
        return folded.rpartition("/cn=")[2] == person.sam.casefold()
    addresses = {(person.mail or "").casefold()} | {each.casefold()[5:] for each in person.proxy_addresses}
    names = {person.sam.casefold(), *addresses}
    return folded in names or (bool(folded) and person.display_name.casefold().startswith(folded))


def convert_id(exchange: Exchange, request: Element) -> list[Element]:
    """Answer ConvertId: an id of ours stays as it is, any other is malformed. Clients use it to read the version."""
    messages = []
    for given in elements(found(request, "m:SourceIds")):
        identity = str(given.get("Id", ""))
        if identity in exchange.store.items or identity in exchange.store.tree:
            converted = m("AlternateId", Format="EwsId", Id=identity, Mailbox=exchange.world.mailbox)
            messages.append(success("ConvertId", converted))
        else:
            messages.append(failure("ConvertId", EwsError(Code.ID_MALFORMED, "Id is malformed.")))
    return messages
