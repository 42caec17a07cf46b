// What `mhserve --check` looks at: by the very code that a start would fail in.

import Glibc
import MailboxLogins
import Programs
import Reporting
import RunControl
import TLSEngine

extension Check {
    /// What the service would stumble over.
    static let serving: [Check] = [
        ordinaryUser, .logOfBackgroundRuns, .stateDirectory, .maildirs(), .unixUsers, .listeners, .listenerPorts,
        .listenersWithoutTLS, certificates,
        passwords,
        .hiddenFolders,
    ]

    /// Root becomes somebody else first.
    private static let ordinaryUser = Check { settings, findings in
        if geteuid() == 0, settings.runAs == nil { findings.fault(nil, sentence(HubUserError.rootServes)) }
    }

    /// Certificates can be read and fit their keys.
    private static let certificates = Check { settings, findings in
        for listener in settings.listeners {
            guard let pair = listener.certificate else { continue }
            let place = listener.positions["tls_certificate"] ?? settings.positions["tls_certificate"]
            do throws(TLSError) {
                for warning in try TLSContext.server(certificates: [pair]).warnings {
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
