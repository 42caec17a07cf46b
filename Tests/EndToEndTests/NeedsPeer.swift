// The condition of a test that needs somebody else's program.

import MailTestKit
import Testing

extension Trait where Self == ConditionTrait {
    /// Skips the test with a message where `peers` are missing; in CI it runs, and fails on what is missing.
    static func needs(_ peers: PeerName...) -> Self {
        .enabled(
            if: peers.allSatisfy { Peers.usable($0) },
            "needs \(peers.map(\.description).joined(separator: ", ")): run scripts/peers")
    }

    /// As ``needs(_:)``, for peers that root alone can run, such as Postfix.
    static func needsRoot(_ peers: PeerName...) -> Self {
        .enabled(
            if: peers.allSatisfy { Peers.usable($0) } && (Peers.isInCI || Peers.runsAsRoot),
            "needs root, and \(peers.map(\.description).joined(separator: ", ")): run scripts/peers")
    }

    /// Skips the test with a message where a test may not mount anything in a namespace of its own.
    static var needsMounts: Self { .enabled(if: Mounts.areAllowed, "needs root and mount namespaces (unshare -m)") }
}

private enum Mounts {
    static let areAllowed: Bool = {
        do { return try runProgram(["unshare", "-m", "true"]).status == 0 } catch { return false }
    }()
}
