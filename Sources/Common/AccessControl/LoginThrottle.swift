// A brake on guessing: failures counted per address and per login, each with a pause at the end.

import InternetAddress

/// Counts failed logins. Knows no clock: the caller says what time it is, on one clock that never goes back.
///
/// A try counts from its beginning, and is given back when it was right: many at once get no further than the same one
/// after the other. Addresses count by /32 (IPv4) and /64 (IPv6), for a home has a whole /64 to guess from. The table
/// is bounded: above its size the entries idle for longest are dropped, so that many addresses cannot fill the memory.
public struct LoginThrottle: Sendable {
    /// What is counted for one address or one login.
    public struct Limits: Sendable, Hashable {
        /// Failures until a pause.
        public var failures: Int
        /// How long nothing is tried after that, and how long a failure is remembered.
        public var pause: Duration

        public init(failures: Int, pause: Duration) {
            self.failures = failures
            self.pause = pause
        }

        /// 10 failures, 20 minutes: with room for a phone that has an old password.
        public static let address = Limits(failures: 10, pause: .seconds(20 * 60))
        /// A login has more tries, for its owner must not be locked out by strangers too easily.
        public static let login = Limits(failures: 50, pause: .seconds(20 * 60))
    }

    public enum Decision: Sendable, Hashable {
        case allowed
        /// As many tries are under way as may still fail: what becomes of this one is known when they have ended.
        case full
        /// No try now; the next one is possible after this long.
        case pause(Duration)
    }

    /// What a try came to.
    public enum Outcome: Sendable, Hashable {
        case right
        case wrong
        /// Not known: there was no room to check it.
        case unchecked
    }

    private enum Key: Hashable {
        case network(Network)
        case login(String)
    }

    private struct Entry {
        var failures = 0
        /// Tries under way.
        var begun = 0
        /// The last failure.
        var last: Duration
        var isPaused = false
    }

    private let address: Limits
    private let login: Limits
    private let capacity: Int
    private var entries: [Key: Entry] = [:]

    /// - Parameter capacity: addresses and logins remembered; about 200 octets each.
    public init(address: Limits = .address, login: Limits = .login, capacity: Int = 10_000) {
        self.address = address
        self.login = login
        self.capacity = max(capacity, 2)
    }

    /// Entries now in the table.
    public var count: Int { entries.count }

    /// Whether a login may be tried; to be asked before any password is hashed.
    /// - Parameters:
    ///   - name: whose password is guessed at: one name for a mailbox, whichever of its names the client sent. `nil`
    ///     leaves the login out.
    ///   - now: time since an epoch of the caller's choice.
    public func decide(_ address: IPAddress, login name: String? = nil, now: Duration) -> Decision {
        let here = decide(.network(Network(home: address)), self.address, now)
        guard let name else { return here }
        return Self.stricter(here, decide(Self.key(name), login, now))
    }

    /// Begins a try, if it may be made; each one allowed must be ended once, by ``end(_:login:as:now:)``.
    /// - Parameter isKnown: whether the owner of the login comes from `address`: the login's own count does not stop
    ///   this try then, or strangers could lock the owner out.
    public mutating func begin(
        _ address: IPAddress, login name: String, isKnown: Bool = false, now: Duration
    ) -> Decision {
        let decision = decide(address, login: isKnown ? nil : name, now: now)
        guard decision == .allowed else { return decision }
        begin(.network(Network(home: address)), self.address, now)
        begin(Self.key(name), login, now)
        makeRoom()
        return .allowed
    }

    /// Ends a try. A right one forgives the failures of its address, but of no login: the count of the login guessed at
    /// stops even a guesser with a login of their own.
    /// - Returns: whether it was the failure that began a pause, for one line in the log.
    @discardableResult
    public mutating func end(
        _ address: IPAddress, login name: String, as outcome: Outcome, now: Duration
    ) -> Bool {
        let network = Key.network(Network(home: address))
        let here = end(network, self.address, outcome, now)
        let there = end(Self.key(name), login, outcome, now)
        if outcome == .right { forgive(network) }
        return here || there
    }

    private static func stricter(_ one: Decision, _ other: Decision) -> Decision {
        switch (one, other) {
        case (.pause(let left), .pause(let right)): .pause(max(left, right))
        case (.pause, _), (.full, .allowed), (.full, .full): one
        case (.allowed, _), (.full, .pause): other
        }
    }

    private func decide(_ key: Key, _ limits: Limits, _ now: Duration) -> Decision {
        guard let entry = entries[key] else { return .allowed }
        let isFresh = now - entry.last < limits.pause
        if entry.isPaused, isFresh { return .pause(entry.last + limits.pause - now) }
        return (isFresh ? entry.failures : 0) + entry.begun < limits.failures ? .allowed : .full
    }

    private mutating func begin(_ key: Key, _ limits: Limits, _ now: Duration) {
        var entry = entries[key] ?? Entry(last: now)
        if now - entry.last >= limits.pause { entry = Entry(begun: entry.begun, last: now) }
        entry.begun += 1
        entries[key] = entry
    }

    private mutating func end(_ key: Key, _ limits: Limits, _ outcome: Outcome, _ now: Duration) -> Bool {
        guard var entry = entries[key] else { return false }
        entry.begun -= 1
        var begins = false
        if outcome == .wrong {
            if now - entry.last >= limits.pause { entry = Entry(begun: entry.begun, last: now) }
            entry.failures += 1
            entry.last = now
            begins = !entry.isPaused && entry.failures >= limits.failures
            entry.isPaused = entry.isPaused || begins
        }
        entries[key] = entry.failures == 0 && entry.begun == 0 ? nil : entry
        return begins
    }

    private mutating func forgive(_ key: Key) {
        guard let entry = entries[key] else { return }
        entries[key] = entry.begun == 0 ? nil : Entry(begun: entry.begun, last: entry.last)
    }

    /// Drops the half that was idle for longest at once, so that the cost of a full table is spread.
    private mutating func makeRoom() {
        guard entries.count > capacity else { return }
        let idle = entries.filter { $0.value.begun == 0 }
        let oldest = idle.sorted { $0.value.last < $1.value.last }.prefix(entries.count / 2)
        for (key, _) in oldest { entries[key] = nil }
    }

    /// A login is cut to the length of a name: the table holds what strangers send.
    private static func key(_ name: String) -> Key {
        .login(String(decoding: name.lowercased().utf8.prefix(255), as: UTF8.self))
    }
}
