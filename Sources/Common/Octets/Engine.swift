// A conversation as a value: octets in, events out. Knows no socket, no clock, no file.

/// One side of a protocol conversation (STYLE: engines are pure values).
///
/// A shell feeds `receive` with whatever the network brought, drains `nextEvent` until it is `nil`, and puts the octets
/// that `send` returns on the wire. Where the network cuts the octets never changes the events.
public protocol Engine {
    associatedtype Event
    associatedtype Command
    associatedtype Failure: Error

    /// Takes octets from the peer, contiguous (never looped singly over a module wall).
    mutating func receive(_ octets: [UInt8])
    /// The next event, or `nil` until more octets arrive.
    mutating func nextEvent() throws(Failure) -> Event?
    /// The octets that say `command` on the wire.
    mutating func send(_ command: Command) -> [UInt8]
    /// Where in the octets that ``send(_:)`` gave last a secret stands, which no transcript may show: a password, a SASL
    /// response. Empty when there is none.
    var secret: Range<Int> { get }
}
