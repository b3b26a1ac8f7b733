"""Plain text as LaTeX."""

from __future__ import annotations

_KNOWN = {
    "\\": r"\textbackslash{}",
    **{character: f"\\{character}" for character in "&%$#_{}"},
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "−": "$-$",
    "–": "--",
    "±": r"$\pm$",
    "×": r"$\times$",
    "≥": r"$\geq$",
    "≤": r"$\leq$",
    "‖": r"$\Vert$",
    "ε": r"$\varepsilon$",
    "ψ": r"$\psi$",
    "σ": r"$\sigma$",
    "²": r"$^2$",
    "Σ": r"$\Sigma$",
    "θ": r"$\theta$",
    "Ξ": r"$\Xi$",
    "λ": r"$\lambda$",
    "Δ": r"$\Delta$",
    "“": "``",
    "”": "''",
    "’": "'",
    "…": r"\dots{}",
}


def escape(text: str) -> str:
    """`text` with every character that LaTeX would take for a command, or does not know, written for it."""
    return "".join(_KNOWN.get(character, character) for character in text)
