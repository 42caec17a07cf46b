// IDLE (RFC 2177): a session that waits for news of the selected folder.

import Blocking
import IMAPProtocol
import Octets
import Transport

/// How a folder stands: it changes whenever a message comes.
public struct FolderMark: Hashable, Sendable {
    let uidValidity: UInt32?
    /// No message that comes has a lower UID. Of a server that does not tell UIDNEXT, which may (RFC 3501 §6.3.1), one more
    /// than the highest that there is: it changes also where that message is deleted.
    let uidNext: UInt32

    public init(uidValidity: UInt32?, uidNext: UInt32) {
        (self.uidValidity, self.uidNext) = (uidValidity, uidNext)
    }
}

extension IMAPSession {
    /// The longest that one IDLE stands: boxes on the way forget connections that are silent for longer, many after ten
    /// minutes; RFC 2177 asks for less than 29.
    public static let idleLimit = Duration.seconds(9 * 60)
    /// What a server may say in one IDLE; one that says more is mad, or wants us busy.
    public static let idleEventLimit = 10_000
    /// In octets.
    public static let idleWordLimit = 1 << 20

    /// How a wait for news has ended.
    public enum IdleEnd: Sendable, Hashable {
        /// There are more messages than before.
        case news
        case alarm
        /// The server does not let us wait, or no longer, though it said that it would.
        case refused
    }

    /// Waits until the selected folder has more messages, or until `alarm`.
    /// - Parameters:
    ///   - messages: how many the folder has; kept up to date with what the server says.
    ///   - patience: how long the server has to begin it, and to answer the end of it. ``idleLimit`` and the machine's
    ///     sleep leave connections that stand no more, though nobody has said so.
    /// - Throws: ``AccountError``, also where nobody answers.
    public func idle(messages: inout Int, until alarm: Alarm, patience: Duration) throws(AccountError) -> IdleEnd {
        try exchange.command(.idle)
        exchange.hurry(patience)
        let wordLimit = exchange.engine.wordCount + Self.idleWordLimit
        var events = 0
        func checkBounds() throws(AccountError) {
            events += 1
            guard events <= Self.idleEventLimit else {
                throw broken("more than \(Self.idleEventLimit) lines in one IDLE")
            }
            guard exchange.engine.wordCount < wordLimit else {
                throw broken("more than \(Self.idleWordLimit) octets in one IDLE")
            }
        }
        var isNews = false
        var isOver = false
        while !isOver {
            let event = try exchange.event()
            if case .idling = event { break }
            try checkBounds()
            isOver = try take(event, &messages, &isNews)
        }
        while !isOver, !isNews, let event = try exchange.event(until: alarm, words: wordLimit) {
            try checkBounds()
            isOver = try take(event, &messages, &isNews)
        }
        // Also where words without an event have ended the wait.
        try checkBounds()
        guard !isOver else { return isNews ? .news : .refused }
        try exchange.command(.idleEnd)
        exchange.hurry(patience)
        while !isOver {
            let event = try exchange.event()
            try checkBounds()
            isOver = try take(event, &messages, &isNews)
        }
        return isNews ? .news : .alarm
    }

    /// How the selected folder stands.
    /// - Returns: `nil` where a message has come meanwhile.
    public func mark(of selection: IMAPSelection) throws(AccountError) -> FolderMark? {
        func mark(_ uidNext: UInt32) -> FolderMark {
            FolderMark(uidValidity: selection.uidValidity, uidNext: uidNext)
        }
        if let told = selection.uidNext { return mark(told) }
        guard selection.messages > 0 else { return mark(1) }
        try exchange.command(.uidFetch(UIDSet([.max]), []))
        var last: UInt32 = 0
        var messages = selection.messages
        var isNews = false
        var events = 0
        while true {
            let event = try exchange.event()
            events += 1
            guard events <= Self.idleEventLimit else { throw broken("no end of an answer about one message") }
            _ = try take(event, &messages, &isNews)
            switch event {
            case .fetched(let told): last = max(last, told.uid ?? 0)
            case .done(.uidFetch, let status):
                guard status.condition == .ok else { throw refused("UID FETCH", status) }
                return isNews ? nil : mark(last &+ 1)
            default: break
            }
        }
    }

    /// - Returns: whether IDLE is over.
    private func take(
        _ event: IMAPClient.Event, _ messages: inout Int, _ isNews: inout Bool
    ) throws(AccountError) -> Bool {
        switch event {
        case .exists(let count):
            if count > messages { isNews = true }
            messages = count
        case .expunged: messages = max(0, messages - 1)
        case .bye(let status): throw farewell(status)
        case .done(.idle, _): return true
        default: break
        }
        return false
    }
}
