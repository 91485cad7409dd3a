"""The small changes of a module that its tests must notice: mutmut's, and those that matter in guards and tables.

Not changed are docstrings, annotations, imports, and sentences for people (texts of three words and more).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import libcst as cst
from libcst.metadata import MetadataWrapper, PositionProvider
from mutmut.mutation.mutators import mutation_operators

SENTENCE_WORDS: Final = 3


@dataclass(frozen=True, kw_only=True)
class Mutant:
    """One changed source, and the line of the change."""

    line: int
    source: str


def guards(node: cst.If) -> Iterator[cst.If]:
    """Let a guard never and always act."""
    for literal in ("False", "True"):
        yield node.with_changes(test=cst.Name(literal))


def terms(node: cst.BooleanOperation) -> Iterator[cst.BaseExpression]:
    """Drop one side of an `and` or `or`."""
    for side in (node.left, node.right):
        yield side.with_changes(lpar=[cst.LeftParen(), *side.lpar], rpar=[*side.rpar, cst.RightParen()])


def elements(node: cst.Tuple | cst.Set | cst.List | cst.Dict) -> Iterator[cst.CSTNode]:
    """Drop one element of a table."""
    for index in range(len(node.elements) if len(node.elements) > 1 else 0):
        rest = [*node.elements[:index], *node.elements[index + 1 :]]
        rest[-1] = rest[-1].with_changes(comma=cst.Comma())
        yield node.with_changes(elements=rest)


def conditions(node: cst.CompFor) -> Iterator[cst.CompFor]:
    """Drop a condition of a comprehension."""
    for index in range(len(node.ifs)):
        yield node.with_changes(ifs=[*node.ifs[:index], *node.ifs[index + 1 :]])


def calls(node: cst.Call) -> Iterator[cst.BaseExpression]:
    """Swap any and all, fullmatch and match; drop a call without arguments, such as `.casefold()`."""
    swapped = {"any": "all", "all": "any", "fullmatch": "match", "startswith": "__contains__", "max": "min"}
    name = node.func.attr if isinstance(node.func, cst.Attribute) else node.func
    if isinstance(name, cst.Name) and name.value in swapped:
        yield node.with_deep_changes(name, value=swapped[name.value])
    if isinstance(node.func, cst.Attribute) and not node.args:
        yield node.func.value


OPERATORS: Final = (
    *mutation_operators,
    (cst.If, guards), (cst.BooleanOperation, terms), (cst.CompFor, conditions), (cst.Call, calls),
    ((cst.Tuple, cst.Set, cst.List, cst.Dict), elements),
)  # fmt: skip


def _is_left_alone(node: cst.CSTNode) -> bool:
    """Leave docstrings, decorators, imports and types as they are."""
    if isinstance(node, cst.Expr):
        return isinstance(node.value, (cst.SimpleString, cst.ConcatenatedString))
    if isinstance(node, cst.If):
        return isinstance(node.test, cst.Name) and node.test.value == "TYPE_CHECKING"
    if isinstance(node, cst.Assign):  # constants are annotated Final; a plain one with a capital names a type
        target = node.targets[0].target
        return isinstance(target, cst.Name) and (target.value[0].isupper() or target.value == "__all__")
    return isinstance(node, (cst.Annotation, cst.Decorator, cst.Import, cst.ImportFrom))


def _is_change(old: cst.CSTNode, new: cst.CSTNode) -> bool:
    """Leave sentences alone, and texts that would change their letter case only: XX around them says as much."""
    if not (isinstance(old, cst.SimpleString) and isinstance(new, cst.SimpleString)):
        return True
    return len(old.value.split()) < SENTENCE_WORDS and old.value.casefold() != new.value.casefold()


def mutants(source: str) -> list[Mutant]:
    """Return every mutant of a module, in the order of its lines."""
    wrapper = MetadataWrapper(cst.parse_module(source))
    positions = wrapper.resolve(PositionProvider)
    made: dict[str, Mutant] = {}
    nodes = [wrapper.module]
    while nodes:
        node = nodes.pop()
        if _is_left_alone(node):
            continue
        nodes += node.children
        for new in _changes(node):
            changed = wrapper.module.deep_replace(node, new).code
            if changed != source and _compiles(changed):
                made.setdefault(changed, Mutant(line=positions[node].start.line, source=changed))
    return sorted(made.values(), key=lambda mutant: mutant.line)


def _changes(node: cst.CSTNode) -> Iterator[cst.CSTNode]:
    for kinds, operator in OPERATORS:
        if isinstance(node, kinds):
            yield from (new for new in operator(node) if _is_change(node, new))


def _compiles(source: str) -> bool:
    try:
        compile(source, "mutant", "exec")
    except SyntaxError:
        return False
    return True
