// Which addresses of a host to use, and in which order.

/// The rc's `inet`.
public enum AddressPreference: String, Sendable, Hashable, CaseIterable {
    case any
    case only4 = "4"
    case only6 = "6"
    case prefer4
    case prefer6

    /// Whether an address of `family` may be used at all.
    public func allows(_ family: IPAddress.Family) -> Bool {
        switch self {
        case .any, .prefer4, .prefer6: true
        case .only4: family == .v4
        case .only6: family == .v6
        }
    }

    /// `endpoints` of the allowed families: first all of the preferred one, or, with ``any``, the families in turn,
    /// beginning with that of the first endpoint.
    public func order(_ endpoints: [Endpoint]) -> [Endpoint] {
        let four = endpoints.filter { $0.address.family == .v4 }
        let six = endpoints.filter { $0.address.family == .v6 }
        switch self {
        case .only4: return four
        case .only6: return six
        case .prefer4: return four + six
        case .prefer6: return six + four
        case .any:
            let (first, second) = endpoints.first?.address.family == .v4 ? (four, six) : (six, four)
            var mixed: [Endpoint] = []
            for index in 0..<max(first.count, second.count) {
                if index < first.count { mixed.append(first[index]) }
                if index < second.count { mixed.append(second[index]) }
            }
            return mixed
        }
    }
}
