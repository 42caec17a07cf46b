// A setting: what the rc says of it, and what is in force.

/// A value that a line of the rc may say. One that no line says has its default, or follows from other lines; what is
/// in force never passes for what was said.
///
/// To assign the property is to say it, as a line does.
///
/// The conformances, and not the type, demand that the value be Hashable: else each word's key path would look the
/// conformance up when a command starts, 15 us a time.
@propertyWrapper
public struct Setting<Value: Sendable>: Sendable {
    /// What the lines say, just as they say it; `nil` when none does.
    public private(set) var said: Value?
    /// What counts: what was said, completed, or else the default.
    public internal(set) var inForce: Value

    /// - Parameter wrappedValue: the default.
    public init(wrappedValue: Value) { inForce = wrappedValue }

    public var wrappedValue: Value {
        get { inForce }
        set {
            said = newValue
            inForce = newValue
        }
    }

    public var projectedValue: Self {
        get { self }
        set { self = newValue }
    }
}

extension Setting: Equatable where Value: Equatable {
    /// Two settings are equal when the same is in force, whoever said it: an rc that says its defaults equals one that
    /// leaves them out.
    public static func == (one: Self, other: Self) -> Bool { one.inForce == other.inForce }
}

extension Setting: Hashable where Value: Hashable {
    public func hash(into hasher: inout Hasher) { hasher.combine(inForce) }
}
