// Finding messages by the unique part of their name, wherever readers have moved them and whatever flags they set.

import Digests
import DurableFiles
import Octets

extension Maildir {
    /// A file as it was seen.
    struct Place: Hashable {
        let isInNew: Bool
        let name: String
    }

    /// After a crash: which messages of the fetch batch `nonce` were delivered (DECISIONS 33). What it left in tmp is
    /// removed; new is synchronized, so that what is found stays.
    public func recoverBatch(nonce: String) throws -> Set<Int> {
        let mark = Array(".F\(nonce).".utf8)
        var found: Set<Int> = []
        var boxes: [Maildir] = [self]
        for folderName in try folders() {
            if let folder = try openedForReading(folderName) { boxes.append(folder) }
        }
        for box in boxes {
            for name in try box.tmp.names() where Self.batchIndex(Array(name.utf8), mark) != nil {
                try box.tmp.unlink(name)
            }
            var any = false
            try box.forEachFile { octets, _ in
                guard let index = Self.batchIndex(octets, mark) else { return }
                found.insert(index)
                any = true
            }
            if any { try box.synchronizeEntries() }
        }
        return found
    }

    /// The digests of those messages of the batch `nonce` that stand in new, cur or a folder. One that cannot be read, or
    /// that a reader moves meanwhile, is left out: whoever asks can do without.
    public func digests(ofBatch nonce: String) throws -> [Int: MessageDigest] {
        let mark = Array(".F\(nonce).".utf8)
        var boxes: [Maildir] = [self]
        for folderName in try folders() {
            if let folder = try openedForReading(folderName) { boxes.append(folder) }
        }
        var digests: [Int: MessageDigest] = [:]
        for box in boxes {
            var places: [(index: Int, place: Place)] = []
            try box.forEachFile { octets, isInNew in
                guard let index = Self.batchIndex(octets, mark) else { return }
                places.append((index, Place(isInNew: isInNew, name: String(decoding: octets, as: UTF8.self))))
            }
            for (index, place) in places {
                do throws(DurableError) {
                    guard let file = try box.directory(of: place).open(place.name, for: .reading) else { continue }
                    digests[index] = try Self.digest(of: file)
                } catch {
                    continue
                }
            }
        }
        return digests
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

    /// `k` of `<sec>.F<nonce>.<k>.<tail>`, whatever the tail.
    private static func batchIndex(_ name: [UInt8], _ mark: [UInt8]) -> Int? {
        let seconds = name.prefix { Octet.isDigit($0) }.count
        guard seconds > 0, name[seconds...].starts(with: mark) else { return nil }
        let digits = name[(seconds + mark.count)...].prefix { Octet.isDigit($0) }
        return digits.count <= 9 ? Int(String(decoding: digits, as: UTF8.self)) : nil
    }

    /// A folder for looking into; `nil` when it is no whole Maildir or has gone.
    func openedForReading(_ name: FolderName) throws -> Maildir? {
        do {
            return try folder(name)
        } catch let error as DurableError where error.isMissing {
            return nil
        }
    }

    /// Where the messages with these unique parts stand now, by one reading of new and cur.
    func locate(_ uniques: Set<String>) throws(DurableError) -> [String: [Place]] {
        var found: [String: [Place]] = [:]
        guard !uniques.isEmpty else { return found }
        let wanted = Set(uniques.map { Array($0.utf8) })
        try forEachFile { octets, isInNew in
            let unique = octets.prefix { $0 != 0x2C && $0 != Octet.colon }
            guard wanted.contains(Array(unique)) else { return }
            let place = Place(isInNew: isInNew, name: String(decoding: octets, as: UTF8.self))
            found[String(decoding: unique, as: UTF8.self), default: []].append(place)
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

    func directory(of place: Place) -> Directory { place.isInNew ? new : cur }
}
