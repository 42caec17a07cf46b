// Who gets a message in the place of a recipient, and whether anybody does.

/// What a recipient stands for.
public struct Expansion: Sendable, Hashable {
    /// Those who get the message in its place.
    public var children: [ExpandedRecipient]
    /// Indexes of others that it leads to, and that are recipients already.
    public var known: [Int]

    public init(_ children: [ExpandedRecipient], known: [Int] = []) { (self.children, self.known) = (children, known) }
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
/// Whoever is a recipient already is not added again. So an expansion may add nobody, as where two aliases lead to the same
/// person; it is taken only where those it leads to lead to somebody in the end. By that no mail ends in a circle of aliases,
/// however they are expanded.
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
        /// How many stand for it, where it is one of the envelope.
        var count = 0
        var isExpanded = false
        /// Whom it was replaced by.
        var successors: [Int] = []
    }

    private var nodes: [Node] = []
    /// The indexes of each destination.
    private var indexes: [RecipientDestination: [Int]] = [:]

    public init(_ recipients: [some RecipientNode]) {
        nodes.reserveCapacity(recipients.count)
        for (index, recipient) in recipients.enumerated() {
            add(recipient.recipient.destination, of: recipient.parent)
            nodes[index].isExpanded = recipient.isExpanded
            nodes[index].successors = recipient.known
        }
    }

    private mutating func add(_ destination: RecipientDestination, of parent: Int?) {
        let index = nodes.count
        let root = parent.map { nodes[$0].root } ?? index
        nodes.append(Node(destination: destination, parent: parent, root: root))
        indexes[destination, default: []].append(index)
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
            if let other = indexes[child.destination]?.first(where: { !way.contains($0) }) {
                known.insert(other)
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
        nodes[parent].isExpanded = true
        nodes[parent].successors = added.known
        for child in added.children { add(child.destination, of: parent) }
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
