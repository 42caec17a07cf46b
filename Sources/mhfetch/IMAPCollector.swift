// One IMAP session that collects: every folder of the account, one after the other.

import AccountSessions
import FetchLedger
import IMAPProtocol
import MaildirStore
import Reporting
import RunControl

struct IMAPCollector {
    let run: AccountRun
    let session: IMAPSession

    /// Fetches what is new from every folder of the account and deletes what may go.
    func collect() throws {
        for (number, folder) in try chosenFolders().enumerated() {
            if number > 0, run.isRationed || run.isTurnOver() { break }
            do {
                try collect(folder)
            } catch let stop where FetchError.stopsFolderOnly(stop) {
                // What a batch under way has so far is whole.
                try run.publish()
                try run.settle()
                run.noteStop(stop, of: folder.settings.remote)
            }
        }
    }

    private func chosenFolders() throws -> [ChosenFolder] {
        let chosen = try session.chosenFolders(of: run.account)
        if let folder = run.means.folder { return chosen.folders.filter { $0.settings.remote == folder } }
        if chosen.inexpressible > 0 {
            run.tell("folders left out, as an rc cannot express their names: \(chosen.inexpressible)")
            run.warn("folders left out", [("inexpressible", "\(chosen.inexpressible)")])
        }
        for line in chosen.idle { run.noteUnmatched(line) }
        return chosen.folders
    }

    private func collect(_ chosen: ChosenFolder) throws {
        let folder = chosen.settings
        let delimiter = try chosen.delimiter ?? delimiter(in: folder)
        let selection = try select(folder.remote)
        run.tell("folder \(folder.remote): \(counted(selection.messages, "message"))")
        guard selection.hasStickyUIDs, let validity = selection.uidValidity else {
            throw FetchError.noUIDValidity(folder: folder.remote, host: session.host)
        }
        let index = try run.ledger.folder(named: folder.remote, validity: validity)
        let collector = IMAPFolder(
            session: session, run: run, name: folder.remote, index: index, messages: selection.messages,
            destination: run.destination(try localFolder(of: folder, delimiter)))
        if run.means.standing != nil {
            run.marks[folder.remote] = FolderMark(
                uidValidity: validity, uidNext: try selection.uidNext ?? collector.nextUID())
        }
        let known = run.state.folders[index]
        // UIDs never go down (RFC 3501 §2.3.1.1): a server whose UIDNEXT does will give UIDs to other messages.
        let uidNext = try trusted(selection.uidNext, of: collector, known, validity)
        let isRenumbered = known.validity != validity || uidNext.map { $0 < known.next } ?? false
        if run.reindexes {
            try collector.reindex(validity: validity, isRenumbered: isRenumbered)
        } else if isRenumbered {
            try obey(renumbering: folder, of: index, validity, uidNext, collector)
        } else if [run.acceptFolder, run.refetchFolder].contains(folder.remote) {
            writeToStandardError(
                "mhfetch: \(run.account.name): folder \(printable(folder.remote)) was not renumbered: nothing is accepted there, "
                    + "or fetched again")
        }
        try collector.collect(uidNext: uidNext)
    }

    /// UIDNEXT as the server tells it; `nil` where it is below what was fetched, and false on the face of it: there is a
    /// message with that UID, or a higher one.
    private func trusted(
        _ uidNext: UInt32?, of collector: IMAPFolder, _ known: FetchState.Folder, _ validity: UInt32
    ) throws -> UInt32? {
        guard let uidNext, uidNext < known.next, known.validity == validity else { return uidNext }
        guard try collector.survey(.from(uidNext), []).contains(where: { $0.number >= Int(uidNext) }) else {
            return uidNext
        }
        run.warn("false UIDNEXT", [("host", session.host), ("folder", known.name), ("told", "\(uidNext)")])
        return nil
    }

    /// Selects `name`, or tells which folder may be meant.
    /// - Throws: ``FetchError/noSuchFolder(_:host:nearest:)`` when the server does not list it either.
    private func select(_ name: String) throws -> IMAPSelection {
        do throws(AccountError) {
            return try session.select(name)
        } catch {
            guard case .refused = error else { throw error }
            throw try obstacle(to: name, error)
        }
    }

    /// Why `name` could not be selected.
    private func obstacle(to name: String, _ refusal: AccountError) throws -> any Error {
        let mailboxes: [IMAPMailbox]
        do {
            mailboxes = try session.list("*", isWhole: false)
        } catch AccountError.refused {
            return refusal
        }
        let encoded = IMAPMailboxName(name)
        guard !mailboxes.contains(where: { $0.name == encoded && $0.isSelectable }) else { return refusal }
        return FetchError.noSuchFolder(name, host: session.host, nearest: FolderNames(mailboxes).nearest(to: name))
    }

    /// Throws when the server has renumbered the folder, unless a person has said what to do.
    private func obey(
        renumbering folder: FolderSettings, of index: Int, _ validity: UInt32, _ uidNext: UInt32?,
        _ collector: IMAPFolder
    ) throws {
        if run.refetchFolder == folder.remote {
            try run.ledger.renumber(index, validity: validity)
        } else if run.acceptFolder == folder.remote {
            // Asked before anything is recorded: with half of it recorded, everything would be fetched again.
            let next = try uidNext ?? collector.nextUID()
            try run.ledger.renumber(index, validity: validity, next: next)
        } else {
            throw run.renumbered(folder.remote)
        }
        try run.ledger.synchronize()
    }

    /// The hierarchy delimiter of the folder's name (RFC 3501 §7.2.2); asked for only where the rc does not say where
    /// its mail goes.
    private func delimiter(in folder: FolderSettings) throws -> UInt8? {
        guard folder.local == nil, !folder.isInbox else { return nil }
        return try session.list(folder.remote).first { $0.name == IMAPMailboxName(folder.remote) }?.delimiter
    }

    /// The folder of the Maildir that mail of a remote folder goes to: the one of the rc, else that of the same name;
    /// `nil` for the inbox.
    private func localFolder(of folder: FolderSettings, _ delimiter: UInt8?) throws -> FolderName? {
        do throws(MaildirError) {
            if let local = folder.local { return try FolderName.named(local) }
            if folder.isInbox { return nil }
            return try FolderName(parts: FolderNames.parts(of: folder.remote, delimiter: delimiter))
        } catch {
            throw FetchError.noLocalFolder(folder: folder.remote, reason: error.description)
        }
    }
}
