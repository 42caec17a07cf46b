// mhqueue: shows and steers the queue.

import CommandStart

runCommand(MHQueue.self, name: "mhqueue", ordered: VerbFirst.ordered)
