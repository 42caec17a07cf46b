// A conversation as a value: octets in, events out. Knows no socket, no clock, no file.

/// One side of a protocol conversation, a pure value.
///
/// A shell feeds `receive` with whatever the network brought, drains `nextEvent` until it is `nil`, and puts the octets
/// that `send` returns on the wire. Where the network cuts the octets never changes the events.
public protocol Engine {
    associatedtype Event
    associatedtype Command
    associatedtype Failure: Error

    /// Takes octets from the peer: an array, since iterating a generic sequence across a module boundary is slow.
    mutating func receive(_ octets: [UInt8])
    /// The next event, or `nil` until more octets arrive.
    /// - Throws: ``Failure`` when the octets break the protocol or a limit.
    mutating func nextEvent() throws(Failure) -> Event?
    /// The octets of `command` on the wire.
    mutating func send(_ command: Command) -> [UInt8]
    /// Where a secret stands in the octets that ``send(_:)`` returned last: a password or a SASL response, which no
    /// transcript may show. Empty when there is none.
    var secret: Range<Int> { get }
}
