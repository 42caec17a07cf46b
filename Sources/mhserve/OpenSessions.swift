// The connections that are open: counted against the limits, told when the service stops.

import AccessControl
import InternetAddress
import NIOCore
import Synchronization

/// The open connections of one listener. Shared by all event loops.
final class OpenSessions: Sendable {
    private struct Table {
        var limits: ConnectionLimits
        var channels: [ObjectIdentifier: any Channel] = [:]
    }

    private let table: Mutex<Table>

    init(limits: ConnectionLimits) { table = Mutex(Table(limits: limits)) }

    /// Counts `channel` in.
    /// - Returns: `false` when this address or the service as a whole has all it may have; nothing is counted then.
    func admit(_ channel: any Channel, from address: IPAddress) -> Bool {
        table.withLock { table in
            guard table.limits.opened(address) == .allowed else { return false }
            table.channels[ObjectIdentifier(channel)] = channel
            return true
        }
    }

    func leave(_ channel: any Channel, from address: IPAddress) {
        table.withLock { table in
            guard table.channels.removeValue(forKey: ObjectIdentifier(channel)) != nil else { return }
            table.limits.closed(address)
        }
    }

    var count: Int { table.withLock { $0.channels.count } }

    /// Tells every session that the service stops.
    func stopSoon() {
        let all = table.withLock { Array($0.channels.values) }
        for channel in all { channel.pipeline.fireUserInboundEventTriggered(StopSoon()) }
    }
}
