// What is not well with the hub, gathered in one place: what `--status` shows, and alerts are raised about.

import AccountSessions
import DurableFiles
import FetchLedger
import FetchSpool
import HubHealth
import LoginLedger
import Reporting
import RunControl
import SpoolQueue
import TLSEngine

/// Looks at accounts, logins, certificates, disks and the queue. Contacts nobody, and changes nothing.
struct HubCondition {
    /// How long before its end a certificate is a concern, in seconds.
    static let certificateNotice = 14 * 86_400
    /// How old the oldest message of the queue may be where the rc's `warn-after` does not say.
    static let queueNotice = 4 * 3600
    /// How long a login is refused, more often than by a slip, before somebody is told: mail waits, and waits in vain.
    static let loginPatience = Duration.seconds(15 * 60)

    let settings: HubSettings
    let logins: LoginRecords
    /// Seconds since 1970.
    let now: Int

    /// All that there is.
    func concerns() -> [Concern] { accountConcerns() + deliveryConcerns() + hubConcerns() }

    /// Those of accounts: a login that is refused, else that not all is fetched.
    private func accountConcerns() -> [Concern] {
        settings.accounts.filter { $0.fetch != nil }.compactMap { account in
            func concern(_ kind: Concern.Kind, _ since: Int?, _ words: String) -> Concern {
                Concern(kind, of: account.name, for: account.owner, since: since, words)
            }
            do {
                let report = try AccountReport.read(account.name, in: settings.stateDirectory)
                let login = try account.loginIdentity(at: account.fetchServer).map {
                    identity throws(LoginRecordError) in
                    try logins.state(of: identity)
                }
                if let login, login.isRefused {
                    return Concern(
                        .login, of: account.name, for: account.owner, since: login.since,
                        within: login.isLeftAlone ? Self.loginPatience : nil,
                        "account \(account.name): the login is refused: \(login.words)")
                }
                if let since = report.failingSince {
                    let words = report.lastEnding?.words ?? ""
                    return concern(.fetching, since, "account \(account.name): not all mail is fetched: \(words)")
                }
                guard report.died > 1 else { return nil }
                return concern(
                    .fetching, report.lastEnding?.time, "account \(account.name): the last \(report.died) runs died")
            } catch {
                return concern(.fetching, nil, "account \(account.name): \(sentence(error))")
            }
        }
    }

    /// Those of fetched mail that waits for its places.
    private func deliveryConcerns() -> [Concern] {
        settings.accounts.filter { $0.fetch != nil }.compactMap { account in
            func concern(_ since: Int?, _ words: String) -> Concern {
                Concern(
                    .delivery, of: account.name, for: account.owner, since: since, "account \(account.name): \(words)")
            }
            do throws(SpoolError) {
                let spool = try SpoolStatus.read(account, in: settings.stateDirectory)
                guard let first = spool.obstacles.first else { return nil }
                let places = spool.obstacles.prefix(3).map { "\($0.name) (\($0.words))" }.joined(separator: "; ")
                let more = spool.obstacles.count > 3 ? "; and \(spool.obstacles.count - 3) more" : ""
                return concern(
                    first.since,
                    "\(counted(spool.waiting, "message")) fetched and waiting for \(places)\(more). They are offered again by "
                        + "themselves, and stay in the spool as long as a place is down")
            } catch {
                return concern(nil, sentence(error))
            }
        }
    }

    /// Those of the hub itself.
    func hubConcerns() -> [Concern] { certificateConcerns() + diskConcerns() + queueConcerns() }

    private func certificateConcerns() -> [Concern] {
        let own =
            [settings.tlsCertificate] + settings.listeners.map(\.certificate) + settings.accounts.map(\.certificate)
        return Set(own.compactMap { $0?.certificate }).sorted().compactMap { path in
            do throws(TLSError) {
                let end = try CertificateFile.expiry(of: path)
                guard end - now < Self.certificateNotice else { return nil }
                let verb = end < now ? "was" : "is"
                return Concern(
                    .certificate, of: path, since: end - Self.certificateNotice,
                    "\(path): the certificate \(verb) valid until \(CertificateFile.day(end)); renew it")
            } catch {
                return Concern(.certificate, of: path, since: nil, sentence(error))
            }
        }
    }

    private func diskConcerns() -> [Concern] {
        var seen: Set<UInt> = []
        let floor = settings.limits.freeSpace
        return ([settings.stateDirectory] + settings.mailboxes.map(\.maildir)).compactMap { path in
            do throws(DurableError) {
                guard let status = try FileStatus.at(path), seen.insert(status.device).inserted else { return nil }
                let free = try Directory(path: path).freeOctets()
                guard free < floor else { return nil }
                return Concern(
                    .disk, of: path, since: nil,
                    "\(path): \(sized(free)) are free there, and `free-space` keeps \(sized(floor)): make room; until then "
                        + "mail waits where it is")
            } catch {
                return Concern(.disk, of: path, since: nil, sentence(error))
            }
        }
    }

    private func queueConcerns() -> [Concern] {
        let path = "\(settings.stateDirectory)/queue"
        do {
            guard try FileStatus.at(path) != nil else { return [] }
            let entries = try Queue(state: settings.stateDirectory).list().entries
            let patience =
                settings.queue.warnAfter.first.map { Int(clamping: $0.components.seconds) } ?? Self.queueNotice
            let late = entries.compactMap(\.id.seconds).filter { now - $0 >= patience }
            guard let oldest = late.min() else { return [] }
            return [
                Concern(
                    .queue, of: path, since: oldest,
                    "\(counted(late.count, "message")) late in the queue, the oldest of "
                        + "\(RelativeTime.past(oldest, now: now)); mhqueue list tells which")
            ]
        } catch {
            return [Concern(.queue, of: path, since: nil, sentence(error))]
        }
    }
}
