"""The optimisers of a network: which of them holds which parameter, and what they hold in its place afterwards."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from torch import Tensor, nn
from torch.optim import LBFGS, Optimizer

from isotropic.optimisers import UNKNOWN, Kind, begin, chains_of, kind_of, refusal
from isotropic.successors import mark


class Holders:
    """The optimisers of a network's parameters.

    Args:
        net: the network.
        optimiser: one, several, or None. Wrappers that hold one as `optimizer` are looked into.
        unknown: what is done with states that have no known transform: "error", or "reset", to begin them anew.

    Raises:
        ValueError: a parameter that is trained (requires_grad) is held by none of them, or one is held twice.
        TypeError: no optimisers, or states without a known transform.
    """

    def __init__(self, net: nn.Module, optimiser: object, unknown: str = "error") -> None:
        if unknown not in UNKNOWN:
            raise ValueError(f"unknown: {unknown!r} is not one of {', '.join(UNKNOWN)}")
        self._chains = chains_of(optimiser)
        self.named: dict[str, nn.Parameter] = dict(net.named_parameters())
        self.by_name = self._who_holds()
        self._anew: set[int] = set()  # optimisers whose state begins anew
        for chain in self._chains:
            if (reason := refusal(chain, self.named)) is None:
                continue
            if unknown == "error":
                raise TypeError(reason)
            if isinstance(chain[-1], LBFGS):
                raise TypeError("optimiser: LBFGS has one state for all its parameters together; make a new one")
            self._anew.add(id(chain[-1]))

    def _who_holds(self) -> dict[str, Optimizer]:
        names, by_name = {id(p): name for name, p in self.named.items()}, dict[str, Optimizer]()
        for chain in self._chains:
            for group in chain[-1].param_groups:
                for name in (names[id(p)] for p in group["params"] if id(p) in names):
                    if name in by_name:
                        raise ValueError(f"optimiser: {name} of this network is held twice; by one optimiser, once")
                    by_name[name] = chain[-1]
        missing = [name for name, p in self.named.items() if p.requires_grad and name not in by_name]
        if self._chains and missing:
            raise ValueError(
                f"optimiser: does not hold {missing[0]} of this network; make it from net.parameters(), give all "
                "optimisers of the network in a list, or do not train it (requires_grad_(False))"
            )
        return by_name

    def carried(self) -> Iterator[tuple[str, nn.Parameter, Optimizer, Kind]]:
        """The parameters whose moments are carried, with who has these."""
        for name, optimiser in self.by_name.items():
            kind = kind_of(optimiser)
            if kind is not None and id(optimiser) not in self._anew:
                yield name, self.named[name], optimiser, kind

    def groups(self) -> list[dict[str, Any]]:
        """All parameter groups, those of wrappers too, each once."""
        every = (group for chain in self._chains for each in chain for group in getattr(each, "param_groups", ()))
        return list({id(group): group for group in every}.values())

    def replace(
        self,
        replaced: Mapping[str, tuple[nn.Parameter, nn.Parameter]],
        moments: Mapping[tuple[str, str], Tensor],
        anew: bool = False,
    ) -> None:
        """Hold the new parameters in place of the old.

        Args:
            replaced: name -> (old, new).
            moments: (state, name) -> what the carried states of the parameters are now.
            anew: whether all of their state begins anew.
        """
        successors = {id(old): new for old, new in replaced.values()}
        for group in self.groups():
            group["params"][:] = [successors.get(id(p), p) for p in group["params"]]
        for name, (old, new) in replaced.items():
            self.named[name], optimiser = new, self.by_name.get(name)
            mark(old, name)
            if optimiser is None:
                continue
            if anew or id(optimiser) in self._anew:
                self._forget(optimiser, old)
                begin(optimiser, new)
            elif state := optimiser.state.pop(old, {}):
                optimiser.state[new] = state | {key: moments[key, name] for key in state if (key, name) in moments}

    def drop(self, names: Sequence[str]) -> None:
        """No longer hold these parameters."""
        gone = {id(self.named[name]) for name in names}
        for group in self.groups():
            kept = [number for number, p in enumerate(group["params"]) if id(p) not in gone]
            for key in {"params", "param_names"} & group.keys():
                group[key][:] = [group[key][number] for number in kept]
        for name in names:
            old, optimiser = self.named.pop(name), self.by_name.pop(name, None)
            mark(old, name)
            if optimiser is not None:
                self._forget(optimiser, old)

    def rename(self, names: Mapping[str, str]) -> None:
        """Follow the names of parameters, old -> new, in groups that have them; what stands before them is kept."""
        own = {id(p): name for name, p in self.named.items()}
        for group in self.groups():
            for number, called in enumerate(group.get("param_names", ())):
                old = own.get(id(group["params"][number]))
                if old is not None and called.endswith(old):
                    group["param_names"][number] = called.removesuffix(old) + names[old]
        self.named = {names[name]: p for name, p in self.named.items()}
        self.by_name = {names[name]: optimiser for name, optimiser in self.by_name.items()}

    def add(self, name: str, parameter: nn.Parameter, beside: Sequence[str], order: Sequence[str]) -> None:
        """Hold a new parameter, in the group of the first that is held of `beside`, of its kind, or of all.

        Args:
            name, parameter: of the network.
            beside: names.
            order: the names of all parameters of the network, in whose order it is put into the group.
        """
        if not self._chains:
            return
        kind = [each for each in self.by_name if each.rpartition(".")[2] == name.rpartition(".")[2]]
        found = next((each for each in (*beside, *kind, *self.by_name) if each in self.by_name), None)
        if found is None:  # nothing of the network is trained
            return
        optimiser, neighbour = self.by_name[found], self.named[found]
        own = {id(p): order.index(each) for each, p in self.named.items()}
        for group in self.groups():
            held = group["params"]
            if not any(p is neighbour for p in held):
                continue
            later = (number for number, p in enumerate(held) if own.get(id(p), -1) > order.index(name))
            place = next(later, len(held))
            if "param_names" in group:
                called = group["param_names"][next(i for i, p in enumerate(held) if p is neighbour)]
                group["param_names"].insert(place, called.removesuffix(found) + name)
            held.insert(place, parameter)
        self.named[name], self.by_name[name] = parameter, optimiser
        begin(optimiser, parameter)

    def _forget(self, optimiser: Optimizer, old: nn.Parameter) -> None:
        """Drop what an optimiser and its wrappers know of a parameter."""
        for chain in self._chains:
            for each in chain if chain[-1] is optimiser else ():
                getattr(each, "state", {}).pop(old, None)
