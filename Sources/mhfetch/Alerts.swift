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
    /// What was told already, where a command stays.
    var told: ToldFaults?

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
            let concerns = HubCondition(settings: settings, logins: logins, now: now).concerns()
            let due = list.review(concerns, after: patience, at: now)
            // Before anything is told: what cannot be kept in mind would be told again by each look.
            do { if list != before { try files.changeLocked(Self.name) { $0 = list } } } catch {
                return raiseWithoutList(concerns, error)
            }
            let kept = list
            for (name, concerns) in Dictionary(grouping: due, by: { mailbox(for: $0.concern) }) {
                guard tell(name.flatMap { settings.mailbox($0) }, concerns) else { continue }
                for concern in concerns { list.noteTold(concern.concern, at: now) }
            }
            if list != kept { try files.changeLocked(Self.name) { $0 = list } }
        } catch {
            complain(error)
        }
    }

    /// Tells of full disks, once a day, where not even that can be kept in mind: the letter of the day is its own mark.
    private func raiseWithoutList(_ concerns: [Concern], _ error: any Error) {
        complain(error)
        let disks = concerns.filter { $0.kind == .disk }.map { (concern: $0, since: now) }
        guard !disks.isEmpty, let mailbox = mailbox(for: disks[0].concern).flatMap({ settings.mailbox($0) }) else {
            return
        }
        _ = tell(mailbox, disks, isOfTheDay: true)
    }

    private func complain(_ error: any Error) {
        guard told?.isNews(sentence(error), of: ToldFaults.hub) ?? true else { return }
        writeToStandardError(
            "mhfetch: nobody is told of what is not well: \(sentence(error)); of a full disk there is a letter once a day"
        )
        hub.log.write(.error, "alerts", [("error", sentence(error))])
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

    /// - Parameter isOfTheDay: whether nobody is told where the mailbox has a letter of this day, or gets none.
    /// - Returns: whether anybody was told.
    private func tell(
        _ mailbox: MailboxSettings?, _ concerns: [(concern: Concern, since: Int)], isOfTheDay: Bool = false
    ) -> Bool {
        let offset = MailDate.now().offset
        let paragraphs = concerns.map { concern, since in
            "\(Self.short(concern.words, 700))\n(since \(MailDate(seconds: since, offset: offset)))\n"
        }
        let texts = settings.noticeTexts.texts
        let first = concerns.first.map { Self.short($0.concern.title, 100) } ?? ""
        let more = concerns.count > 1 ? "; and \(concerns.count - 1) more" : ""
        let values = [
            "hub": settings.hostname, "first": first + more, "concerns": paragraphs.joined(separator: "\n"),
        ]
        let subject = NoticeTexts.fill(texts.alert.subject, values)
        let body = NoticeTexts.fill(texts.alert.body, values)
        let isWritten = mailbox.map { mailbox in
            attempt("letter", mailbox.name) {
                try write(subject, body, in: texts.language, to: mailbox, isOfTheDay: isOfTheDay)
            }
        }
        guard !isOfTheDay || isWritten == true else { return false }
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

    /// - Returns: whether `body` did it, without an error.
    private func attempt(_ what: String, _ whom: String, _ body: () throws -> Bool) -> Bool {
        do {
            return try body()
        } catch {
            hub.log.write(.error, "alert", [("by", what), ("to", whom), ("error", sentence(error))])
            return false
        }
    }

    /// - Returns: `false` where there is a letter of the day.
    private func write(
        _ subject: String, _ body: String, in language: String, to mailbox: MailboxSettings, isOfTheDay: Bool
    ) throws -> Bool {
        let letter = HubLetter(
            host: settings.hostname, to: "\(mailbox.name)@\(settings.hostname)",
            subject: EncodedWords.areNeeded(for: subject) ? EncodedWords.encode(subject) : subject, date: .now(),
            messageID: MessageIDMaker.make(domain: settings.hostname, seconds: now),
            language: language, body: body)
        let maildir = try Maildir(path: mailbox.maildir, making: true)
        let name: DeliveryName = try isOfTheDay ? .ofTheDay(now / 86_400) : .random(seconds: now)
        guard try !isOfTheDay || !maildir.holds(name) else { return false }
        let delivery = try MaildirDelivery(into: maildir, as: name)
        try delivery.write(letter.octets)
        _ = try delivery.commit()
        return true
    }

    private func call(_ name: String, _ text: String) throws -> Bool {
        let program = Program(
            argv: settings.notify, input: .octets(Array(text.utf8)), deadline: Deadline(after: Self.commandLimit),
            outputLimit: 0)
        try program.run().requireSuccess(of: name)
        return true
    }
}
