// What `mhserve --check` checks, with the very code that a start would fail in.

import AddressExpansion
import Glibc
import MailboxLogins
import Programs
import Reporting
import RunControl
import TLSEngine

extension Check {
    /// The checks of `mhserve`.
    static let serving: [Check] = [
        ordinaryUser, .logOfBackgroundRuns, .stateDirectory, .maildirs(), .unixUsers, .listeners, .listenerPorts,
        .listenersWithoutTLS, addresses, certificates, passwords, .hiddenFolders, .aliases,
    ]

    /// Root serves only as the user that `run-as` names.
    private static let ordinaryUser = Check { settings, findings in
        if geteuid() == 0, settings.runAs == nil { findings.fault(nil, sentence(HubUserError.rootServes)) }
    }

    /// The addresses can be had. A warning only: the service manager may hand over the sockets, or give the right to
    /// them, and an address may come later. Root has the right, and has given it up by now.
    private static let addresses = Check { settings, findings in
        guard settings.runAs == nil else { return }
        for listener in settings.listeners {
            if let obstacle = Listeners.obstacle(to: listener) {
                findings.warning(listener.position, sentence(obstacle))
            }
        }
    }

    /// Certificates can be read and fit their keys.
    private static let certificates = Check { settings, findings in
        for listener in settings.listeners {
            let place = listener.positions["tls_certificate"] ?? settings.positions["tls_certificate"]
            do throws(TLSError) {
                for warning in try Certificates.context(for: listener, of: settings)?.warnings ?? [] {
                    findings.warning(place, "\(warning)")
                }
            } catch {
                findings.fault(place, sentence(error))
            }
        }
    }

    /// Each mailbox with a password has one that somebody can log in with.
    private static let passwords = Check { settings, findings in
        for var mailbox in settings.mailboxes {
            let place = mailbox.positions["verifier"] ?? mailbox.position
            do {
                mailbox.verifier = try Snapshot.verifier(of: mailbox)
                _ = try Logins.verifier(of: mailbox)
            } catch let fault as LoginFault {
                findings.fault(place, "\(fault)")
            } catch {
                findings.fault(place, "mailbox \(mailbox.name): \(sentence(error))")
            }
        }
    }
}
