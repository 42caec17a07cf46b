// Finding messages by the unique part of their name, wherever readers have moved them and whatever flags they set.

import Digests
import DurableFiles
import Octets

extension Maildir {
    /// A file as it was seen.
    struct SeenFile: Hashable {
        let isInNew: Bool
        let name: String
    }

    /// What there was of a fetch batch after a crash, by the numbers of its messages.
    public struct BatchTraces: Sendable, Hashable {
        /// Those that stand in new, cur or a folder.
        public internal(set) var delivered: Set<Int> = []
        /// Those that stood in tmp, whole or not, and are removed.
        public internal(set) var unfinished: Set<Int> = []

        public init() {}

        /// What two Maildirs had of it together.
        public func joined(_ other: BatchTraces) -> BatchTraces {
            var joined = self
            joined.delivered.formUnion(other.delivered)
            joined.unfinished.formUnion(other.unfinished)
            return joined
        }
    }

    /// What fetch batches left behind: found first, so that it can be written down before any of it is removed. Should
    /// the process die between the two, the next one finds the same.
    public struct FoundBatches: Sendable {
        /// For each nonce asked for, in that order.
        public fileprivate(set) var traces: [BatchTraces]
        fileprivate var leftovers: [(box: Maildir, name: String)] = []

        /// Removes what the batches left in tmp.
        public func removeUnfinished() throws(DurableError) {
            for (box, name) in leftovers { try box.tmp.unlink(name) }
        }
    }

    /// After a crash: what became of the fetch batches with these nonces, by one reading of the Maildir and its
    /// folders. Where anything is found, new and cur are synchronized, so that it stays.
    public func findBatches(_ nonces: [String]) throws(MaildirError) -> FoundBatches {
        let marks = nonces.map { Array(".F\($0).".utf8) }
        var found = FoundBatches(traces: nonces.map { _ in BatchTraces() })
        for box in try withFolders() {
            try onDisk { () throws(DurableError) in try box.find(marks, into: &found) }
        }
        return found
    }

    private func find(_ marks: [[UInt8]], into found: inout FoundBatches) throws(DurableError) {
        for name in try tmp.names() {
            guard let (batch, index) = Self.placeInBatch(Array(name.utf8), marks) else { continue }
            found.leftovers.append((self, name))
            found.traces[batch].unfinished.insert(index)
        }
        var any = false
        try forEachFile { octets, _ in
            guard let (batch, index) = Self.placeInBatch(octets, marks) else { return }
            found.traces[batch].delivered.insert(index)
            any = true
        }
        if any { try synchronizeEntries() }
    }

    /// Whether new, cur or a folder has a message with this name, whatever its flags.
    public func holds(_ name: DeliveryName) throws(MaildirError) -> Bool {
        let start = Array(name.unique.utf8)
        var isThere = false
        for box in try withFolders() {
            try onDisk { () throws(DurableError) in
                try box.forEachFile { octets, _ in isThere = isThere || octets.starts(with: start) }
            }
        }
        return isThere
    }

    /// The digests of those messages of the batch `nonce` that stand in new, cur or a folder. One that cannot be read, or
    /// that a reader moves meanwhile, is left out: whoever asks can do without.
    public func digests(ofBatch nonce: String) throws(MaildirError) -> [Int: MessageDigest] {
        let mark = [Array(".F\(nonce).".utf8)]
        var digests: [Int: MessageDigest] = [:]
        for box in try withFolders() {
            var seenFiles: [(index: Int, seen: SeenFile)] = []
            try onDisk { () throws(DurableError) in
                try box.forEachFile { octets, isInNew in
                    guard let (_, index) = Self.placeInBatch(octets, mark) else { return }
                    seenFiles.append((index, SeenFile(isInNew: isInNew, name: String(decoding: octets, as: UTF8.self))))
                }
            }
            for (index, seen) in seenFiles {
                do throws(DurableError) {
                    guard let file = try box.directory(of: seen).open(seen.name, for: .reading) else { continue }
                    digests[index] = try Self.digest(of: file)
                } catch {
                    continue
                }
            }
        }
        return digests
    }

    /// Calls `body` with the first octets of each message in new, cur or a folder. One that cannot be read, or that a
    /// reader moves meanwhile, is left out.
    /// - Parameter limit: of octets.
    public func forEachHead(atMost limit: Int, _ body: ([UInt8]) -> Void) throws(MaildirError) {
        for box in try withFolders() {
            var files: [SeenFile] = []
            try onDisk { () throws(DurableError) in
                try box.forEachFile { octets, isInNew in
                    files.append(SeenFile(isInNew: isInNew, name: String(decoding: octets, as: UTF8.self)))
                }
            }
            for seen in files {
                do throws(DurableError) {
                    guard let file = try box.directory(of: seen).open(seen.name, for: .reading) else { continue }
                    body(try file.read(atMost: limit, at: 0))
                } catch {
                    continue
                }
            }
        }
    }

    /// This Maildir and its folders, for looking into.
    func withFolders() throws(MaildirError) -> [Maildir] {
        var boxes = [self]
        for name in try onDisk({ () throws(DurableError) in try folders() }) {
            do throws(MaildirError) {
                if let folder = try folder(name) { boxes.append(folder) }
            } catch .disk(let error) where error.isMissing {
                continue  // no whole Maildir, or gone
            }
        }
        return boxes
    }

    private static func digest(of file: File) throws(DurableError) -> MessageDigest? {
        var digest = RunningDigest()
        var at = 0
        while true {
            let part = try file.read(atMost: 1 << 16, at: at)
            if part.isEmpty { break }
            digest.update(part)
            at += part.count
        }
        do throws(DigestError) { return MessageDigest(try digest.finish()) } catch { return nil }
    }

    /// Of `<sec>.F<nonce>.<k>.<tail>`, whatever the tail: which of the `marks`, each `.F<nonce>.`, and `k`.
    private static func placeInBatch(_ name: [UInt8], _ marks: [[UInt8]]) -> (batch: Int, index: Int)? {
        let rest = name.drop { Octet.isDigit($0) }
        guard rest.startIndex > 0, let batch = marks.firstIndex(where: { rest.starts(with: $0) }) else { return nil }
        let digits = rest.dropFirst(marks[batch].count).prefix { Octet.isDigit($0) }
        guard digits.count <= 9, let index = Int(String(decoding: digits, as: UTF8.self)) else { return nil }
        return (batch, index)
    }

    /// Where the messages with these unique parts stand now, by one reading of new and cur.
    func locate(_ uniques: Set<String>) throws(DurableError) -> [String: [SeenFile]] {
        var found: [String: [SeenFile]] = [:]
        guard !uniques.isEmpty else { return found }
        let wanted = Set(uniques.map { Array($0.utf8) })
        try forEachFile { octets, isInNew in
            let unique = octets.prefix { $0 != 0x2C && $0 != Octet.colon }
            guard wanted.contains(Array(unique)) else { return }
            let seen = SeenFile(isInNew: isInNew, name: String(decoding: octets, as: UTF8.self))
            found[String(decoding: unique, as: UTF8.self), default: []].append(seen)
        }
        return found
    }

    /// Calls `body` with each name in new, then in cur. Hidden names and such that are no UTF-8 are passed over.
    func forEachFile(_ body: ([UInt8], _ isInNew: Bool) -> Void) throws(DurableError) {
        for (directory, isInNew) in [(new, true), (cur, false)] {
            try directory.forEachName { name in
                let octets = unsafe name.withUnsafeBufferPointer { unsafe Array($0) }
                if Self.isMailName(octets) { body(octets, isInNew) }
            }
        }
    }

    static func isMailName(_ name: [UInt8]) -> Bool {
        guard let first = name.first, first != Octet.dot else { return false }
        return name.allSatisfy { $0 < 0x80 } || String(validating: name, as: UTF8.self) != nil
    }

    func directory(of seen: SeenFile) -> Directory { seen.isInNew ? new : cur }
}
