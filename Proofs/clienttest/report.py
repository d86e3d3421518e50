"""The table of what was sent, billed and received."""

COLUMNS = ("client", "version", "transport", "scenario", "requests", "billed", "pictures", "")


class Table:
    def __init__(self):
        self.rows = []
        self.faults = []
        # How many calls were billed for each ticket of each daemon when its client had its answer.
        self.bills = {}

    def add(self, entry, version, transport, scenario, seen, faults):
        """`seen` are the requests, the billed calls and the pictures."""
        self.rows.append((entry.name, version, transport, scenario.name, *map(str, seen), "WRONG" if faults else ""))
        self.faults += [f"{entry.name}, {transport}, {scenario.name}: {fault}" for fault in faults]

    def fail(self, entry, transport, fault):
        """A client that could not be run to its end."""
        self.rows.append((entry.name, "-", transport, "-", "-", "-", "-", "WRONG"))
        self.faults.append(f"{entry.name}, {transport}: {fault}")

    def text(self, order):
        """`order` has the clients' names; the scenarios stay in the order in which they were played."""
        rows = sorted(self.rows, key=lambda row: (order.index(row[0]), row[2] != "socket"))
        widths = [max(len(row[column]) for row in [COLUMNS, *rows]) for column in range(len(COLUMNS))]
        return "\n".join(
            "  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip() for row in [COLUMNS, *rows])
