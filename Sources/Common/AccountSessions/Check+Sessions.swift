// The checks of accounts that need more than the rc: the password's file or program, the certificates trusted.

import Blocking
import Programs
import Reporting
import RunControl
import TLSEngine

extension Check {
    /// The password's file says one to us, or its program is there and may be run.
    public static func secrets(_ side: AccountSide) -> Check {
        Check { settings, findings in
            for account in settings.accounts where account[keyPath: side] != nil && account.auth != .off {
                guard let fault = secretFault(of: account) else { continue }
                findings.fault(account.positions["secret"] ?? account.position, "account \(account.name): \(fault)")
            }
        }
    }

    private static func secretFault(of account: AccountSettings) -> ProgramError? {
        switch account.secret {
        case .none, .text: return nil
        case .command(let words), .token(let words): return Program.obstacle(to: words.first ?? "")
        case .file(let path):
            do throws(ProgramError) {
                _ = try SecretReader.file(path).read(until: .never)
                return nil
            } catch {
                return error
            }
        }
    }

    /// The certificates that the account's server is checked against, and the one to show it, can be read.
    public static func trust(_ side: AccountSide) -> Check {
        Check { settings, findings in
            let paths = Paths(settings)
            for account in settings.accounts where account.tls == .required {
                guard let server = account[keyPath: side] else { continue }
                do {
                    let warnings = try paths.path(for: .account(account.name, server)).demand?.context.check() ?? []
                    for warning in warnings {
                        findings.warning(account.positions["tls_cert_file"], "account \(account.name): \(warning)")
                    }
                } catch {
                    let words = (error as? TLSError)?.words ?? []
                    let places = words.compactMap { account.positions[$0] ?? settings.positions[$0] }
                    findings.fault(places.first ?? account.position, "account \(account.name): \(error)")
                }
            }
        }
    }
}

extension TLSError {
    /// The words of the rc that it is about: the first of them that stands there.
    fileprivate var words: [String] {
        switch self {
        case .trustFile: ["tls_trust_file"]
        case .certificateFile: ["tls_cert_file"]
        case .keyFile, .keyMismatch: ["tls_key_file", "tls_cert_file"]
        case .ciphers: ["tls_ciphers"]
        default: []
        }
    }
}
