// What the test kit itself could not do, told to the person who reads the test's output.

/// A peer, command or file that a test needs and cannot have.
public struct KitError: Error, Sendable, CustomStringConvertible {
    public let description: String
    public init(_ description: String) { self.description = description }
}
