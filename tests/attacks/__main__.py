"""Prints the table of attacks as Markdown: one line a row."""

from __future__ import annotations

from tests.attacks.table import ATTACKS


def main() -> None:
    """Prints it."""
    for title, attacks in ATTACKS.items():
        print(f"\n## {title}\n\n| attack | stands for | listeners |\n|---|---|---|")
        for attack in attacks:
            print(f"| {attack.name} | {attack.against} | {len(attack.on)} |")
    print(f"\n{sum(map(len, ATTACKS.values()))} attacks.")


if __name__ == "__main__":
    main()
