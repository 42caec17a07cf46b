// Notices about a message, in steps such that after a crash anywhere each is sent, and none twice.

import DurableFiles
import MailEnvelope
import MessageContent

extension LockedMessage {
    /// A notice ready to be queued.
    public struct Notice {
        public let message: Message
        public let acceptance: Acceptance
    }

    /// Queues one notice of `kind` about those of `recipients` that are owed one (``MessageState/owed(_:)``); durable
    /// on return.
    /// - Parameters:
    ///   - stage: of delay, how many ages for it have passed.
    ///   - make: makes the notice with this id, of this kind, about the recipients with these indexes.
    /// - Returns: the notice's id; `nil` when none of the recipients is owed one.
    /// - Throws: what `make` throws; ``QueueError/distrusted(path:)``, ``QueueError/disk(_:)`` or
    ///   ``QueueError/noSpace(_:)``. A notice that was begun is for ``resumeNotices(write:)`` then.
    public func sendNotice(
        _ kind: NoticeKind, about recipients: [Int], stage: Int = 1,
        write make: (QueueID, NoticeKind, [Int]) throws(QueueError) -> Notice
    ) throws(QueueError) -> QueueID? {
        try trust()
        let owed = Set(state.owed(kind, stage: stage))
        let recipients = recipients.filter { owed.contains($0) }.sorted()
        guard !recipients.isEmpty else { return nil }
        let number = state.nextNotice
        try write([.intent(number, kind, recipients, stage: stage)])
        try queueNotice(number, make)
        return id.notice(number)
    }

    /// Finishes the notices that ``sendNotice(_:about:write:)`` began in a run that died; to be called once after
    /// locking.
    /// - Throws: as ``sendNotice(_:about:write:)``.
    public func resumeNotices(
        write make: (QueueID, NoticeKind, [Int]) throws(QueueError) -> Notice
    ) throws(QueueError) {
        try trust()
        for number in state.intents.keys.sorted() {
            if try queue.find(id.notice(number)) != nil {
                try write([.told(number)])
            } else {
                try queueNotice(number, make)
            }
        }
        retime()
    }

    private func queueNotice(
        _ number: Int, _ make: (QueueID, NoticeKind, [Int]) throws(QueueError) -> Notice
    ) throws(QueueError) {
        guard let intent = state.intents[number] else {
            preconditionFailure("the notice \(number) was never begun: nobody would be told")
        }
        let id = id.notice(number)
        let notice = try make(id, intent.kind, intent.recipients)
        try queue.add(notice, id: id)
        try write([.told(number)])
        retime()
    }
}

extension Queue {
    /// Queues a notice; durable on return.
    /// - Throws: as ``add(_:_:id:notBefore:)``.
    @discardableResult
    public func add(_ notice: LockedMessage.Notice, id: QueueID) throws(QueueError) -> QueueID {
        try add(Prepared(notice.message), notice.acceptance, id: id)
    }

    /// Makes sure that the journal of the message a notice is about has the notice as queued, before the notice can
    /// leave the queue: else a crash between the two would queue it again.
    /// - Returns: `false` while another process holds that message.
    func settleParent(of id: QueueID) throws(QueueError) -> Bool {
        guard let (parent, number) = id.parent, try MessageJournal.isOpen(notice: number, in: log, id: parent),
            let entry = try find(parent)
        else { return true }
        guard let locked = try lock(entry) else { return try find(parent) == nil }
        if locked.state.intents[number] != nil { try locked.write([.told(number)]) }
        locked.retime()
        return true
    }
}
