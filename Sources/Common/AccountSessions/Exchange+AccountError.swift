// A conversation with an account's server, whose end is told as what keeps the account from it.

import Blocking
import Octets
import Reporting
import Transport

extension Exchange where E: SessionEngine {
    /// What the server says next; see `next()`.
    func event() throws(AccountError) -> E.Event {
        do { return try next() } catch { throw AccountError(error, in: wire) }
    }

    /// What the server says next unasked; see `listen(until:words:)`.
    func event(until alarm: Alarm, words: Int) throws(AccountError) -> E.Event? {
        do { return try listen(until: alarm, words: words) } catch { throw AccountError(error, in: wire) }
    }

    /// What the server has said, for a person: our secret, should it repeat that, stands there as a mark.
    public func quoted(_ words: [UInt8], limit: Int = 200) -> String {
        printable(octets: wire.masked(words), limit: limit)
    }

    /// Says `command`; see `say(_:_:isHeld:)`.
    func command(_ command: E.Command) throws(AccountError) {
        do { try say(command) } catch { throw AccountError(error, in: wire) }
    }
}

extension AccountError {
    /// - Parameter error: what an exchange throws: the wire's, or the engine's.
    fileprivate init(_ error: any Error, in wire: Wire) {
        switch error {
        case let error as TransportError: self = .transport(error)
        case let error as any Complaint:
            let words = String(decoding: wire.masked(Array(error.description.utf8)), as: UTF8.self)
            self = words == error.description ? .engine(error) : .masked(words: words, error.exitStatus)
        default: preconditionFailure("an engine throws complaints: \(error)")
        }
    }
}
