// What goes wrong between two machines, in words for the person who must act.

import DeflateEngine
import InternetAddress
import Reporting
import TLSEngine

/// A failure of the network, of a name look-up or of TLS. ``isTemporary`` tells which are worth another try.
public enum TransportError: Complaint, Equatable {
    /// One address that was tried in vain.
    public struct Attempt: Sendable, Equatable {
        /// The address with its port, as in `192.0.2.1:25`.
        public let address: String
        public let reason: String
    }

    /// No such name in DNS or /etc/hosts.
    case hostNotFound(host: String)
    /// The name may exist, but nobody could say.
    case lookupFailed(host: String, reason: String)
    /// `host` is no name or address at all, or has none of the wanted family.
    case unusableHost(host: String, reason: String)
    /// No address of the host accepted the connection.
    case connectFailed(host: String, port: UInt16, attempts: [Attempt])
    /// The rc's `source-ip` cannot be used.
    case sourceAddress(address: String, reason: String)
    /// A step took longer than it may.
    case timedOut(peer: String, doing: String)
    /// Octets came or went, but fewer than the floor asks for.
    case tooSlow(peer: String, moved: Int, floor: PaceFloor)
    /// The whole conversation took longer than it may.
    case sessionTooLong(peer: String)
    /// The connection broke.
    case connectionLost(peer: String, reason: String)
    /// The peer closed the connection where more was due.
    case closed(peer: String)
    /// A hop of the chain below this connection ended.
    case hopDied(peer: String, reason: String)
    /// This process was told to stop (``StopSignal``).
    case stopped(peer: String)
    /// Clear text after the STARTTLS exchange (RFC 3207 §6).
    case injected(peer: String, octets: Int)
    /// TLS was not to be had, or broke.
    case tls(TLSError)
    /// The compressed connection is broken.
    case deflate(DeflateError)
    /// What came compressed makes more words than any conversation has.
    case inflated(peer: String)
    /// The system refused something that does not depend on the peer.
    case system(doing: String, code: Int32)

    /// Whether the same step may go well later without anybody changing anything.
    public var isTemporary: Bool {
        switch self {
        case .hostNotFound, .unusableHost, .sourceAddress: false
        case .lookupFailed, .connectFailed, .timedOut, .tooSlow, .sessionTooLong, .connectionLost, .closed, .hopDied,
            .stopped, .injected, .tls, .deflate, .inflated, .system:
            true
        }
    }

    public var exitStatus: ExitStatus {
        switch self {
        case .hostNotFound: .noHost
        case .unusableHost, .sourceAddress: .configuration
        case .lookupFailed, .connectFailed, .timedOut, .tooSlow, .sessionTooLong, .connectionLost, .closed, .hopDied,
            .stopped:
            .temporaryFailure
        case .injected, .inflated: .protocolError
        case .deflate(let error): error.exitStatus
        case .tls(let error): error.exitStatus
        case .system: .osError
        }
    }

    public var description: String {
        switch self {
        case .hostNotFound(let host):
            "\(host): no such host; check the name"
        case .lookupFailed(let host, let reason):
            "\(host): cannot look up its address: \(reason); try again later"
        case .unusableHost(let host, let reason):
            "\(host): \(reason)"
        case .connectFailed(let host, let port, let attempts):
            HostAndPort.isSocket(host)
                ? "\(host): cannot connect: \(attempts.map(\.reason).joined(separator: "; "))"
                : "\(host) port \(port): cannot connect: "
                    + attempts.map { "\($0.address): \($0.reason)" }.joined(separator: "; ")
        case .sourceAddress(let address, let reason):
            "source address \(address): \(reason); mend the rc's `source-ip`"
        case .timedOut(let peer, let doing):
            "\(peer): timed out while \(doing)"
        case .tooSlow(let peer, let moved, let floor):
            "\(peer): too slow: \(moved) octets in \(floor.window), at least \(floor.octets) are needed"
        case .sessionTooLong(let peer):
            "\(peer): the session took longer than allowed"
        case .connectionLost(let peer, let reason):
            "\(peer): connection lost: \(reason)"
        case .closed(let peer):
            "\(peer): closed the connection early"
        case .hopDied(let peer, let reason):
            "\(peer): the chain broke: \(reason)"
        case .stopped(let peer):
            "\(peer): abandoned, as this program was told to stop"
        case .injected(let peer, let octets):
            "\(peer): sent \(octets) octets of clear text where TLS was to begin; somebody may be tampering; stopped"
        case .tls(let error):
            error.description
        case .deflate(let error):
            error.description
        case .inflated(let peer):
            "\(peer): sent words that its compression made out of next to nothing, as to keep us busy; stopped; "
                + "say `compress off`"
        case .system(let doing, let code):
            "cannot \(doing): \(Reporting.reason(code))"
        }
    }
}
