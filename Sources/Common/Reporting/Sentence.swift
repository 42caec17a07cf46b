// Errors as sentences: what a log, a notice or a person gets to see of any error.

/// The description of `error`. An error without one is named by its type, never as Swift writes values: that would show
/// what is inside it, and means nothing to the person who must act.
public func sentence(_ error: any Error) -> String {
    (error as? any CustomStringConvertible)?.description ?? "a fault of the kind \(type(of: error)); please report this"
}
