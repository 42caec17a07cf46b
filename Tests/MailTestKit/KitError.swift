// The error of the test kit, for the person who reads the test's output.

/// Why a test cannot have a peer, command or file that it needs.
public struct KitError: Error, Sendable, CustomStringConvertible {
    public let description: String
    public init(_ description: String) { self.description = description }
}
