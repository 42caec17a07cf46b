// Tells a person of what is not well, once for each episode: by a letter, and by the command of the rc.

import Blocking
import CommandStart
import DurableFiles
import HubHealth
import LoginLedger
import MailFormat
import MaildirStore
import Programs
import Reporting
import RunControl

/// Raises the alerts that are due.
struct Alerts {
    /// How often it is looked whether one is, in seconds.
    static let pace = 600
    /// How long the command may take.
    private static let commandLimit = Duration.seconds(60)
    private static let name = "alerts"

    let hub: StartedHub
    let logins: LoginRecords
    /// Seconds since 1970.
    let now: Int

    private var settings: HubSettings { hub.settings }

    /// Looks at the hub, and tells what has lasted long enough. What cannot be told is told by the next look.
    func raise() {
        guard let patience = settings.alertAfter else { return }
        do {
            let directory = try Directory(path: settings.stateDirectory, making: 0o700)
            // Another run is at it.
            guard let lock = try FileLock.tryAcquire("\(Self.name).lock", in: directory) else { return }
            defer { withExtendedLifetime(lock) {} }
            let files = StateFiles<AlertList>(in: directory)
            var list = try read(files)
            let before = list
            let due = list.review(
                HubCondition(settings: settings, logins: logins, now: now).concerns(), after: patience, at: now)
            for (name, concerns) in Dictionary(grouping: due, by: { mailbox(for: $0.concern) }) {
                guard tell(name.flatMap { settings.mailbox($0) }, concerns) else { continue }
                for concern in concerns { list.noteTold(concern.concern, at: now) }
            }
            if list != before { try files.changeLocked(Self.name) { $0 = list } }
        } catch {
            hub.log.write(.error, "alerts", [("error", sentence(error))])
        }
    }

    /// The list on disk; one that makes no sense is begun anew.
    private func read(_ files: StateFiles<AlertList>) throws -> AlertList {
        do throws(StateFileError) { return try files.read(Self.name) } catch {
            if case .disk = error { throw error }
            try files.directory.unlink(Self.name)
            return AlertList()
        }
    }

    private func mailbox(for concern: Concern) -> String? {
        concern.mailbox ?? settings.postmaster ?? settings.mailboxes.first?.name
    }

    /// - Returns: whether anybody was told.
    private func tell(_ mailbox: MailboxSettings?, _ concerns: [(concern: Concern, since: Int)]) -> Bool {
        let offset = MailDate.now().offset
        let paragraphs = concerns.map { concern, since in
            "\(Self.short(concern.words, 700))\n(since \(MailDate(seconds: since, offset: offset)))\n"
        }
        let texts = NoticeTexts.english
        let first = concerns.first.map { Self.short($0.concern.words, 120) } ?? ""
        let more = concerns.count > 1 ? "; and \(concerns.count - 1) more" : ""
        let values = [
            "hub": settings.hostname, "first": first + more, "concerns": paragraphs.joined(separator: "\n"),
        ]
        let subject = NoticeTexts.fill(texts.alert.subject, values)
        let body = NoticeTexts.fill(texts.alert.body, values)
        let isWritten = mailbox.map { mailbox in
            attempt("letter", mailbox.name) { try write(subject, body, to: mailbox) }
        }
        let isCalled = settings.notify.first.map { name in
            attempt("notify", name) { try call(name, "\(subject)\n\n\(body)\n") }
        }
        for (concern, _) in concerns {
            hub.log.write(
                .error, "alert",
                [
                    ("kind", concern.kind.rawValue), ("subject", concern.subject), ("words", concern.words),
                    ("to", mailbox?.name),
                ])
        }
        return isWritten == true || isCalled == true
    }

    /// `words` fit for a line of a letter.
    private static func short(_ words: String, _ limit: Int) -> String {
        let text = printable(words)
        return text.count > limit ? "\(text.prefix(limit))…" : text
    }

    /// - Returns: whether no error came of `body`.
    private func attempt(_ what: String, _ whom: String, _ body: () throws -> Void) -> Bool {
        do {
            try body()
            return true
        } catch {
            hub.log.write(.error, "alert", [("by", what), ("to", whom), ("error", sentence(error))])
            return false
        }
    }

    private func write(_ subject: String, _ body: String, to mailbox: MailboxSettings) throws {
        let letter = HubLetter(
            host: settings.hostname, to: "\(mailbox.name)@\(settings.hostname)",
            subject: EncodedWords.areNeeded(for: subject) ? EncodedWords.encode(subject) : subject, date: .now(),
            messageID: MessageIDMaker.make(domain: settings.hostname, seconds: now),
            language: NoticeTexts.english.language, body: body)
        let maildir = try Maildir(path: mailbox.maildir, making: true)
        let delivery = try MaildirDelivery(into: maildir, as: .random(seconds: now))
        try delivery.write(letter.octets)
        _ = try delivery.commit()
    }

    private func call(_ name: String, _ text: String) throws {
        let program = Program(
            argv: settings.notify, input: .octets(Array(text.utf8)), deadline: Deadline(after: Self.commandLimit),
            outputLimit: 0)
        try program.run().requireSuccess(of: name)
    }
}
