// When each account is due next, in one small file: what is read each minute, when nothing is to be done.

import DurableFiles
import Glibc
import Reporting

/// The list `<state>/due`. It only saves the reading of larger states: without it, or where it does not fit the rc or the
/// clock, all accounts are looked at.
public struct DueList: KeptState {
    /// What the rc and the zone looked like when it was made.
    var stamp = ""
    /// When it was last changed, in seconds since 1970.
    var written = 0
    /// When an account's turn comes, as its plan says.
    private(set) var moments: [String: Int] = [:]
    /// When mail was sent through accounts that are fetched from only then.
    private(set) var sent: [String: Int] = [:]

    /// When fetched mail of accounts that waits for its places is to be handed on again.
    private(set) var spools: [String: Int] = [:]

    public init() {}

    /// Whether it can be relied on.
    public func isCurrent(stamp: String, now: Int) -> Bool { self.stamp == stamp && written <= now }

    /// The longest that a turn may be ahead: a year of `every`, and a day.
    private static let longestWait = 366 * 86_400

    /// When the account's turn comes; 0 for one that is not in the list, or of which it says what cannot be.
    public func next(of account: String, now: Int) -> Int {
        moments[account].flatMap { $0 - now > Self.longestWait ? nil : $0 } ?? 0
    }

    /// Whether fetched mail of the account waits for its places, and may be handed on.
    public func hasSpool(of account: String, now: Int) -> Bool {
        spools[account].map { $0 <= now || $0 - now > Self.longestWait } ?? false
    }

    /// Whether it says anything of that.
    public func knowsSpool(of account: String) -> Bool { spools[account] != nil }

    /// Notes when fetched mail of an account is to be handed on again; `nil` where none waits.
    public mutating func noteSpool(of account: String, next: Int?) { spools[account] = next }

    /// Whether mail was sent through the account that no run has followed.
    public func hasSent(_ account: String) -> Bool { sent[account] != nil }

    /// Notes when the turns of accounts come. Where the list could not be relied on, nothing else of it stays.
    /// - Parameter isAll: whether there are no other accounts.
    public mutating func note(_ moments: [String: Int], isAll: Bool, stamp: String, now: Int) {
        if isAll || !isCurrent(stamp: stamp, now: now) { self.moments = [:] }
        self.moments.merge(moments) { _, new in new }
        (self.stamp, written) = (stamp, now)
    }

    /// Notes that mail was sent through an account.
    public mutating func noteSent(_ account: String, at now: Int) { sent[account] = now }

    /// Notes a run that began at `start` and came to its end; mail that was sent in that second or later asks for another.
    /// - Parameter now: what was noted for later comes from a clock that was ahead.
    public mutating func noteRun(of account: String, from start: Int, now: Int) {
        if let time = sent[account], time < start || time > now { sent[account] = nil }
    }

    // MARK: On disk

    public static let kind = "mailhub-due"
    public static let sizeLimit = 1 << 20
    /// It can be made again at any time, and changes with each run.
    public static let isDurable = false

    public var lines: [(keyword: String, value: String)] {
        [("stamp", stamp), ("written", "\(written)")]
            + moments.sorted { $0.key < $1.key }.map { ("next", "\($0.value) \($0.key)") }
            + spools.sorted { $0.key < $1.key }.map { ("spool", "\($0.value) \($0.key)") }
            + sent.sorted { $0.key < $1.key }.map { ("sent", "\($0.value) \($0.key)") }
    }

    public mutating func take(_ keyword: String, _ value: String) -> Bool {
        if keyword == "stamp" {
            stamp = value
            return true
        }
        let words = value.split(separator: " ", maxSplits: 1)
        guard let number = words.first.flatMap({ JournalWord.number($0.utf8) }) else { return false }
        let account = words.count == 2 ? String(words[1]) : nil
        switch (keyword, account) {
        case ("written", nil): written = number
        case ("next", let account?): moments[account] = number
        case ("spool", let account?): spools[account] = number
        case ("sent", let account?): sent[account] = number
        default: return false
        }
        return true
    }
}

/// The file of the list.
public struct DueFile: Sendable {
    private static let name = "due"
    private let stateDirectory: String
    /// What the rc and the zone look like now.
    public let stamp: String

    /// - Parameter sources: the files of the rc.
    public init(in stateDirectory: String, watching sources: [String], on clock: LocalClock, now: Int) {
        self.stateDirectory = stateDirectory
        stamp = "\(FileStatus.stamp(of: sources)) \(clock.offset(at: now))"
    }

    /// The list, without a lock; an empty one where there is none, or none that makes sense.
    public func read() -> DueList {
        do {
            return try StateFiles<DueList>(in: Directory(path: stateDirectory)).read(Self.name)
        } catch {
            return DueList()
        }
    }

    /// The lock of the list, which others hold for moments.
    private static func lock(_ directory: Directory) throws(DurableError) -> FileLock {
        for _ in 0..<lockTries {
            if let lock = try FileLock.tryAcquire("\(name).lock", in: directory) { return lock }
            usleep(20_000)
        }
        throw DurableError(operation: "lock", path: "\(directory.path)/\(name).lock", code: EAGAIN)
    }

    /// Three seconds: without the list more is read, and nothing is missed.
    private static let lockTries = 150

    /// Changes the list under its lock. One that makes no sense is begun anew.
    public func change(_ body: (inout DueList) -> Void) throws(StateFileError) {
        let directory: Directory
        let lock: FileLock
        do throws(DurableError) {
            directory = try Directory(path: stateDirectory, making: 0o700)
            lock = try Self.lock(directory)
        } catch {
            throw .disk(error)
        }
        defer { withExtendedLifetime(lock) {} }
        let files = StateFiles<DueList>(in: directory)
        do throws(StateFileError) { try files.changeLocked(Self.name, body) } catch {
            if case .disk = error { throw error }
            do throws(DurableError) { try directory.unlink(Self.name) } catch { throw .disk(error) }
            try files.changeLocked(Self.name, body)
        }
    }
}
