// What a person may order for a message: hold, release, a time, a route, giving up.

import MailEnvelope

/// Every order is durable on return. Each throws ``QueueError/distrusted(path:)`` after an earlier failure of the disk,
/// and ``QueueError/disk(_:)`` or ``QueueError/noSpace(_:)`` when it cannot be recorded.
extension LockedMessage {
    /// Keeps it from being tried until ``release()``.
    public func hold(because why: String) throws(QueueError) {
        try order(.hold(EnvelopeText(cleaning: why).description))
    }

    /// Lets it be tried again.
    public func release() throws(QueueError) { try order(.release) }

    /// Not to be tried before `time`, in seconds since 1970. A time further ahead than the longest back-off counts as
    /// due.
    public func setNext(_ time: Int) throws(QueueError) { try order(.next(max(0, time))) }

    /// To be tried by the next run.
    public func tryNow() throws(QueueError) { try order(.next(0)) }

    /// Sends it by this route from now on; `nil`: by the rc's rules.
    public func setRoute(_ name: EnvelopeText?) throws(QueueError) { try order(.route(name?.description)) }

    /// Gives up those of these recipients that wait: too old, or a person's order. Notices are owed as for any failure.
    @discardableResult
    public func fail(_ recipients: [Int], _ verdict: Verdict) throws(QueueError) -> Disposition {
        let waiting = Set(state.waiting)
        let recipients = recipients.filter { waiting.contains($0) }
        guard !recipients.isEmpty else { return try finish() }
        try order(.failed(recipients, verdict))
        return try finish()
    }

    private func order(_ record: Record) throws(QueueError) {
        try trust()
        try write([record])
        retime()
    }
}
