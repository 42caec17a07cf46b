// A brake on guessing: failures counted per address and per login, each with a pause at the end.

/// Counts failed logins. Knows no clock: the caller says what time it is, on one clock that never goes back.
///
/// Addresses count by /32 (IPv4) and /64 (IPv6), for a home has a whole /64 to guess from. The table is bounded: beyond
/// its size the entry idle for longest goes, so that many addresses cannot fill the memory.
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

        /// As HomeMailHub meant it, with room for a phone that knows an old password: 10 failures, 20 minutes.
        public static let address = Limits(failures: 10, pause: .seconds(20 * 60))
        /// A login has more tries, for its owner must not be locked out by strangers too easily.
        public static let login = Limits(failures: 50, pause: .seconds(20 * 60))
    }

    public enum Decision: Sendable, Hashable {
        case allowed
        /// No try now; the next one is possible after this long.
        case pause(Duration)
    }

    private enum Key: Hashable {
        case network(Network)
        case login(String)
    }

    private struct Entry {
        var failures = 0
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
    /// - Parameter now: time since an epoch of the caller's choice.
    public func decide(_ address: IPAddress, login name: String? = nil, now: Duration) -> Decision {
        var left = wait(for: .network(Network(home: address)), self.address, now)
        if let name { left = max(left, wait(for: Self.key(name), login, now)) }
        return left > .zero ? .pause(left) : .allowed
    }

    /// Notes a failed login.
    /// - Returns: whether it was the failure that began a pause, for one line in the log.
    public mutating func failed(_ address: IPAddress, login name: String? = nil, now: Duration) -> Bool {
        let here = count(.network(Network(home: address)), self.address, now)
        let there = name.map { count(Self.key($0), login, now) } ?? false
        return here || there
    }

    /// Notes a good login: the address is forgiven. The login is not, or a guesser with an account of his own could go
    /// on.
    public mutating func succeeded(_ address: IPAddress) {
        entries[.network(Network(home: address))] = nil
    }

    private func wait(for key: Key, _ limits: Limits, _ now: Duration) -> Duration {
        guard let entry = entries[key], entry.isPaused else { return .zero }
        return max(entry.last + limits.pause - now, .zero)
    }

    private mutating func count(_ key: Key, _ limits: Limits, _ now: Duration) -> Bool {
        var entry = entries[key] ?? Entry(last: now)
        if now - entry.last >= limits.pause { entry = Entry(last: now) }
        entry.failures += 1
        entry.last = now
        let begins = !entry.isPaused && entry.failures >= limits.failures
        entry.isPaused = entry.isPaused || begins
        entries[key] = entry
        makeRoom()
        return begins
    }

    /// Drops the half that was idle for longest at once, so that the cost of a full table is spread.
    private mutating func makeRoom() {
        guard entries.count > capacity else { return }
        let oldest = entries.sorted { $0.value.last < $1.value.last }.prefix(entries.count / 2)
        for (key, _) in oldest { entries[key] = nil }
    }

    /// A login is cut to what a name can be: the table holds what strangers send.
    private static func key(_ name: String) -> Key {
        .login(String(decoding: name.lowercased().utf8.prefix(255), as: UTF8.self))
    }
}
