// Why there is no digest.

import Reporting

/// A digest that could not be made. It says nothing about what was to be digested.
public enum DigestError: Complaint, Hashable {
    case refused(DigestAlgorithm)

    public var exitStatus: ExitStatus { .software }

    public var description: String {
        switch self {
        case .refused(let algorithm):
            "OpenSSL refuses to make a digest with \(algorithm.rawValue); check the installation of libcrypto"
        }
    }
}
