// What an account has fetched, folder by folder, as its journal tells it.

import FetchCalendar
import IMAPProtocol
import MaildirStore
import Reporting

/// The fetch state of one account: a pure fold over the lines of its journal, which ``AccountLedger`` keeps.
public struct FetchState: Sendable, Hashable {
    /// What is known of a message that was fetched from a POP3 maildrop.
    public struct Known: Hashable, Sendable {
        /// When it was fetched, in seconds since 1970.
        public var fetched: Int
        /// The number of the run that fetched it, from which the runs that have seen it since are counted; 0 for one that
        /// was passed over: it is known, and never deleted.
        public var run: Int
        /// The digest of what was stored; `nil` where nothing was to be deleted then.
        public var digest: MessageDigest?
        /// Whether the last complete listing lacked it.
        public var isMissing = false
        /// How far its deletion at the server has come; `nil` as long as none has come to QUIT.
        public var deletion: Deletion?
    }

    /// What became of a deletion that the server acknowledged.
    public enum Deletion: Hashable, Sendable {
        /// DELE was answered, and QUIT was sent or is about to be: if the id is listed again, it is this message or
        /// another one.
        case asked
        /// QUIT was answered: if the id is listed again, it is another message, or the server has not deleted this one.
        case acknowledged
        /// It was listed again with the same octets: the server does not delete it.
        case ignored
    }

    /// UIDs fetched on one day.
    public struct Day: Hashable, Sendable {
        /// When the last of them was fetched, in seconds since 1970.
        public var time: Int
        /// The run that fetched the last of them; 0 for messages that were passed over.
        public var run: Int
        public var uids: UIDSet
    }

    /// The highest number of a run; those beyond it share it.
    static let runLimit = (1 << 40) - 1

    /// What is known of a folder.
    public struct Folder: Hashable, Sendable {
        public var name: String
        /// The folder's UIDVALIDITY (RFC 3501 §2.3.1.1).
        public var validity: UInt32
        /// UIDs below it were never fetched, since a person took them as known.
        public var floor: UInt32 = 1
        /// UIDs below it are fetched, no longer at the source, or in ``FetchState/failed`` or ``FetchState/large``.
        public var next: UInt32 = 1
        /// UIDs fetched and, for all we know, still at the source.
        public var fetched: [Day] = []
        /// The last look at all that may be new; `nil` for none, as far as is known.
        public var look: Look?
        /// UIDs that were in ``fetched`` and are no longer at the source, as it said. Were it a lie, they would be taken for
        /// messages that a listing has left out, and come again each day.
        public var past = UIDSet([])
        /// Those of ``fetched`` that were not there when they were looked for, with the number of the run; of others
        /// nobody has looked, or they were there.
        public var lacking = Lacking(run: 0, uids: UIDSet([]))
    }

    /// UIDs that a look for them did not find. One may leave out what is there.
    public struct Lacking: Hashable, Sendable {
        public var run: Int
        public var uids: UIDSet
    }

    /// A look at a folder's messages, and not only at what the server says of their UIDs.
    public struct Look: Hashable, Sendable {
        /// When what an earlier listing may have left out was last asked for, too; in seconds since 1970.
        public var time: Int
        /// How many messages there were when it was over.
        public var messages: Int
    }

    /// A batch that was begun and whose end is not known.
    public struct OpenBatch: Hashable, Sendable {
        public let nonce: String
        public let time: Int
        public let keys: [MessageKey]

        /// - Parameter time: seconds since 1970; the names of the batch's files begin with it.
        public init(nonce: String, time: Int, keys: [MessageKey]) {
            self.nonce = nonce
            self.time = time
            self.keys = keys
        }
    }

    /// How a batch has ended.
    public struct BatchEnd: Sendable, Hashable {
        public let nonce: String
        /// The messages that were delivered, by their index in the batch; with the digest of what was stored where it
        /// may be deleted at the source.
        public let delivered: [Int: MessageDigest?]
        /// Whether they are in the spool, and not yet where they belong.
        public let isSpooled: Bool

        public init(nonce: String, delivered: [Int: MessageDigest?] = [:], isSpooled: Bool = false) {
            (self.nonce, self.delivered, self.isSpooled) = (nonce, delivered, isSpooled)
        }
    }

    /// A message that could not be fetched, or had a problem that may have been chance.
    public struct Failure: Hashable, Sendable {
        /// 0 while it is only noted: see ``AccountLedger/note(_:at:_:)``.
        public var tries: Int
        /// The time of the last try, in seconds since 1970.
        public var time: Int
        public var reason: String
        /// Whether it is fetched after the others and by itself.
        public var isSuspect: Bool { tries > 0 }
        /// Whether it is tried once a day only.
        public var isFinal: Bool { tries >= FetchState.triesLimit }
    }

    /// What became of a message that is larger than the rc lets in. It is looked at again in each run: the rc may change.
    public enum Large: Int, Hashable, Sendable {
        /// It is left at the source.
        case skipped
        /// Its header alone is asked for.
        case headerAsked
        /// Its header alone is here.
        case headerHere
    }

    /// What runs have delivered.
    public struct Total: Hashable, Sendable {
        public var messages = 0
        public var octets = 0

        public init(messages: Int = 0, octets: Int = 0) { (self.messages, self.octets) = (messages, octets) }
    }

    /// How a run ended.
    public struct Ending: Hashable, Sendable {
        /// In seconds since 1970.
        public let time: Int
        /// The exit status for the account.
        public let status: Int
        /// What kept the run from fetching everything, or what else is to be told; may be empty.
        public let words: String
    }

    /// Failures of one message until it is left alone for a day at a time, while the others of its account go on.
    public static let triesLimit = 3
    /// Batches that may be open: one is received while the one before is put on disk.
    public static let openLimit = 2

    public internal(set) var known = KnownMessages()
    public internal(set) var folders: [Folder] = []
    public internal(set) var failed: [MessageKey: Failure] = [:]
    public internal(set) var large: [MessageKey: Large] = [:]
    /// Messages that are not fetched and that the server did not list, with the run in which it did not.
    public internal(set) var unlisted: [MessageKey: Int] = [:]
    /// Messages that are fetched and not yet at all their places: their names in the spool. Until then nothing is done to
    /// them at the source.
    public internal(set) var owed: [MessageKey: String] = [:]
    /// At most ``openLimit``, in the order in which they were begun, and in which they end.
    public internal(set) var openBatches: [OpenBatch] = []
    /// The number of runs so far.
    public internal(set) var run = 0
    /// When the last run began, in seconds since 1970.
    public internal(set) var lastRun = 0
    public internal(set) var lastEnding: Ending?
    /// The number of the run that ``lastEnding`` is of; those after it have died, or are under way.
    public internal(set) var lastEnded = 0
    /// When a run last ended well, in seconds since 1970.
    public internal(set) var lastSuccess: Int?
    /// Since when no run has ended well, in seconds since 1970; `nil` when the last one did.
    public internal(set) var failingSince: Int?
    /// When the first run began, in seconds since 1970.
    public internal(set) var since: Int?
    /// What all runs have delivered.
    public internal(set) var total = Total()
    /// Whether the last run that ended did not come to the server.
    public internal(set) var isAway = false
    /// The last time of day at which the rc wants a run, and had one.
    public internal(set) var served: FetchPlan.Served?

    init() {}

    // MARK: Asking

    /// What the plan of the account asks for.
    public var past: FetchPlan.Past {
        FetchPlan.Past(runs: run, lastRun: lastRun, served: served, isAway: isAway)
    }

    public func isSuspect(_ key: MessageKey) -> Bool { failed[key]?.isSuspect ?? false }

    /// Messages that could not be fetched, sorted by key.
    public var failures: [(key: MessageKey, failure: Failure)] {
        failed.filter(\.value.isSuspect).map { ($0.key, $0.value) }.sorted { $0.key.text < $1.key.text }
    }

    /// Messages that are not fetched and are to be looked at again.
    public var unfetched: Set<MessageKey> { Set(failed.keys).union(large.keys) }

    public func isUnfetched(_ key: MessageKey) -> Bool { failed[key] != nil || large[key] != nil }

    public func isOwed(_ key: MessageKey) -> Bool { owed[key] != nil }

    public func isKnown(_ key: MessageKey) -> Bool { known[key] != nil }

    /// Whether the message has failed so often that it is tried once a day only.
    public func isLeftAlone(_ key: MessageKey, now: Int) -> Bool {
        guard let failure = failed[key], failure.isFinal else { return false }
        return !ClockSanity.hasCome(failure.time + 86_400, now: now, longestWait: 86_400)
    }
}
