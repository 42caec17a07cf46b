"""Asking a POP3S maildrop of 100,000 messages, all of them fetched before, whether there is anything new."""

from cases.collect import delivered, mpop_account
from harness import by_turns, table, timed
from hub import Hub
from peers import Dovecot


def again(command, env, target, count):
    """Collects once, unmeasured; then each call asks again."""
    timed(command, env=env)
    delivered(target, count)

    def measure():
        took, used = timed(command, env=env)
        delivered(target, count)
        return used * 1000, took * 1000
    return measure


def run(bench):
    count = max(1000, int(100000 * bench.options.scale))
    dovecot = Dovecot(bench)
    try:
        dovecot.fill(count, 200)
        hub = Hub(bench)
        hub.fetching("pop3s", dovecot.pop3s)
        medians, absent = by_turns(
            [("mpop", again(*mpop_account(bench, dovecot.pop3s), count)),
             ("mailhub", again([bench.command("mhfetch"), "-C", hub.rc], hub.env, hub.maildir, count))],
            max(5, bench.options.rounds))
    finally:
        dovecot.stop()
    return table("Asking a POP3S maildrop of %d messages for new ones" % count, ("CPU ms", "ms"), medians, absent,
                 larger_is_better=False)
