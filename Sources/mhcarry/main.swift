// mhcarry: the carrier behind mhsend; carries what is queued.

import CommandStart

runCommand(MHCarry.self, name: "mhcarry")
