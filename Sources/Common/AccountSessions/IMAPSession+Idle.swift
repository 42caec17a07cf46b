// IDLE (RFC 2177): a session that waits for news of the selected folder.

import Blocking
import IMAPProtocol
import Octets
import Transport

extension IMAPSession {
    /// The longest that one IDLE stands: boxes on the way forget connections that are silent for longer, many after ten
    /// minutes; RFC 2177 asks for less than 29.
    public static let idleLimit = Duration.seconds(9 * 60)
    /// What a server may say in one IDLE; one that says more is mad, or wants us busy.
    public static let idleEventLimit = 10_000

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
    ///   - patience: how long the server has to answer the end of the wait. ``idleLimit`` and the machine's sleep leave
    ///     connections that stand no more, though nobody has said so.
    /// - Throws: ``AccountError``, also where nobody answers.
    public func idle(messages: inout Int, until alarm: Alarm, patience: Duration) throws(AccountError) -> IdleEnd {
        try exchange.command(.idle)
        var isNews = false
        var isOver = false
        while !isOver {
            let event = try exchange.event()
            if case .idling = event { break }
            isOver = try take(event, &messages, &isNews)
        }
        var events = 0
        while !isOver, !isNews, let event = try exchange.event(until: alarm) {
            events += 1
            guard events <= Self.idleEventLimit else {
                throw broken("more than \(Self.idleEventLimit) lines in one IDLE")
            }
            isOver = try take(event, &messages, &isNews)
        }
        guard !isOver else { return isNews ? .news : .refused }
        try exchange.command(.idleEnd)
        exchange.hurry(patience)
        while !isOver {
            events += 1
            guard events <= Self.idleEventLimit else { throw broken("no end of an IDLE that is over") }
            isOver = try take(try exchange.event(), &messages, &isNews)
        }
        return isNews ? .news : .alarm
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
