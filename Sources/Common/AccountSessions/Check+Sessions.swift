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
        case .command(let words): return Program.obstacle(to: words.first ?? "")
        case .file(let path):
            do throws(ProgramError) {
                _ = try SecretReader.file(path).read(until: .never)
                return nil
            } catch {
                return error
            }
        }
    }

    /// The certificates that the account's server is checked against can be read.
    public static func trust(_ side: AccountSide) -> Check {
        Check { settings, findings in
            let paths = Paths(settings)
            for account in settings.accounts where account.tls == .required {
                guard let server = account[keyPath: side] else { continue }
                do {
                    try paths.path(for: .account(account.name, server)).demand?.context.check()
                } catch {
                    let own = account.positions["tls_trust_file"] ?? settings.positions["tls_trust_file"]
                    findings.fault(own ?? account.position, "account \(account.name): \(error)")
                }
            }
        }
    }
}
