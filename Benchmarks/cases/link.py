"""Collecting over a line of 50 ms, with 61 and with 20 Mbit/s, and what the line itself takes."""

from cases.collect import OCTETS, figures, hub, mbsync, mpop
from harness import Link, by_turns, table
from peers import Dovecot


def run(bench):
    report = []
    for mbit in (61, 20):
        with Link(bench, 50, mbit) as link:
            for count in (max(100, int(1000 * bench.options.scale)), max(200, int(10000 * bench.options.scale))):
                dovecot = Dovecot(bench, link)
                try:
                    dovecot.fill(count, OCTETS)
                    line = figures(count, link.seconds(count * OCTETS), 0)
                    for protocol, port, name, peer in (
                            ("pop3s", dovecot.pop3s, "mpop", mpop), ("imaps", dovecot.imaps, "mbsync", mbsync)):
                        medians, absent = by_turns(
                            [(name, peer(bench, port, count, link.near)),
                             ("mailhub", hub(bench, protocol, port, count, link.near))], bench.options.rounds)
                        medians = {"the line": line, **medians}
                        report.append(table(
                            "Collecting over %s, %d x %d octets, %s" % (protocol.upper(), count, OCTETS, link),
                            ("messages/s", "CPU us/message", "seconds"), medians, absent))
                finally:
                    dovecot.stop()
    return "\n".join(report)
