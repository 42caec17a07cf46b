// What a program did to the files of one folder, in order, and what a power cut at any point of it may leave.

import Glibc

/// The log of a program that ran with `scripts/diskrecorder.c` preloaded, and the folder as it was before.
///
/// Two promises of POSIX are relied on: what a file held when fsync or fdatasync of it began is durable once that has
/// returned, and so are the names that a folder had when fsync of it began. File systems keep more than that (a later
/// fsync of any file takes earlier names along), which would hide a missing one. Besides, a rename is taken to be
/// atomic, since the queue must lie on a file system with a journal or the like.
public struct DiskLog: Sendable {
    /// The number of a file or folder in the log (its inode).
    typealias Inode = UInt64

    enum Event: Sendable {
        case fileMade(in: Inode, Inode, name: [UInt8])
        case folderMade(in: Inode, Inode, name: [UInt8])
        case renamed(from: Inode, to: Inode, old: [UInt8], new: [UInt8])
        case linked(Inode, in: Inode, name: [UInt8])
        case removed(in: Inode, name: [UInt8])
        case written(Inode, at: Int, [UInt8])
        case resized(Inode, to: Int)
        case syncBegins(serial: String, Inode)
        case syncEnds(serial: String)
        case said([UInt8])
    }

    let events: [Event]
    let before: DiskState

    /// The events in words, a line each, for a person who wants to know what a power cut did.
    public var listing: String {
        var state = before
        var lines: [String] = []
        for (at, event) in events.enumerated() {
            func text(_ octets: [UInt8]) -> String {
                String(decoding: octets.prefix(60).filter { $0 >= 0x20 }, as: UTF8.self)
            }
            let line =
                switch event {
                case .fileMade(let folder, _, let name): "make \(state.path(of: folder))/\(text(name))"
                case .folderMade(let folder, _, let name): "make \(state.path(of: folder))/\(text(name))/"
                case .renamed(let from, let to, let old, let new):
                    "rename \(state.path(of: from))/\(text(old)) to \(state.path(of: to))/\(text(new))"
                case .linked(let file, let folder, let name):
                    "link \(state.path(of: file)) as \(state.path(of: folder))/\(text(name))"
                case .removed(let folder, let name): "remove \(state.path(of: folder))/\(text(name))"
                case .written(let inode, let offset, let octets):
                    "write \(octets.count) octets at \(offset) of \(state.path(of: inode)): \(text(octets))"
                case .resized(let inode, let size): "cut \(state.path(of: inode)) to \(size)"
                case .syncBegins(let serial, let inode): "synchronize \(state.path(of: inode)) (\(serial))"
                case .syncEnds(let serial): "synchronized (\(serial))"
                case .said(let octets): "say \(text(octets))"
                }
            lines.append("\(at) \(line)")
            state.apply(event, ignoring: [])
        }
        return lines.joined(separator: "\n")
    }

    /// Events of the log.
    public var count: Int { events.count }

    /// All power cuts that differ in what they leave, or in which of the events `turningPoints` they come after. If a
    /// synchronization is `missing`, only those that leave something else for want of it.
    public func powerCuts(turningPoints: [Int], without missing: Synchronization? = nil) -> [PowerCut] {
        struct Outcome: Hashable {
            let image: [String: [UInt8]]
            let passed: [Bool]
        }
        var seen: Set<Outcome> = []
        var found: [PowerCut] = []
        var state = before
        var usual = before
        for at in 0...events.count {
            if at > 0 {
                state.apply(events[at - 1], ignoring: missing?.serials ?? [])
                if missing != nil { usual.apply(events[at - 1], ignoring: []) }
                // Data that is written, and not synchronized, changes neither what is durable nor any name.
                switch events[at - 1] {
                case .written, .resized, .syncBegins: if at < events.count { continue }
                case .fileMade, .folderMade, .renamed, .linked, .removed, .syncEnds, .said: break
                }
            }
            let passed = (turningPoints + [events.count - 1]).map { $0 < at }
            for names in [.synchronized, .all] + state.unsettledFolders.map(PowerCut.Names.allOf) {
                let image = state.image(names)
                if missing != nil, image == usual.image(names) { continue }
                if seen.insert(Outcome(image: image, passed: passed)).inserted {
                    found.append(PowerCut(after: at, names: names, without: missing))
                }
            }
        }
        return found
    }

    /// The synchronizations that succeeded, in order, each with the path it was for. Those of one file with nothing
    /// sent to a peer in between count as one: whoever waits for the last of them has waited for all.
    public var synchronizations: [Synchronization] {
        let ended = Set(
            events.compactMap { event -> String? in
                if case .syncEnds(let serial) = event { serial } else { nil }
            })
        var state = before
        var found: [Synchronization] = []
        var places: [Inode: Int] = [:]
        for (at, event) in events.enumerated() {
            switch event {
            case .syncBegins(let serial, let inode) where ended.contains(serial):
                if let place = places[inode] {
                    found[place].serials.insert(serial)
                } else {
                    places[inode] = found.count
                    found.append(Synchronization(serials: [serial], path: state.path(of: inode), event: at))
                }
            case .said: places = [:]
            default: break
            }
            state.apply(event, ignoring: [])
        }
        return found
    }

    public struct Synchronization: Sendable, CustomStringConvertible {
        fileprivate(set) var serials: Set<String>
        /// Below the folder, by the name at that time.
        public let path: String
        /// The index of its first event.
        public let event: Int
        public var description: String { "synchronizing \(path) at event \(event)" }
    }

    /// The indices of the events that send octets with `text` in them to a peer.
    public func said(_ text: String) -> [Int] {
        let wanted = Array(text.utf8)
        return events.indices.filter {
            if case .said(let octets) = events[$0] { return octets.firstRange(of: wanted) != nil }
            return false
        }
    }

    /// The index of the first event that writes octets with `text` in them.
    public func written(_ text: String) -> Int? {
        let wanted = Array(text.utf8)
        return events.indices.first {
            if case .written(_, _, let octets) = events[$0] { return octets.firstRange(of: wanted) != nil }
            return false
        }
    }

    /// The index of the first event that sends something to a peer after the last name was removed.
    public var wordAfterRemovals: Int? {
        let removal = events.lastIndex { if case .removed = $0 { true } else { false } }
        return events.indices.first {
            if case .said = events[$0], let removal { $0 > removal } else { false }
        }
    }

    /// Writes what a power cut leaves into the new folder `path`.
    /// - Throws: ``KitError`` when a file or folder cannot be made.
    public func write(_ cut: PowerCut, to path: String) throws {
        try state(after: cut).write(cut.names, to: path)
    }

    /// What ``write(_:to:)`` would write, as a value to compare: files by path, folders by path and a slash.
    public func image(after cut: PowerCut) -> [String: [UInt8]] { state(after: cut).image(cut.names) }

    private func state(after cut: PowerCut) -> DiskState {
        var state = before
        for event in events.prefix(cut.events) { state.apply(event, ignoring: cut.missing?.serials ?? []) }
        return state
    }
}

/// A power cut at a point of a ``DiskLog``.
public struct PowerCut: Sendable, CustomStringConvertible {
    /// Which changes of names survive it; the contents of files survive only where they were synchronized.
    public enum Names: Sendable, Hashable {
        /// Only those that were synchronized.
        case synchronized
        /// Those of every folder.
        case all
        /// Those of this folder (its path below the watched one, with a slash at its end) and the other halves of its
        /// renames; of the other folders, those that were synchronized.
        case allOf(String)
    }

    /// How many events come before it.
    public let events: Int
    public let names: Names
    /// A synchronization that is taken not to have happened.
    public let missing: DiskLog.Synchronization?

    public init(after events: Int, names: Names, without missing: DiskLog.Synchronization? = nil) {
        self.events = events
        self.names = names
        self.missing = missing
    }

    public var description: String {
        "a power cut after event \(events), with \(names) names" + (missing.map { ", without \($0)" } ?? "")
    }
}

/// A folder whose changes are recorded. What it holds when the recorder is made counts as durable.
public struct DiskRecorder: Sendable {
    /// What the environment of the program needs.
    public let environment: [String: String]
    private let log: String
    private let before: DiskState

    /// - Parameters:
    ///   - folder: the folder to watch.
    ///   - scratch: where the log goes; not below `folder`.
    /// - Throws: ``KitError`` when scripts/peers has not compiled the recorder, or `folder` cannot be read.
    public init(of folder: String, in scratch: ScratchDirectory) throws(KitError) {
        guard let peers = Peers.folder() else { throw KitError("no folder of peers: run scripts/peers") }
        let object = "\(peers)/lib/diskrecorder.so"
        guard unsafe access(object, R_OK) == 0 else { throw KitError("\(object) is missing: run scripts/peers") }
        log = scratch.write("", to: "disk.log")
        _ = unsafe chmod(log, 0o666)
        environment = ["LD_PRELOAD": object, "DISK_LOG": log, "DISK_ROOT": folder]
        before = try DiskState(of: folder)
    }

    /// What was done since.
    /// - Throws: ``KitError`` when the log is missing, empty or malformed.
    public func read() throws(KitError) -> DiskLog {
        guard let octets = ScratchDirectory.read(log) else { throw KitError("\(log) is gone") }
        var reader = Reader(octets: octets[...])
        var events: [DiskLog.Event] = []
        while let event = try reader.next() { events.append(event) }
        guard !events.isEmpty else { throw KitError("\(log) is empty: the recorder was not loaded") }
        return DiskLog(events: events, before: before)
    }

    private struct Reader {
        var octets: ArraySlice<UInt8>

        mutating func next() throws(KitError) -> DiskLog.Event? {
            guard !octets.isEmpty else { return nil }
            guard let end = octets.firstIndex(of: 0x0A) else { throw KitError("the disk log ends within a line") }
            let line = String(decoding: octets[..<end], as: UTF8.self)
            let words = line.split(separator: " ").map(String.init)
            guard let count = words.last.flatMap({ Int($0) }), octets.endIndex - (end + 1) >= count else {
                throw KitError("the disk log has a broken record: \(line)")
            }
            let payload = Array(octets[(end + 1)..<(end + 1 + count)])
            octets = octets[(end + 1 + count)...]
            guard let event = event(words, payload) else { throw KitError("the disk log says: \(line)") }
            return event
        }

        private func event(_ words: [String], _ payload: [UInt8]) -> DiskLog.Event? {
            func inode(_ at: Int) -> DiskLog.Inode? { words.count > at ? DiskLog.Inode(words[at]) : nil }
            switch words.first {
            case "C":
                if let folder = inode(1), let made = inode(2) { return .fileMade(in: folder, made, name: payload) }
            case "D":
                if let folder = inode(1), let made = inode(2) { return .folderMade(in: folder, made, name: payload) }
            case "N":
                guard let from = inode(1), let to = inode(2), let at = inode(3).map(Int.init), at <= payload.count
                else {
                    return nil
                }
                return .renamed(from: from, to: to, old: Array(payload[..<at]), new: Array(payload[at...]))
            case "L": if let file = inode(1), let folder = inode(2) { return .linked(file, in: folder, name: payload) }
            case "U": if let folder = inode(1) { return .removed(in: folder, name: payload) }
            case "W": if let file = inode(1), let at = inode(2) { return .written(file, at: Int(at), payload) }
            case "T": if let file = inode(1), let size = inode(2) { return .resized(file, to: Int(size)) }
            case "B": if let file = inode(2) { return .syncBegins(serial: words[1], file) }
            case "E": if words.count > 2 { return .syncEnds(serial: words[1]) }
            case "X": return .said(payload)
            default: return nil
            }
            return nil
        }
    }
}
