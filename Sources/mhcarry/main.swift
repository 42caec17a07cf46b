// mhcarry: the carrier behind mhsend; takes the queue out.

import CommandStart

runCommand(MHCarry.self, name: "mhcarry")
