// How many descriptors the worker may have, and how many connections that is room for.

import AccessControl
import Glibc
import Reporting
import RunControl

enum OpenFiles {
    /// Descriptors that are no connection's: listeners, event loops, the queue's folders, mailboxes kept open, the reserve.
    private static let own = 400
    /// A connection, and the message that it sends or takes.
    private static let perConnection = 2

    /// Every connection is a descriptor, and the usual 1024 are fewer than the listeners may have.
    /// - Returns: the limit from now on.
    static func raiseLimit() -> Int {
        var limit = rlimit()
        let resource = __rlimit_resource_t(RLIMIT_NOFILE.rawValue)
        guard unsafe getrlimit(resource, &limit) == 0 else { return 1024 }
        let before = limit.rlim_cur
        limit.rlim_cur = limit.rlim_max
        if unsafe setrlimit(resource, &limit) != 0 { limit.rlim_cur = before }
        return Int(clamping: limit.rlim_cur)
    }

    /// Lowers what the listeners may have together to what there are descriptors for, and says so.
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
                    ("why", "the limit of open files is too low; raise it (LimitNOFILE, ulimit -Hn), or say less"),
                ])
            listeners[index].maxConnections = connections
        }
    }
}
