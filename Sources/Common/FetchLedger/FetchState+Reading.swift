// How a line of the journal changes the state.

import DurableFiles
import FetchCalendar
import IMAPProtocol
import MaildirStore
import Octets

extension FetchState {
    /// Applies a line of the journal.
    /// - Returns: `false` for a line that makes no sense.
    mutating func apply(_ line: ArraySlice<UInt8>) -> Bool {
        if line.starts(with: KnownMessages.lineStart) { return known.take(line) }
        let words = line.split(separator: Octet.space, omittingEmptySubsequences: false)
        guard let verb = words.first else { return false }
        func number(_ index: Int) -> Int? { JournalWord.number(words[index]) }
        func key(_ index: Int) -> MessageKey? { MessageKey(words[index]) }
        switch (String(decoding: verb, as: UTF8.self), words.count) {
        case ("have", 4), ("have", 5):
            guard let time = number(1), let run = number(2), let key = key(3) else { return false }
            let digest = words.count == 5 ? MessageDigest(parsing: words[4]) : nil
            guard words.count == 4 || digest != nil else { return false }
            guard hasFolder(key) else { return false }
            note([(key, digest)], at: time, run)
        case ("quit", 2):
            guard let key = key(1) else { return false }
            known.change(key) { $0.deletion = .asked }
        case ("here", 2), ("here", 3), ("stay", 2), ("stay", 3):
            guard let key = key(1) else { return false }
            let digest = words.count == 3 ? MessageDigest(parsing: words[2]) : nil
            guard words.count == 2 || digest != nil else { return false }
            known.change(key) { known in
                known.deletion = verb.first == 0x73 ? .ignored : nil
                known.digest = digest ?? known.digest
            }
            failed[key] = nil
        case ("dele", 2):
            guard let key = key(1) else { return false }
            known.change(key) { $0.deletion = .acknowledged }
        case ("run", 3):
            guard let count = number(1), let time = number(2), count <= Self.runLimit else { return false }
            (run, lastRun) = (count, time)
            if count > 0 { since = since ?? time }
        case ("end", 4):
            guard let time = number(1), let status = number(2), let text = JournalWord.decode(words[3]) else {
                return false
            }
            lastEnding = Ending(time: time, status: status, words: text)
            lastEnded = run
            isAway = false
            if status == 0 { lastSuccess = time }
            failingSince = status == 0 ? nil : failingSince ?? time
        case ("good", 2):
            guard let time = number(1) else { return false }
            lastSuccess = time
        case ("failing", 2):
            guard let time = number(1) else { return false }
            failingSince = time
        case ("since", 2):
            guard let time = number(1) else { return false }
            since = time
        case ("sum", 3):
            guard let messages = number(1), let octets = number(2) else { return false }
            total.messages = min(total.messages, .max - messages) + messages
            total.octets = min(total.octets, .max - octets) + octets
        case ("away", 1): isAway = true
        case ("time", 3):
            guard let moment = number(1), let minute = number(2) else { return false }
            served = FetchPlan.Served(moment: moment, minute: minute)
        case ("open", 4...): return open(words)
        case ("done", 2...), ("spool", 2...): return close(words)
        case ("owe", 3):
            guard let name = JournalWord.decode(words[1]), let key = key(2), hasFolder(key) else { return false }
            owed[key] = name
        case ("free", 2...):
            for word in words[1...] {
                guard let key = MessageKey(word) else { return false }
                owed[key] = nil
            }
        case ("miss", 2):
            guard let key = key(1) else { return false }
            if isUnfetched(key), !isKnown(key) { unlisted[key] = run }
            known.change(key) { $0.isMissing = true }
        case ("back", 2):
            guard let key = key(1) else { return false }
            unlisted[key] = nil
            known.change(key) { $0.isMissing = false }
        case ("gone", 2):
            guard let key = key(1) else { return false }
            known[key] = nil
            (failed[key], large[key], unlisted[key]) = (nil, nil, nil)
        case ("large", 3):
            guard let key = key(1), let large = number(2).flatMap(Large.init), hasFolder(key) else { return false }
            self.large[key] = large
        case ("fail", 5):
            guard let key = key(1), let tries = number(2), let time = number(3), let text = JournalWord.decode(words[4])
            else {
                return false
            }
            failed[key] = Failure(tries: tries, time: time, reason: text)
        case ("folder", 4), ("floor", 3), ("next", 3), ("look", 4), ("lack", 3), ("past", 3), ("seen", 5), ("left", 3):
            return applyFolder(words)
        default: return false
        }
        return true
    }

    private mutating func open(_ words: [ArraySlice<UInt8>]) -> Bool {
        let keys = words[3...].compactMap { MessageKey($0) }
        // One that was forgotten would be fetched again.
        guard openBatches.count < Self.openLimit, let time = JournalWord.number(words[2]),
            keys.count == words.count - 3,
            keys.allSatisfy(hasFolder)
        else { return false }
        openBatches.append(OpenBatch(nonce: String(decoding: words[1], as: UTF8.self), time: time, keys: keys))
        return true
    }

    private mutating func close(_ words: [ArraySlice<UInt8>]) -> Bool {
        guard let batch = openBatches.first, words[1].elementsEqual(batch.nonce.utf8) else { return false }
        var delivered: [(MessageKey, MessageDigest?)] = []
        for word in words[2...] {
            let colon = word.firstIndex(of: Octet.colon)
            guard let index = JournalWord.number(word[..<(colon ?? word.endIndex)]), batch.keys.indices.contains(index)
            else { return false }
            let digest = colon.flatMap { MessageDigest(parsing: word[($0 + 1)...]) }
            guard colon == nil || digest != nil else { return false }
            delivered.append((batch.keys[index], digest))
            if words[0].elementsEqual("spool".utf8) {
                guard let name = DeliveryName.fetched(batch.nonce, index, batch.time) else { return false }
                owed[batch.keys[index]] = name
            }
        }
        // A header alone is no message: it can neither be taken for fetched nor be deleted.
        for (key, _) in delivered where large[key] == .headerAsked {
            failed[key] = nil
            large[key] = .headerHere
        }
        note(delivered.filter { large[$0.0] != .headerHere }, at: batch.time, run)
        openBatches.removeFirst()
        return true
    }

    private mutating func applyFolder(_ words: [ArraySlice<UInt8>]) -> Bool {
        guard let index = JournalWord.number(words[1]) else { return false }
        if words[0].elementsEqual("folder".utf8) {
            guard let validity = JournalWord.number(words[2]).flatMap({ UInt32(exactly: $0) }),
                let name = JournalWord.decode(words[3]), index <= folders.count
            else { return false }
            let folder = Folder(name: name, validity: validity)
            if index < folders.count { folders[index] = folder } else { folders.append(folder) }
            forgetUnfetched(of: index)
            return true
        }
        guard folders.indices.contains(index) else { return false }
        switch String(decoding: words[0], as: UTF8.self) {
        case "floor":
            guard let uid = JournalWord.number(words[2]).flatMap({ UInt32(exactly: $0) }) else { return false }
            folders[index].floor = uid
        case "next":
            guard let uid = JournalWord.number(words[2]).flatMap({ UInt32(exactly: $0) }) else { return false }
            folders[index].next = uid
        case "look":
            guard let time = JournalWord.number(words[2]), let messages = JournalWord.number(words[3]) else {
                return false
            }
            folders[index].look = Look(time: time, messages: messages)
        case "lack":
            guard let uids = words[2].elementsEqual([0x2D]) ? UIDSet([]) : UIDSet(parsing: words[2]) else {
                return false
            }
            folders[index].lacking = Lacking(run: run, uids: uids)
        case "past":
            guard let uids = UIDSet(parsing: words[2]) else { return false }
            folders[index].past = UIDSet(ranges: folders[index].past.ranges + uids.ranges)
        case "left":
            guard let uids = UIDSet(parsing: words[2]) else { return false }
            folders[index].forget(uids)
        default:  // seen
            guard let time = JournalWord.number(words[2]), let run = JournalWord.number(words[3]),
                let uids = UIDSet(parsing: words[4])
            else { return false }
            folders[index].note(uids, at: time, run)
        }
        return true
    }

    private mutating func note(_ keys: [(MessageKey, MessageDigest?)], at time: Int, _ run: Int) {
        var uids: [Int: [UInt32]] = [:]
        for (key, digest) in keys {
            (failed[key], large[key], unlisted[key]) = (nil, nil, nil)
            switch key {
            case .unique: known[key] = Known(fetched: time, run: run, digest: digest)
            case .uid(let uid, let index): uids[index, default: []].append(uid)
            }
        }
        for (index, uids) in uids { folders[index].note(UIDSet(uids), at: time, run) }
    }

    mutating func forgetUnfetched(of index: Int) {
        failed = failed.filter { $0.key.folder != index }
        large = large.filter { $0.key.folder != index }
        unlisted = unlisted.filter { $0.key.folder != index }
        owed = owed.filter { $0.key.folder != index }
    }

    /// Whether the key's folder is known, if it has one. Folders are never removed.
    private func hasFolder(_ key: MessageKey) -> Bool {
        if case .uid(_, let index) = key { folders.indices.contains(index) } else { true }
    }
}

extension DeliveryName {
    /// The name of a message of a batch; `nil` for a nonce that cannot be part of one.
    fileprivate static func fetched(_ nonce: String, _ index: Int, _ time: Int) -> String? {
        do throws(MaildirError) { return try fetched(nonce: nonce, index: index, seconds: time).unique } catch {
            return nil
        }
    }
}
