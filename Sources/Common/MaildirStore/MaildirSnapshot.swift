// The numbered messages of a POP3 session: a picture that later changes do not disturb.

import Digests
import DurableFiles
import Octets

/// A Maildir to be shown in a snapshot.
public struct ShownMaildir: Sendable {
    public let maildir: Maildir
    /// What leads the UIDL of its messages: empty for the inbox, something fixed for a folder, such as `Junk/`.
    public let prefix: String
    public let sizes: SizeCache

    public init(_ maildir: Maildir, prefix: String = "", sizes: SizeCache = SizeCache()) {
        self.maildir = maildir
        self.prefix = prefix
        self.sizes = sizes
    }
}

/// Messages that are there and cannot be shown.
public struct LeftOut: Sendable, Hashable {
    public let count: Int
    /// Why the first one cannot, its path in it.
    public let first: String
}

/// The messages of some Maildirs at one moment, numbered from 0 in the order of time. Sessions share it freely.
public final class MaildirSnapshot: Sendable {
    private let boxes: [ShownMaildir]
    private let listing: MaildirListing
    /// Octets of all messages on the wire.
    public let totalWireSize: Int
    /// How many files had to be looked at one by one, because their names do not say their size.
    let examined: Int
    /// Those that could not be read when the snapshot was made.
    public let leftOut: LeftOut?

    /// Reads new and cur of each box once. Only files that are not ours are looked at, and only those whose size nobody
    /// has counted yet are read.
    public init(of boxes: [ShownMaildir]) throws(MaildirError) {
        var listing = MaildirListing()
        for (index, box) in boxes.enumerated() { try listing.add(box.maildir, index: UInt16(clamping: index)) }
        listing.order()
        var measuring = Measuring(boxes: boxes, listing: listing)
        try measuring.measureAll()
        self.boxes = boxes
        self.listing = measuring.listing
        examined = measuring.examined
        leftOut = measuring.leftOut
        totalWireSize = measuring.listing.messages.reduce(0) { $0 + $1.wire }
        // Saves work next time, no more: a disk that is full must let its owner in, to delete.
        for box in boxes { _ = try? box.sizes.save() }
    }

    public var count: Int { listing.messages.count }

    /// Octets of message `index` on the wire, its line ends as CRLF, the last one included even if the file lacks it.
    public func wireSize(of index: Int) -> Int { listing.messages[index].wire }

    /// The name of message `index` for UIDL: the same for as long as the message exists, 1 to 70 octets of 0x21-0x7E
    /// (RFC 1939 §7).
    public func uniqueID(of index: Int) throws(DigestError) -> [UInt8] {
        let message = listing.messages[index]
        let whole = Array(boxes[Int(message.box)].prefix.utf8) + listing.names[MaildirListing.unique(message)]
        let isFit = (1...70).contains(whole.count) && whole.allSatisfy { (0x21...0x7E).contains($0) }
        if isFit { return whole }
        return Array(MessageDigest(try DigestAlgorithm.sha256.digest(of: whole)).description.utf8)
    }

    /// Opens message `index`, which a reader may have renamed since; new and cur are read once more then.
    /// - Throws: ``MaildirError/messageGone(path:unique:)``, ``MaildirError/disk(_:)``.
    public func open(_ index: Int) throws(MaildirError) -> MaildirMessage {
        let (file, name) = try file(index)
        let told = name.isOwn ? name.wire : nil
        let sizes = boxes[Int(listing.messages[index].box)].sizes
        let unique = listing.uniqueText(index)
        return try onDisk { () throws(DurableError) in
            let status = try file.status()
            return try MaildirMessage(file, name: name, listed: wireSize(of: index)) { wire in
                // A name that lies, or a file changed in place: the next session is told the right size.
                if wire != told { sizes.note(unique, status, wire: wire) }
            }
        }
    }

    /// The file of message `index`, and whether it has wire line ends.
    /// - Throws: as ``open(_:)``.
    public func openFile(_ index: Int) throws(MaildirError) -> (file: File, isWireForm: Bool) {
        let (file, name) = try file(index)
        return try onDisk { () throws(DurableError) in (file, try name.form(of: file).isWireForm) }
    }

    private func file(_ index: Int) throws(MaildirError) -> (File, MailFileName) {
        let maildir = boxes[Int(listing.messages[index].box)].maildir
        let unique = listing.uniqueText(index)
        let found = try onDisk { () throws(DurableError) -> (File, MailFileName)? in
            if let found = try Self.file(listing.seen(index), in: maildir) { return found }
            for seen in try maildir.locate([unique])[unique] ?? [] {
                if let found = try Self.file(seen, in: maildir) { return found }
            }
            return nil
        }
        guard let found else { throw .messageGone(path: maildir.path, unique: unique) }
        return found
    }

    private static func file(
        _ seen: Maildir.SeenFile, in maildir: Maildir
    ) throws(DurableError) -> (File, MailFileName)? {
        guard let file = try maildir.directory(of: seen).open(seen.name) else { return nil }
        let name = Array(seen.name.utf8)
        return (file, MailFileName(name, in: name.indices))
    }

    /// Removes messages for good: on return the removal is on stable storage. What is gone already counts as removed.
    /// - Throws: the first error, after all others were tried; the caller must not say +OK then.
    public func delete(_ indices: some Sequence<Int>) throws(DurableError) {
        try settle(indices) { directory, seen throws(DurableError) in try directory.unlink(seen.name) }
    }

    /// Moves messages into cur of `target`, as a delete that can be undone. On return it is on stable storage.
    public func move(_ indices: some Sequence<Int>, to target: Maildir) throws(DurableError) {
        try settle(indices) { directory, seen throws(DurableError) in
            // maildir(5): a name in cur has the info part, a name in new has none.
            let name = seen.name.utf8.contains(Octet.colon) ? seen.name : "\(seen.name):2,"
            do throws(DurableError) {
                if try directory.renameWithoutReplacing(seen.name, to: name, in: target.cur) { return true }
                return try directory.unlink(seen.name)  // moved before: this is the same message
            } catch  where error.isMissing {
                return false
            }
        } finally: { () throws(DurableError) in
            try target.cur.synchronize()
        }
    }

    /// Applies `action` to each message under the name it was seen by, reads the boxes once more for those not found
    /// there, then synchronizes. An action says `false` when there was no such file.
    private func settle(
        _ indices: some Sequence<Int>, _ action: (Directory, Maildir.SeenFile) throws(DurableError) -> Bool,
        finally: () throws(DurableError) -> Void = {}
    ) throws(DurableError) {
        var fault: DurableError?
        var missing: [UInt16: Set<String>] = [:]
        var touched: Set<UInt16> = []
        func attempt(_ box: UInt16, _ seen: Maildir.SeenFile) -> Bool {
            touched.insert(box)
            do throws(DurableError) {
                return try action(boxes[Int(box)].maildir.directory(of: seen), seen)
            } catch {
                fault = fault ?? error
                return true
            }
        }
        for index in indices {
            let message = listing.messages[index]
            if !attempt(message.box, listing.seen(index)) || message.isDoubled {
                missing[message.box, default: []].insert(listing.uniqueText(index))
            }
        }
        for (box, uniques) in missing {
            do throws(DurableError) {
                for seen in try boxes[Int(box)].maildir.locate(uniques).values.joined() { _ = attempt(box, seen) }
            } catch {
                fault = fault ?? error
            }
        }
        do throws(DurableError) {
            try finally()  // the new place is durable before the old one goes
            for box in touched { try boxes[Int(box)].maildir.synchronizeEntries() }
        } catch {
            fault = fault ?? error
        }
        if let fault { throw fault }
    }
}
