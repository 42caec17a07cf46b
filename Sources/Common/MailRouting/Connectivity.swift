// By which name the hub is connected to the outside, for routes that are tried only then.

/// What is known of the connection when ways are chosen.
public enum Connectivity: Sendable, Hashable {
    /// Nobody says that there is one.
    case offline
    /// There is one of this name, as `online-query` tells.
    case online(String)
    /// Somebody says that there is one of this name, and wants what waits for it carried, and nothing else.
    case announced(String)

    /// Why a route for connections of these names is passed over; `nil` when it is not.
    /// - Parameter names: globs; empty for a route that is tried in any case.
    func refusal(of names: [String]) -> String? {
        let wanted = names.joined(separator: " or ")
        switch self {
        case .offline: return names.isEmpty ? nil : "it is for the connection \(wanted), and the hub is offline"
        case .online(let name):
            guard !names.isEmpty, !names.contains(where: { Glob.matches(name, $0) }) else { return nil }
            return "it is for the connection \(wanted), and the hub is online by \(name)"
        case .announced(let name):
            guard !names.contains(where: { Glob.matches(name, $0) }) else { return nil }
            return "only what is for the connection \(name) is carried now"
        }
    }

    /// Whether mail goes without a route, and into mailboxes.
    public var carriesAll: Bool { if case .announced = self { false } else { true } }
}
