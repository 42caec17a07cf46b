// Who gets a message in the place of a recipient, and whether anybody does.

/// What a recipient stands for.
public struct Expansion: Sendable, Hashable {
    /// Those who get the message in its place.
    public var children: [ExpandedRecipient]
    /// Indexes of others that it leads to, and that are recipients already.
    public var known: [Int]
    /// The accounts that some of those leave through from now on: an alias names them, and nobody has before.
    public var via: [Int: [String]]

    public init(_ children: [ExpandedRecipient], known: [Int] = [], via: [Int: [String]] = [:]) {
        (self.children, self.known, self.via) = (children, known, via)
    }
}

/// Why a recipient is not expanded.
public enum ExpansionError: Error, Sendable, Hashable {
    case leadsToNobody
    /// The recipients on the way, from the one of the envelope to one that is on it already, or leads back to it.
    case circle([RecipientDestination])
    /// So many recipients stand for one of the envelope.
    case tooMany(limit: Int)
    /// The message has so many.
    case tooManyOfMessage(limit: Int)

    public var verdict: Verdict {
        switch self {
        case .leadsToNobody: .permanent(1, 1, text: "it leads to nobody")
        case .circle(let way):
            .permanent(
                4, 6,
                text: "the aliases run in a circle: \(way.suffix(5).map(\.description).joined(separator: ", "))")
        case .tooMany(let limit): .permanent(5, 3, text: "it leads to more than \(limit) recipients")
        case .tooManyOfMessage(let limit):
            .permanent(5, 3, text: "the message has more than \(limit) recipients by its aliases")
        }
    }
}

/// Which recipients of a message stand for which, while they are expanded one after another.
///
/// Whoever is a recipient already is not added again: a person, or a file. A program is told which address it is run for, and
/// so is another recipient for each of them; as is what could not be read. So an expansion may add nobody, as where two
/// aliases lead to the same person; it is taken only where those it leads to lead to somebody in the end. By that no mail ends
/// in a circle of aliases, however they are expanded.
public struct RecipientGraph: Sendable {
    /// Recipients that one recipient of the envelope may stand for.
    public static let limit = 1000
    /// The most recipients of a message, with all that they stand for.
    public static let messageLimit = 100_000

    private struct Node {
        let destination: RecipientDestination
        let parent: Int?
        /// The recipient of the envelope that it comes from.
        let root: Int
        /// The nearest recipient with an address among it and those that it was expanded from.
        let addressed: Int
        /// Whether it has a way of its own.
        var hasVia = false
        /// How many stand for it, where it is one of the envelope.
        var count = 0
        var isExpanded = false
        /// Whom it was replaced by.
        var successors: [Int] = []
    }

    /// What two recipients have in common that are one.
    private struct Key: Hashable {
        let destination: RecipientDestination
        /// Whom it is for, where that makes a difference.
        let addressed: Int?

        init(_ destination: RecipientDestination, for addressed: Int) {
            self.destination = destination
            self.addressed = destination.isShared ? nil : addressed
        }
    }

    private var nodes: [Node] = []
    /// The indexes of what is one.
    private var indexes: [Key: [Int]] = [:]

    public init(_ recipients: [some RecipientNode]) {
        nodes.reserveCapacity(recipients.count)
        for (index, recipient) in recipients.enumerated() {
            add(recipient.recipient, of: recipient.parent)
            nodes[index].isExpanded = recipient.isExpanded
            nodes[index].successors = recipient.known
        }
    }

    private mutating func add(_ recipient: ExpandedRecipient, of parent: Int?) {
        let (index, destination) = (nodes.count, recipient.destination)
        let root = parent.map { nodes[$0].root } ?? index
        let addressed = if case .local = destination, let parent { nodes[parent].addressed } else { index }
        nodes.append(
            Node(
                destination: destination, parent: parent, root: root, addressed: addressed,
                hasVia: !recipient.via.isEmpty))
        indexes[Key(destination, for: addressed), default: []].append(index)
        guard let parent else { return }
        nodes[root].count += 1
        nodes[parent].successors.append(index)
    }

    /// Expands the recipient at `parent`, which was not expanded yet.
    /// - Returns: the children that are added behind the recipients there are, and those that it leads to besides. A child
    ///   that is `parent` itself or one that it was expanded from is added, as in `joe: joe, archive`.
    public mutating func expand(
        _ parent: Int, to expansion: Expansion
    ) throws(ExpansionError) -> Expansion {
        let way = way(to: parent)
        var added = Expansion([])
        var new: Set<RecipientDestination> = []
        var known = Set(expansion.known)
        for child in expansion.children {
            let key = Key(child.destination, for: nodes[parent].addressed)
            if let other = indexes[key]?.first(where: { !way.contains($0) }) {
                known.insert(other)
                if !child.via.isEmpty, !nodes[other].hasVia, added.via[other] == nil { added.via[other] = child.via }
            } else if new.insert(child.destination).inserted {
                added.children.append(child)
            }
        }
        added.known = known.sorted()
        let root = nodes[parent].root
        guard nodes[root].count + added.children.count <= Self.limit else { throw .tooMany(limit: Self.limit) }
        guard nodes.count + added.children.count <= Self.messageLimit else {
            throw .tooManyOfMessage(limit: Self.messageLimit)
        }
        if added.children.isEmpty {
            guard let first = added.known.first else { throw .leadsToNobody }
            guard leadsToSomebody(added.known, without: parent) else {
                throw .circle((way + [first]).map { nodes[$0].destination })
            }
        }
        for other in added.via.keys { nodes[other].hasVia = true }
        nodes[parent].isExpanded = true
        nodes[parent].successors = added.known
        for child in added.children { add(child, of: parent) }
        return added
    }

    /// From the recipient of the envelope to the one at `index`.
    private func way(to index: Int) -> [Int] {
        var way = [index]
        while let parent = nodes[way[way.count - 1]].parent { way.append(parent) }
        return way.reversed()
    }

    /// Whether a recipient that was not expanded can be reached from `starts`, and not by way of `excluded`.
    private func leadsToSomebody(_ starts: [Int], without excluded: Int) -> Bool {
        var seen: Set<Int> = [excluded]
        var open = starts
        while let index = open.popLast() {
            guard seen.insert(index).inserted else { continue }
            guard nodes[index].isExpanded else { return true }
            open += nodes[index].successors
        }
        return false
    }
}

extension RecipientDestination {
    /// Whether whoever is led there is served by one copy: a person, or a file, whose name begins with a slash.
    fileprivate var isShared: Bool {
        switch self {
        case .address: true
        case .local(let text): text.description.hasPrefix("/") || text.description.hasPrefix("\"/")
        }
    }
}
