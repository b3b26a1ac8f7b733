"""YAML files of settings, read strictly: what a person cannot have meant is refused, not interpreted.

The dialect is YAML 1.2, by the library that DVC has for it: what both read is the same to both, and what DVC writes
(`dvc exp run -S`) is read as what it is.
"""

from __future__ import annotations

import io
import re
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from pipeline.errors import InputError
from pipeline.paths import NAMES, denied, is_name

_LARGEST = 1_000_000  # bytes of a file
_LONGEST = 1_000  # characters of a value
_MOST = 100_000  # values, with every alias written out
_TAG = "tag:yaml.org,2002:"
_OCTAL = re.compile(r"[-+]?0[0-9_]+")  # 010 is 10 to YAML 1.2, and 8 to YAML 1.1, which other tools read
_KINDS = {_TAG + kind for kind in ("str", "int", "float", "bool", "null", "seq", "map")}


def read_yaml(path: Path) -> dict[str, Any]:
    """The mapping in a YAML file.

    Raises:
        PermissionError: it may not be read.
        InputError: no such file, not YAML, not a mapping, a key that is there twice or is no name, an anchor that is
            there twice or contains itself, or far more than settings are.
    """
    try:
        content = _parsed(_text(path), path)
    except (InputError, PermissionError):
        raise
    except RecursionError:
        raise InputError(f"{path}: not valid settings (exceeded maximum nesting depth)") from None  # as libyaml says
    except YAMLError as error:
        raise InputError(f"{path}: not valid YAML ({_problem(error)})") from None
    except Exception as error:  # constructors raise whatever they trip over, e.g. KeyError for `!!bool x`
        raise InputError(f"{path}: not valid YAML ({type(error).__name__} in one of its values)") from error
    if not isinstance(content, dict):
        found = "nothing" if content is None else type(content).__name__
        raise InputError(f"{path}: expected a mapping of settings, found {found}")
    return content


def _text(path: Path) -> str:
    try:
        if (size := path.stat().st_size) > _LARGEST:
            raise InputError(f"{path}: {size} bytes; settings have at most {_LARGEST}")
        return path.read_bytes().decode("utf-8")
    except PermissionError:
        raise denied(path) from None
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: not valid YAML (byte {error.start} is not UTF-8)") from None


def _problem(error: YAMLError) -> str:
    """A YAML error in a few words on one line."""
    mark, problem = getattr(error, "problem_mark", None), getattr(error, "problem", None)
    where = f"line {mark.line + 1}: " if mark is not None else ""
    return where + " ".join(str(problem or error).split())[:200]


def to_text(content: object) -> str:
    """Plain values as YAML, in their order; what would be read as something else is put into quotes."""
    yaml = YAML(typ="safe", pure=True)
    yaml.default_flow_style = False
    yaml.sort_base_mapping_type_on_output = False  # type: ignore[assignment]  # None by default: sorted
    buffer = io.StringIO()
    yaml.dump(content, buffer)
    return buffer.getvalue()


def _parsed(text: str, path: Path) -> Any:
    if directive := re.search(r"^%.*", text, re.MULTILINE):
        raise InputError(f"{path}: {directive[0][:60]!r} is a directive; leave it out: settings are YAML 1.2")
    constructor, parser = YAML(typ="safe", pure=True).get_constructor_parser(text)
    constructor.composer.warn_double_anchors = False  # they are refused
    try:
        node = constructor.composer.get_single_node()
        if node is None:
            return None
        _Check(path).values(node, "")
        return constructor.construct_document(node)
    finally:
        parser.dispose()


class _Check:
    """Goes through the nodes of a file before they become values: an alias is a node met again."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._known: dict[int, int] = {}  # by identity of a node: its values
        self._anchors: dict[str, Node] = {}
        self._open: set[int] = set()  # the nodes that the one at hand is in

    def values(self, node: Node, where: str) -> int:
        """How many values a node has, with every alias written out; `where` is its path of keys."""
        if id(node) in self._open:
            self._refuse(where, node, "an anchor contains itself")
        if id(node) not in self._known:
            self._anchor(node, where)
            self._open.add(id(node))
            self._known[id(node)] = count = 1 + self._inside(node, where)
            self._open.remove(id(node))
            if count > _MOST:
                self._refuse(where, node, f"more than {_MOST} values, with aliases written out")
        return self._known[id(node)]

    def _anchor(self, node: Node, where: str) -> None:
        """Take down a node's anchor. To YAML a later one replaces it, which nobody can be sure was meant."""
        if node.anchor is not None and (first := self._anchors.setdefault(node.anchor, node)) is not node:
            self._refuse(where, node, f"anchor &{node.anchor[:60]} is also in line {_line(first)}; rename one")

    def _inside(self, node: Node, where: str) -> int:
        if node.tag not in _KINDS:
            found = repr(node.value[:60]) if isinstance(node, ScalarNode) else "a list or mapping"
            self._refuse(
                where, node, f"{found} is of kind {str(node.tag).removeprefix(_TAG)!r}; put text into quotes"
            )
        if isinstance(node, MappingNode):
            self._keys(node, where)
            return sum(self.values(value, _under(where, key.value)) for key, value in node.value)
        if isinstance(node, SequenceNode):
            return sum(self.values(value, _under(where, number)) for number, value in enumerate(node.value))
        if isinstance(node, ScalarNode):
            self._scalar(node, where)
        return 0

    def _scalar(self, node: ScalarNode, where: str) -> None:
        if len(node.value) > _LONGEST:
            self._refuse(where, node, f"a value of {len(node.value)} characters; at most {_LONGEST} are valid")
        if node.tag == f"{_TAG}int" and _OCTAL.fullmatch(node.value):
            self._refuse(where, node, f"{node.value} is another number to YAML 1.1; write it without the first 0")

    def _keys(self, node: MappingNode, where: str) -> None:
        lines: dict[str, int] = {}
        for key, _ in node.value:
            self._anchor(key, where)
            merges = key.tag == f"{_TAG}merge"
            if not merges and (key.tag != f"{_TAG}str" or not is_name(key.value)):
                found = repr(key.value[:60]) if isinstance(key, ScalarNode) else "a list or mapping"
                quoted = isinstance(key, ScalarNode) and is_name(key.value)
                remedy = "put it into quotes" if quoted else f"a key is text of {NAMES}"
                self._refuse(where, key, f"{found} is no key; {remedy}")
            if key.value in lines:
                twice = f"is there twice, in lines {lines[key.value]} and {_line(key)}; leave one"
                raise InputError(f"{self._path}: {_under(where, key.value)}: {twice}")
            lines[key.value] = _line(key)

    def _refuse(self, where: str, node: Node, reason: str) -> None:
        raise InputError(f"{self._path}: {where + ': ' if where else ''}line {_line(node)}: {reason}")


def _under(where: str, part: object) -> str:
    return f"{where}.{part}" if where else str(part)


def _line(node: Node) -> int:
    return int(node.start_mark.line) + 1
