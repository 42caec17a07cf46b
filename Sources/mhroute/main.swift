// mhroute: explains which way a message would take.

import CommandStart

runCommand(MHRoute.self, name: "mhroute", ordered: VerbFirst.ordered)
