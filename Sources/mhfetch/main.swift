// mhfetch: collects mail from remote mailboxes into Maildirs.

import CommandStart

runCommand(MHFetch.self, name: "mhfetch")
