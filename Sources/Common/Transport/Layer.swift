// Layers between the octets of a descriptor and those of the conversation: TLS, and TLS within a proxy's TLS.

import DeflateEngine
import TLSEngine

/// A filter on a wire, as an engine: octets from below become octets upward, and octets from above octets downward. It
/// knows no descriptor and no clock.
///
/// It is asked for each piece and holds back the rest, lest one that makes much out of little fill the memory.
protocol Layer: AnyObject {
    /// Whether its handshake with the other end is not over yet; what is sent meanwhile waits.
    var isOpening: Bool { get }
    /// Whether its other end has closed it in order, and all before that was taken.
    var hasEnded: Bool { get }

    /// Takes octets from below.
    func receive(_ octets: [UInt8])
    /// Nothing more comes from below.
    func endOfInput()
    /// The next piece for above; empty when more must come from below first.
    /// - Throws: why the layer is broken, after all good octets.
    func takeUpward() throws(TransportError) -> [UInt8]

    /// Takes octets from above.
    func send(_ octets: [UInt8])
    /// The next piece for below; empty when there is nothing to send now.
    func takeDownward() -> [UInt8]
    /// Nothing more comes from above: tells the other end, after what was sent.
    func shutDown()
}

extension TLSConnection: Layer {
    var isOpening: Bool { state == .handshaking }
    var hasEnded: Bool { state == .closed }

    func takeUpward() throws(TransportError) -> [UInt8] {
        do throws(TLSError) { return try takePlaintext() } catch { throw .tls(error) }
    }

    func takeDownward() -> [UInt8] { takeCiphertext() }
}

extension DeflateConnection: Layer {
    var isOpening: Bool { false }

    func takeUpward() throws(TransportError) -> [UInt8] {
        do throws(DeflateError) { return try takePlain() } catch { throw .deflate(error) }
    }

    func takeDownward() -> [UInt8] { takeCompressed() }

    /// DEFLATE has an end of its own, which nobody waits for: the connection ends.
    func shutDown() {}
}

/// The layers of one wire, the lowest first. Moves octets between them; never waits.
struct LayerStack {
    private var layers: [any Layer] = []
    private var isShutDown = false

    var isEmpty: Bool { layers.isEmpty }
    /// Whether the handshake of the uppermost layer is not over yet.
    var isOpening: Bool { layers.last?.isOpening == true }
    /// Whether no more can come up.
    var hasEnded: Bool { layers.contains { $0.hasEnded } }

    /// Puts `layer` above all others.
    mutating func add(_ layer: any Layer) { layers.append(layer) }

    /// Takes octets from the descriptor.
    func receive(_ octets: [UInt8]) { layers.first?.receive(octets) }

    /// The descriptor has ended.
    func endOfInput() { layers.first?.endOfInput() }

    /// The next octets for the conversation; empty when more must come from the descriptor first.
    /// - Throws: why a layer is broken, after all good octets.
    func takeUpward() throws(TransportError) -> [UInt8] { try take(from: layers.count - 1) }

    private func take(from index: Int) throws(TransportError) -> [UInt8] {
        guard index >= 0 else { return [] }
        while true {
            let octets = try layers[index].takeUpward()
            if !octets.isEmpty || index == 0 { return octets }
            let below = try take(from: index - 1)
            if below.isEmpty {
                guard layers[index - 1].hasEnded else { return [] }
                layers[index].endOfInput()
                return try layers[index].takeUpward()
            }
            layers[index].receive(below)
        }
    }

    /// Takes octets of the conversation.
    func send(_ octets: [UInt8]) { layers.last?.send(octets) }

    /// Hands what the layers have to send to `descriptor`.
    func drain(into descriptor: ([UInt8]) -> Void) {
        for index in layers.indices.reversed() { drain(index, into: descriptor) }
    }

    private func drain(_ index: Int, into descriptor: ([UInt8]) -> Void) {
        while true {
            let octets = layers[index].takeDownward()
            if octets.isEmpty { return }
            if index == 0 { descriptor(octets) } else if !isShutDown { layers[index - 1].send(octets) }
        }
    }

    /// Nothing more comes from the conversation: each layer tells its other end, the uppermost first.
    mutating func shutDown(into descriptor: ([UInt8]) -> Void) {
        guard !isShutDown else { return }
        for index in layers.indices.reversed() {
            if !layers[index].isOpening { layers[index].shutDown() }
            drain(index, into: descriptor)
        }
        isShutDown = true  // what a layer may still have to send finds the one below it closed
    }
}
