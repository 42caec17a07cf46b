// Messages of a maildrop whose deletion was acknowledged, should the server list them again.

import FetchLedger
import MaildirStore

/// What is known of an account's messages that are deleted, or should be.
struct Deletions {
    private let ledger: AccountLedger
    /// Whether the server's unique ids are message numbers, which mean another message each time.
    private let areNumbers: Bool
    /// Ids of which one message at least was to be deleted, with the digests of all messages known under them: of
    /// several with one id any may be deleted, and any be left.
    private let doubtful: [String: Set<MessageDigest>]
    private let all: Set<MessageDigest>
    /// Ids of which one message at least may be there by right: its deletion was refused, or never reached the server.
    private let remaining: Set<String>
    /// Whether no message of the listing can be in doubt.
    let isEmpty: Bool
    /// Whether it is known from earlier runs that the server does not delete.
    let wereIgnored: Bool

    init(_ ledger: AccountLedger, areNumbers: Bool) {
        self.ledger = ledger
        self.areNumbers = areNumbers
        let known = ledger.state.known
        var doubtful: [String: Set<MessageDigest>] = [:]
        var remaining: Set<String> = []
        var wereIgnored = false
        // Most maildrops have a hundred thousand messages and none of these.
        if known.deletionCount > 0 {
            for (key, known) in known.all {
                guard let id = key.uniqueID else { continue }
                if known.deletion == nil || known.deletion == .asked { remaining.insert(id) }
                wereIgnored = wereIgnored || known.deletion == .ignored
                guard known.digest != nil else { continue }
                switch known.deletion {
                case .asked, .acknowledged: doubtful[id] = []
                case .ignored where areNumbers: doubtful[id] = []
                case .ignored, nil: break
                }
            }
            for (key, known) in known.all {
                if let id = key.uniqueID, let digest = known.digest { doubtful[id]?.insert(digest) }
            }
        }
        self.doubtful = doubtful
        self.remaining = remaining
        self.wereIgnored = wereIgnored
        all = areNumbers ? doubtful.values.reduce(into: []) { $0.formUnion($1) } : []
        isEmpty = known.deletionCount == 0
    }

    /// Whether a listed message must be fetched to find out what it is.
    func isInDoubt(_ key: MessageKey) -> Bool {
        guard let known = ledger.state.known[key] else { return false }
        if known.deletion == .acknowledged { return true }
        guard let id = key.uniqueID, doubtful[id] != nil else { return false }
        return known.deletion != .ignored || areNumbers
    }

    /// The digests of the messages that the one listed under `key` may be.
    func stored(for key: MessageKey) -> Set<MessageDigest> {
        guard isInDoubt(key) else { return [] }
        return areNumbers ? all : key.uniqueID.flatMap { doubtful[$0] } ?? []
    }

    /// Whether the server has reported a message as deleted that is there unchanged: then it does not delete. Of
    /// several with one id it may be one whose deletion was refused, or never reached the server.
    func isIgnored(_ key: MessageKey) -> Bool { key.uniqueID.map { !remaining.contains($0) } ?? true }
}
