// What a person may order for a message: hold, release, a time, a route, giving up, removal.

import MailEnvelope

/// What a person orders for a message.
public enum Order: Sendable, Hashable {
    /// Not to be tried until its release, for that reason.
    case hold(String)
    case release
    /// Not to be tried before that time, in seconds since 1970; 0: by the next run.
    case next(Int)
    /// To leave by this route or account from now on; `nil`: by the rc's rules.
    case route(EnvelopeText?)
    /// Those of these recipients that wait are given up; notices are owed as for any failure.
    case fail([Int], Verdict)
    /// To be gone, and nobody is told.
    case remove
}

/// Every order is durable on return. Each throws ``QueueError/distrusted(path:)`` after an earlier failure of the disk,
/// and ``QueueError/disk(_:)`` or ``QueueError/noSpace(_:)`` when it cannot be recorded.
extension LockedMessage {
    /// Keeps it from being tried until ``release()``.
    public func hold(because why: String) throws(QueueError) {
        try obey(.hold(why))
    }

    /// Lets it be tried again.
    public func release() throws(QueueError) { try obey(.release) }

    /// Not to be tried before `time`, in seconds since 1970. A time further ahead than the longest back-off counts as
    /// due.
    public func setNext(_ time: Int) throws(QueueError) { try obey(.next(time)) }

    /// To be tried by the next run.
    public func tryNow() throws(QueueError) { try obey(.next(0)) }

    /// Sends it by this route from now on; `nil`: by the rc's rules.
    public func setRoute(_ name: EnvelopeText?) throws(QueueError) { try obey(.route(name)) }

    /// Gives up those of these recipients that wait: too old, or a person's order. Notices are owed as for any failure.
    @discardableResult
    public func fail(_ recipients: [Int], _ verdict: Verdict) throws(QueueError) -> Disposition {
        let waiting = Set(state.waiting)
        let recipients = recipients.filter { waiting.contains($0) }
        guard !recipients.isEmpty else { return try finish() }
        try trust()
        try write([.failed(recipients, verdict)])
        retime()
        return try finish()
    }

    private func obey(_ order: Order) throws(QueueError) {
        try note([order])
        try synchronize()
        retime()
    }

    /// The record of an order; `nil` where it has none.
    func record(of order: Order) -> Record? {
        switch order {
        case .hold(let why): .hold(EnvelopeText(cleaning: why).description)
        case .release: .release
        case .next(let time): .next(max(0, time))
        case .route(let name): .route(name?.description)
        case .fail(let recipients, let verdict):
            recipients.allSatisfy(state.isWaiting) ? .failed(recipients, verdict) : nil
        case .remove: nil
        }
    }
}
