// How many descriptors the worker may have, and for how many connections they suffice.

import AccessControl
import Reporting
import RunControl

enum OpenFiles {
    /// Descriptors of no connection: listeners, event loops, the queue's directories, mailboxes held open, the reserve.
    private static let own = 400
    /// A connection, and the message that it sends or takes.
    private static let perConnection = 2

    /// Lowers the connections of all listeners together to what there are descriptors for, and logs it.
    static func fit(_ listeners: inout [ListenerSettings], into limit: Int, log: Log) {
        let room = (limit - min(own, limit / 2)) / perConnection
        let fitted = ConnectionLimits.fitted(listeners.map(\.maxConnections), into: room)
        for (index, connections) in fitted.enumerated() where connections < listeners[index].maxConnections {
            log.write(
                .warning, "fewer connections",
                [
                    ("service", listeners[index].service.rawValue), ("port", "\(listeners[index].port)"),
                    ("max-connections", "\(listeners[index].maxConnections)"), ("lowered-to", "\(connections)"),
                    ("open-files", "\(limit)"),
                    ("why", "too few open files; raise the limit (LimitNOFILE, ulimit -Hn) or lower max-connections"),
                ])
            listeners[index].maxConnections = connections
        }
    }
}
