// `--check`: what the rc names is there, ours, and closed to others.

import Glibc
import Reporting

extension HubSettings {
    /// All that a run would stumble over later: files that are missing, unreadable or open to others, Maildirs that are not
    /// ours, users that do not exist. Touches nothing.
    /// - Returns: a line each; none when all is well.
    public func check() -> [String] {
        var inspection = Inspection()
        for pair in Set([tlsCertificate].compactMap { $0 } + listeners.compactMap(\.certificate)).sorted(
            by: Self.byName)
        {
            inspection.readable(pair.certificate, as: "tls_certificate")
            inspection.secret(pair.key, as: "the key of \(pair.certificate)")
        }
        for path in Set([tlsTrustFile].compactMap { $0 } + accounts.compactMap(\.trustFile)).sorted() {
            inspection.readable(path, as: "tls_trust_file")
        }
        for mailbox in mailboxes {
            if case .passwordFile(let path) = mailbox.verifier {
                inspection.secret(path, as: "passwordfile of mailbox \(mailbox.name)")
            }
            if case .passwordHash(let hash) = mailbox.verifier, !hash.revealed.hasPrefix("$mh-scrypt$") {
                inspection.complaints.append(
                    "\(mailbox.place): mailbox \(mailbox.name): passwordhash is no hash of ours; make one with: "
                        + "mhserve passwd")
            }
            if let user = mailbox.unixUser {
                inspection.user(user, as: "unix-user of mailbox \(mailbox.name)", atPlace: mailbox.place)
            }
            inspection.directory(mailbox.maildir, as: "the Maildir of mailbox \(mailbox.name)")
        }
        for account in accounts {
            switch account.secret {
            case .file(let path): inspection.secret(path, as: "passwordfile of account \(account.name)")
            case .command(let words): inspection.program(words.first, as: "passwordeval of account \(account.name)")
            case .none, .text: break
            }
        }
        inspection.directory(stateDirectory, as: "the state directory")
        if let runAs {
            inspection.user(runAs, as: "run-as", atPlace: Place(file: source, line: 1, column: 1))
            if runAs == "root" {
                inspection.complaints.append("run-as root: the hub never runs as root; name another user")
            }
        }
        for listener in listeners where listener.certificate == nil && listener.service != .smtp {
            inspection.complaints.append(
                "\(listener.place): nobody can log in without TLS; add \"tls_certificate FILE key FILE\" "
                    + "(mhserve certificate NAME makes one)")
        }
        return inspection.complaints
    }

    /// What a person should know of settings that are right.
    /// - Returns: a line each.
    public func notes() -> [String] {
        guard log == .standardError else { return [] }
        return [
            "note: log stderr: a run in the background, whose standard error is /dev/null, logs to syslog; in a container "
                + "without one, to the standard error of the container's first process"
        ]
    }

    private static func byName(_ one: CertificatePair, _ other: CertificatePair) -> Bool {
        (one.certificate, one.key) < (other.certificate, other.key)
    }
}

private struct Inspection {
    var complaints: [String] = []
    let me = geteuid()

    mutating func readable(_ path: String, as role: String) {
        _ = open(path, role)
    }

    /// A file that only its owner may read.
    mutating func secret(_ path: String, as role: String) {
        guard let status = open(path, role) else { return }
        if let (why, command) = FileSafety.complaint(
            owner: status.st_uid, mode: UInt32(status.st_mode & 0o7777), isSecret: true, user: me, path: path)
        {
            complaints.append("\(path) (\(role)): \(why); run: \(command)")
        }
    }

    private mutating func open(_ path: String, _ role: String) -> stat? {
        let descriptor = unsafe Glibc.open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)
        guard descriptor >= 0 else {
            complaints.append("\(path) (\(role)): \(reason(errno))")
            return nil
        }
        defer { close(descriptor) }
        var status = stat()
        guard unsafe fstat(descriptor, &status) == 0 else {
            complaints.append("\(path) (\(role)): \(reason(errno))")
            return nil
        }
        guard status.st_mode & S_IFMT == S_IFREG else {
            complaints.append("\(path) (\(role)): not a plain file")
            return nil
        }
        return status
    }

    /// A directory of ours; one that is not there yet is made when it is needed.
    mutating func directory(_ path: String, as role: String) {
        var status = stat()
        guard unsafe stat(path, &status) == 0 else {
            if errno != ENOENT { complaints.append("\(path) (\(role)): \(reason(errno))") }
            return
        }
        guard status.st_mode & S_IFMT == S_IFDIR else {
            complaints.append("\(path) (\(role)): not a directory")
            return
        }
        // Root checks for the hub's user: whose the hub is shows only when it runs.
        if me != 0, status.st_uid != me {
            complaints.append(
                "\(path) (\(role)): belongs to another user; one hub is one user: chown -R \(me) "
                    + FileSafety.shellQuoted(path))
        }
    }

    mutating func program(_ path: String?, as role: String) {
        guard let path, path.hasPrefix("/") else { return }
        if unsafe access(path, X_OK) != 0 { complaints.append("\(path) (\(role)): \(reason(errno))") }
    }

    mutating func user(_ name: String, as role: String, atPlace place: Place) {
        guard unsafe getpwnam(name) == nil else { return }
        complaints.append("\(place): \(role): there is no user \"\(name)\"")
    }
}
