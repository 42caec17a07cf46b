// How much mail a route may carry in a time.

/// At most so many recipients in any stretch of time of that length.
public struct RateLimit: Sendable, Hashable {
    public var count: Int
    /// The length, in seconds.
    public var seconds: Int

    /// - Parameters:
    ///   - count: at least 1.
    ///   - seconds: at least 1.
    public init(_ count: Int, in seconds: Int) {
        self.count = max(1, count)
        self.seconds = max(1, seconds)
    }
}
