// Files and folders as they are now, and as a power cut would leave them.

import Glibc

/// A tree of files and folders, each with what it holds now and what it is certain to hold after a power cut.
struct DiskState: Sendable {
    typealias Inode = DiskLog.Inode
    /// A file or folder. Unlike an inode number, it is never reused.
    private typealias NodeID = Int

    private enum Content: Sendable {
        case file([UInt8])
        case folder([[UInt8]: NodeID])
    }

    private struct Node: Sendable {
        var now: Content
        var durable: Content
    }

    /// A rename from one folder to another of which neither is known to be durable.
    private struct Move: Sendable {
        let node: NodeID
        let from: NodeID
        let to: NodeID
        let old: [UInt8]
        let new: [UInt8]
    }

    private var nodes: [Node] = []
    /// The files and folders that have these numbers now; the root is the first node.
    private var numbers: [Inode: NodeID] = [:]
    /// What each synchronization under way will make durable.
    private var pending: [String: (node: NodeID, content: Content, moves: [Move])] = [:]
    private var moves: [Move] = []
    private static let root: NodeID = 0

    /// The folder at `path` with all that it holds, all of it durable.
    init(of path: String) throws(KitError) { _ = try take(path) }

    private mutating func take(_ path: String) throws(KitError) -> NodeID {
        var status = stat()
        guard unsafe lstat(path, &status) == 0 else { throw KitError("cannot look at \(path): errno \(errno)") }
        let isFolder = status.st_mode & S_IFMT == S_IFDIR
        // A program is not mail, and too large to be compared a thousand times.
        let isProgram = !isFolder && status.st_mode & 0o100 != 0
        let node = make(
            isFolder ? .folder([:]) : .file(isProgram ? [] : ScratchDirectory.read(path) ?? []), Inode(status.st_ino))
        if isFolder {
            var entries: [[UInt8]: NodeID] = [:]
            for name in ScratchDirectory.names(in: path) { entries[Array(name.utf8)] = try take("\(path)/\(name)") }
            nodes[node] = Node(now: .folder(entries), durable: .folder(entries))
        }
        return node
    }

    private mutating func make(_ content: Content, _ inode: Inode) -> NodeID {
        nodes.append(Node(now: content, durable: content))
        numbers[inode] = nodes.count - 1
        return nodes.count - 1
    }

    /// - Parameter ignored: the serials of synchronizations that make nothing durable.
    mutating func apply(_ event: DiskLog.Event, ignoring ignored: Set<String>) {
        switch event {
        case .fileMade(let folder, let made, let name): set(name, to: make(.file([]), made), in: numbers[folder])
        case .folderMade(let folder, let made, let name): set(name, to: make(.folder([:]), made), in: numbers[folder])
        case .renamed(let from, let to, let old, let new): rename(old, in: numbers[from], to: new, in: numbers[to])
        case .linked(let file, let folder, let name): set(name, to: numbers[file], in: numbers[folder])
        case .removed(let folder, let name): set(name, to: nil, in: numbers[folder])
        case .written(let inode, let offset, let octets):
            change(inode) { content in
                if content.count < offset + octets.count {
                    content += [UInt8](repeating: 0, count: offset + octets.count - content.count)
                }
                content.replaceSubrange(offset..<(offset + octets.count), with: octets)
            }
        case .resized(let inode, let size):
            change(inode) { content in
                if content.count > size { content.removeLast(content.count - size) }
                if content.count < size { content += [UInt8](repeating: 0, count: size - content.count) }
            }
        case .syncBegins(let serial, let inode):
            if !ignored.contains(serial), let node = numbers[inode] { pending[serial] = (node, nodes[node].now, moves) }
        case .syncEnds(let serial):
            if let done = pending.removeValue(forKey: serial) { settle(done.node, done.content, done.moves) }
        case .said: break
        }
    }

    private mutating func rename(_ old: [UInt8], in from: NodeID?, to new: [UInt8], in to: NodeID?) {
        guard let from, let to, case .folder(let entries) = nodes[from].now, let moved = entries[old] else { return }
        set(old, to: nil, in: from)
        set(new, to: moved, in: to)
        if from != to { moves.append(Move(node: moved, from: from, to: to, old: old, new: new)) }
    }

    /// Makes `content` durable, and the other half of the renames that it was part of: a rename is atomic on every file
    /// system that the hub's queue may lie on (docs/queue.md).
    private mutating func settle(_ node: NodeID, _ content: Content, _ moves: [Move]) {
        nodes[node].durable = content
        for move in moves where move.to == node || move.from == node {
            let other = move.to == node ? move.from : move.to
            guard case .folder(var entries) = nodes[other].durable else { continue }
            if move.to == node {
                if entries[move.old] == move.node { entries[move.old] = nil }
            } else {
                entries[move.new] = move.node
            }
            nodes[other].durable = .folder(entries)
            self.moves.removeAll { $0.node == move.node && $0.from == move.from && $0.old == move.old }
        }
    }

    private mutating func set(_ name: [UInt8], to node: NodeID?, in folder: NodeID?) {
        guard let folder, case .folder(var entries) = nodes[folder].now else { return }
        entries[name] = node
        nodes[folder].now = .folder(entries)
    }

    private mutating func change(_ inode: Inode, _ body: (inout [UInt8]) -> Void) {
        guard let node = numbers[inode], case .file(var content) = nodes[node].now else { return }
        nodes[node].now = .file([])  // `content` is the only reference then: the octets are changed in place
        body(&content)
        nodes[node].now = .file(content)
    }

    /// The path that leads to `inode` now, below the root.
    func path(of inode: Inode) -> String { numbers[inode].map(path) ?? "a file without a number" }

    private func path(of node: NodeID) -> String {
        if node == Self.root { return "." }
        for (folder, candidate) in nodes.enumerated() {
            guard case .folder(let entries) = candidate.now, let found = entries.first(where: { $0.value == node })
            else { continue }
            let name = String(decoding: found.key, as: UTF8.self)
            return folder == Self.root ? name : "\(path(of: folder))/\(name)"
        }
        return "a file without a name"
    }

    /// The folders whose names a power cut would not leave as they are now, by their paths with a slash at the end.
    var unsettledFolders: [String] {
        var found: [String] = []
        walk(Self.root, "", isNow: true) { path, node, _ in
            if case .folder(let now) = nodes[node].now, case .folder(let durable) = nodes[node].durable, now != durable
            {
                found.append(path)
            }
        }
        return found.sorted()
    }

    /// Files by their paths, folders by their paths with a slash at the end.
    func image(_ names: PowerCut.Names) -> [String: [UInt8]] {
        var found: [String: [UInt8]] = [:]
        surviving(names).walk(Self.root, "", isNow: names == .all) { path, _, octets in found[path] = octets }
        return found
    }

    /// This tree after a power cut that happens to spare `names`.
    private func surviving(_ names: PowerCut.Names) -> DiskState {
        guard case .allOf(let folder) = names else { return self }
        var state = self
        walk(Self.root, "", isNow: true) { path, node, _ in
            if path == folder { state.settle(node, nodes[node].now, moves) }
        }
        return state
    }

    /// Calls `visit` with the path of each folder, a slash at its end, then with what is in it; files with their
    /// durable content.
    private func walk(
        _ folder: NodeID, _ path: String, isNow: Bool, _ visit: (String, NodeID, [UInt8]) throws -> Void
    ) rethrows {
        guard case .folder(let entries) = isNow ? nodes[folder].now : nodes[folder].durable else { return }
        for (name, node) in entries {
            let below = "\(path)\(String(decoding: name, as: UTF8.self))"
            switch nodes[node].durable {
            case .file(let octets): try visit(below, node, octets)
            case .folder:
                try visit("\(below)/", node, [])
                try walk(node, "\(below)/", isNow: isNow, visit)
            }
        }
    }

    /// Makes the folder `path` with all that is left. A file with two names stays one file.
    func write(_ names: PowerCut.Names, to path: String) throws {
        guard unsafe mkdir(path, 0o700) == 0 else { throw KitError("cannot make \(path): errno \(errno)") }
        var written: [NodeID: String] = [:]
        try surviving(names).walk(Self.root, "", isNow: names == .all) { name, node, octets in
            let place = "\(path)/\(name)"
            if name.hasSuffix("/") {
                guard unsafe mkdir(place, 0o700) == 0 else { throw KitError("cannot make \(place): errno \(errno)") }
            } else if let first = written[node] {
                guard unsafe link(first, place) == 0 else { throw KitError("cannot link \(place): errno \(errno)") }
            } else {
                try Self.write(octets, to: place)
                written[node] = place
            }
        }
    }

    private static func write(_ octets: [UInt8], to path: String) throws(KitError) {
        let made = unsafe open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard made >= 0 else { throw KitError("cannot make \(path): errno \(errno)") }
        defer { close(made) }
        let count = unsafe octets.withUnsafeBytes { unsafe Glibc.write(made, $0.baseAddress, $0.count) }
        guard count == octets.count else { throw KitError("cannot write \(path): errno \(errno)") }
    }
}
