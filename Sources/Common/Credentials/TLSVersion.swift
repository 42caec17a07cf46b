// The versions of TLS that are spoken.

/// A version of TLS, as people write it. None below 1.2 is spoken (RFC 8996).
public enum TLSVersion: String, Sendable, Hashable, CaseIterable {
    case v12 = "1.2"
    case v13 = "1.3"
}
