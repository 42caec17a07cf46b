// A value that another thread is going to give.

/// Given once, waited for by any number of threads.
public final class Promise<Value: Sendable>: Sendable {
    private let monitor = Monitor<Value?>(nil)

    public init() {}

    /// Gives the value, and wakes those who wait for it. A second value is ignored.
    public func keep(_ value: Value) {
        monitor.change { given in if given == nil { given = value } }
    }

    /// Waits for the value.
    public func wait() -> Value {
        guard let value = monitor.wait({ $0 }) else { preconditionFailure("a wait without an end has ended") }
        return value
    }

    /// Whether the value is there.
    public var isKept: Bool { monitor.read { $0 != nil } }
}

extension Promise<Void> {
    public func keep() { keep(()) }
}
