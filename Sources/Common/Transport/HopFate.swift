// How a connection over a chain learns why it ended: the end of a hop outranks "connection closed".

internal import CMHSys
import Glibc
import Reporting
import Synchronization

/// Tells, apart from a connection's own descriptor, that something below the connection ended.
///
/// Whoever serves a hop first tells its fate and then closes its end of the connection.
public protocol HopFate: AnyObject, Sendable {
    /// Becomes readable when there may be a verdict. Stays open as long as this object lives.
    var descriptor: Int32 { get }
    /// What happened, in words for a person; `nil` while all is well.
    func verdict() -> String?
}

/// The fate of a hop that runs in this process: an eventfd and a sentence.
public final class EventFate: HopFate {
    public let descriptor: Int32
    private let sentence = Mutex<String?>(nil)

    /// - Throws: ``TransportError/system(doing:code:)`` when no descriptor is left.
    public init() throws(TransportError) {
        descriptor = eventfd(0, mh_EFD_CLOEXEC())
        guard descriptor >= 0 else { throw .system(doing: "make an eventfd", code: errno) }
    }

    deinit { close(descriptor) }

    /// Ends every wire that watches this fate.
    /// - Parameter reason: words for a person; only those of the first call count.
    public func tell(_ reason: String) {
        sentence.withLock { if $0 == nil { $0 = reason } }
        var one: UInt64 = 1
        _ = unsafe write(descriptor, &one, 8)  // fails only when the counter is full: it is readable then too
    }

    public func verdict() -> String? { sentence.withLock { $0 } }
}
