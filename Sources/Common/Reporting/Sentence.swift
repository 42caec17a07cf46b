// Errors as sentences: what a log, a notice or a person gets to see of any error.

/// What `error` says of itself. An error without words of its own is told by its kind, never as Swift writes values: that
/// would show what is inside it, and means nothing to who must act.
public func sentence(_ error: any Error) -> String {
    (error as? any CustomStringConvertible)?.description ?? "a fault of the kind \(type(of: error)); please report this"
}
