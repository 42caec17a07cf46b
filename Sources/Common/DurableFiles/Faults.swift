// Forced disk faults for tests: the n-th call that changes the disk fails, or everything stops there.

import Glibc
import Synchronization

/// A plan of one fault, shared by a ``Directory`` and all that is opened through it. Production code passes none.
///
/// After a crash every further change is refused, as if the process had died between two system calls; descriptors are
/// still closed, so that locks are released as they are when a process ends.
public final class Faults: Sendable {
    public enum Kind: Sendable, Hashable {
        /// The call fails with this errno; later calls work.
        case error(Int32)
        /// The call and all later ones fail with this errno, as on a disk that stays full.
        case lasting(Int32)
        /// The call is not made, nor any later one.
        case crash
        /// As `crash`, but a write leaves the first half of its octets behind.
        case tornCrash
    }

    private struct State {
        var calls = 0
        var isHit = false
    }

    /// The errno of a call refused because of a forced crash; no real call returns it.
    public static let crashed: Int32 = 9_999

    /// How the reading of a file fails.
    public enum Unreadable: Sendable, Hashable {
        /// It cannot be opened, with this errno.
        case closed(Int32)
        /// It can be opened but not read, with this errno.
        case broken(Int32)
    }

    private let kind: Kind
    private let number: Int
    private let unreadable: [String: Unreadable]
    private let state = Mutex(State())

    /// - Parameter number: the call to hit, counted from 1.
    public init(_ kind: Kind, at number: Int) {
        self.kind = kind
        self.number = number
        unreadable = [:]
    }

    /// Lets every call that changes the disk succeed, and keeps some files from being read.
    /// - Parameter unreadable: how the reading of those files fails, by the end of their paths.
    public init(unreadable: [String: Unreadable]) {
        kind = .crash
        number = 0
        self.unreadable = unreadable
    }

    func code(opening path: String) -> Int32? {
        guard case .closed(let code)? = fault(of: path) else { return nil }
        return code
    }

    func code(reading path: String) -> Int32? {
        guard case .broken(let code)? = fault(of: path) else { return nil }
        return code
    }

    private func fault(of path: String) -> Unreadable? { unreadable.first { path.hasSuffix($0.key) }?.value }

    /// Whether the planned call was reached.
    public var isHit: Bool { state.withLock { $0.isHit } }

    /// Calls that change the disk, seen so far.
    public var calls: Int { state.withLock { $0.calls } }

    /// Counts one call.
    /// - Returns: the errno it must fail with; `nil` to go on.
    func count() -> Int32? {
        state.withLock { state in
            state.calls += 1
            if state.calls == number { state.isHit = true }
            guard state.isHit else { return nil }
            switch kind {
            case .error(let code): return state.calls == number ? code : nil
            case .lasting(let code): return code
            case .crash, .tornCrash: return Self.crashed
            }
        }
    }

    /// Whether the write just refused is the one that leaves its first half.
    var tearsNow: Bool { state.withLock { kind == .tornCrash && $0.calls == number } }
}
