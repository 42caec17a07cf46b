// Why a compressed connection is of no more use.

import Reporting

public enum DeflateError: Complaint, Hashable {
    case noMemory
    /// What came is no DEFLATE.
    case broken(reason: String)

    public var exitStatus: ExitStatus {
        switch self {
        case .noMemory: .osError
        case .broken: .protocolError
        }
    }

    public var description: String {
        switch self {
        case .noMemory: "no memory for a compressed connection"
        case .broken(let reason): "what the server has compressed is none that can be read: \(reason)"
        }
    }
}
