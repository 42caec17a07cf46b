// Compression on a wire: a layer above TLS.

import DeflateEngine

extension Wire {
    /// Begins to compress in both directions (RFC 4978), once the peer has agreed to it.
    /// - Parameter rest: what came behind its consent, which is compressed already.
    /// - Throws: ``TransportError/deflate(_:)``.
    public func startCompression(with rest: [UInt8]) throws(TransportError) {
        do throws(DeflateError) {
            let connection = try DeflateConnection()
            connection.receive(rest + inbox)
            inbox = []
            layers.add(connection)
            compression = connection
        } catch {
            throw .deflate(error)
        }
        takeFromLayers()
    }

    /// Octets of compressed text that came; `nil` without compression.
    public var compressedCount: Int? { compression?.receivedCount }
}
