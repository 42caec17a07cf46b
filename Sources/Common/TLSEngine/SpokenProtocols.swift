// Which application protocol a server speaks, asked by ALPN (RFC 7301).

internal import COpenSSL

/// The ALPN names of what a server speaks. A client's list must hold one of them: a browser led to a mail server's port
/// would otherwise take the answers for those of its web site.
final class SpokenProtocols: Sendable {
    private let names: [[UInt8]]

    init(_ names: [String]) { self.names = names.map { Array($0.utf8) } }

    var isEmpty: Bool { names.isEmpty }

    /// `ProtocolName protocol_name_list<2..2^16-1>`, each `opaque ProtocolName<1..2^8-1>` (RFC 7301 §3.1).
    /// - Returns: where in `list` the first name stands that is spoken here; `nil` when there is none.
    func firstSpoken(in list: Span<UInt8>) -> Range<Int>? {
        var at = 0
        while at < list.count {
            let name = at + 1..<at + 1 + Int(list[at])
            guard name.upperBound <= list.count else { return nil }
            if names.contains(where: { own in
                own.count == name.count && own.indices.allSatisfy { own[$0] == list[name.lowerBound + $0] }
            }) {
                return name
            }
            at = name.upperBound
        }
        return nil
    }
}

/// OpenSSL asks which of the protocols that a client offers is to be spoken; it does not ask where none is offered.
func chooseProtocol(
    _ connection: OpaquePointer?, _ chosen: UnsafeMutablePointer<UnsafePointer<UInt8>?>?,
    _ length: UnsafeMutablePointer<UInt8>?, _ offered: UnsafePointer<UInt8>?, _ count: CUnsignedInt,
    _ argument: UnsafeMutableRawPointer?
) -> CInt {
    guard let argument = unsafe argument, let chosen = unsafe chosen, let length = unsafe length,
        let offered = unsafe offered
    else { return SSL_TLSEXT_ERR_ALERT_FATAL }
    let spoken = unsafe Unmanaged<SpokenProtocols>.fromOpaque(argument).takeUnretainedValue()
    let list = unsafe UnsafeBufferPointer(start: offered, count: Int(count))
    guard let name = unsafe spoken.firstSpoken(in: list.span) else { return SSL_TLSEXT_ERR_ALERT_FATAL }
    unsafe chosen.pointee = offered + name.lowerBound
    unsafe length.pointee = UInt8(name.count)
    return SSL_TLSEXT_ERR_OK
}
