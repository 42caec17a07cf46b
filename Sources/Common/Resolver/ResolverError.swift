// Why DNS gave no answer that may be believed.

import Reporting

/// A failure to learn something from DNS. None of them means "there is no such record".
public enum ResolverError: Complaint, Equatable {
    /// DNSSEC says that the answer was tampered with, or its zone is broken.
    case bogus(name: String, type: String, reason: String)
    case timedOut(name: String, type: String)
    /// The name's servers, or ours, fail.
    case serverFailure(name: String, type: String, reason: String)
    /// A record breaks the rules of its type.
    case malformed(name: String, type: String)
    /// A name that DNS cannot be asked about.
    case badName(String)
    /// The resolver itself cannot be set up as the rc says.
    case setUp(reason: String)

    /// Whether asking again later may help; mail waits then.
    public var isTemporary: Bool {
        switch self {
        case .bogus, .timedOut, .serverFailure, .malformed: true
        case .badName, .setUp: false
        }
    }

    /// Whether nobody answered, or none that could, and nothing was tampered with.
    var isMereFailure: Bool {
        switch self {
        case .timedOut, .serverFailure: true
        case .bogus, .malformed, .badName, .setUp: false
        }
    }

    public var exitStatus: ExitStatus {
        switch self {
        case .bogus, .timedOut, .serverFailure, .malformed: .temporaryFailure
        case .badName: .noHost
        case .setUp: .configuration
        }
    }

    public var description: String {
        switch self {
        case .bogus(let name, let type, let reason):
            "\(name): the \(type) answer fails DNSSEC: \(reason); tried again later"
        case .timedOut(let name, let type):
            "\(name): no \(type) answer in time; tried again later"
        case .serverFailure(let name, let type, let reason):
            "\(name): no \(type) answer: \(reason); tried again later"
        case .malformed(let name, let type):
            "\(name): a malformed \(type) record; tried again later"
        case .badName(let name):
            "\(printable(name)): not a name that DNS can be asked about"
        case .setUp(let reason):
            "the DNS resolver cannot be set up: \(reason)"
        }
    }
}
