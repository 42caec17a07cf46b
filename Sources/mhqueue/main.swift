// mhqueue: shows and steers the queue.

import CommandStart

runCommand(MHQueue.self, name: "mhqueue", arguments: VerbFirst.ordered(Array(CommandLine.arguments.dropFirst())))
