// Messages of a maildrop whose deletion was acknowledged, should the server list them again (DECISIONS 34).

import MaildirStore

/// What an account knows of messages that are no more, or should be.
struct Deletions {
    private let state: FetchState
    /// Whether the server's unique ids are message numbers, which mean another message each time.
    private let areNumbers: Bool
    private let byID: [String: Set<MessageDigest>]
    private let all: Set<MessageDigest>
    /// Whether it was known before that the server does not delete.
    let wereIgnored: Bool

    init(_ state: FetchState, areNumbers: Bool) {
        self.state = state
        self.areNumbers = areNumbers
        var byID: [String: Set<MessageDigest>] = [:]
        var wereIgnored = false
        for (key, known) in state.known {
            guard let deletion = known.deletion else { continue }
            if deletion == .ignored { wereIgnored = true }
            if let id = key.uniqueID, let digest = known.digest { byID[id, default: []].insert(digest) }
        }
        self.byID = byID
        self.wereIgnored = wereIgnored
        all = areNumbers ? byID.values.reduce(into: []) { $0.formUnion($1) } : []
    }

    /// Whether a listed message must be fetched to find out what it is.
    func isInDoubt(_ key: MessageKey) -> Bool {
        switch state.known[key]?.deletion {
        case .acknowledged: true
        case .ignored: areNumbers
        case nil: false
        }
    }

    /// What was stored of the messages that the one listed under `key` may be. Of several with one id any may be gone.
    func stored(for key: MessageKey) -> Set<MessageDigest> {
        guard isInDoubt(key) else { return [] }
        return areNumbers ? all : key.uniqueID.flatMap { byID[$0] } ?? []
    }
}
