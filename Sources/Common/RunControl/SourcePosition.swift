// Where in the rc something stands.

/// `file:line:column`, both counted from 1, columns in characters.
///
/// Where a line stands is no part of what it says: all positions compare equal, so that two rc files with one meaning
/// make equal settings.
public struct SourcePosition: Sendable, Hashable, CustomStringConvertible {
    public let file: String
    public let line: Int
    public let column: Int

    public init(file: String, line: Int, column: Int) {
        self.file = file
        self.line = line
        self.column = column
    }

    /// The position of what a program has made, and no rc holds.
    public static let nowhere = SourcePosition(file: "", line: 0, column: 0)

    public var description: String { "\(file):\(line):\(column)" }

    public static func == (_: SourcePosition, _: SourcePosition) -> Bool { true }
    public func hash(into _: inout Hasher) {}

    /// The order of a listing.
    func precedes(_ other: SourcePosition) -> Bool { (line, column) < (other.line, other.column) }
}

/// Where the words of a block stand. Like a ``SourcePosition``, no part of what the block says.
public struct SourcePositions: Sendable, Hashable {
    private var byWord: [String: SourcePosition] = [:]

    /// The position of a word as people write it, or of the one given in a group of words that exclude each other
    /// (`secret`, `verifier`).
    public subscript(word: String) -> SourcePosition? {
        get { byWord[Word.key(word)] }
        set { byWord[Word.key(word)] = newValue }
    }

    public static func == (_: SourcePositions, _: SourcePositions) -> Bool { true }
    public func hash(into _: inout Hasher) {}
}
