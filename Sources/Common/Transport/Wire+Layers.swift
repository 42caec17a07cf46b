// The layers of a wire at work: engines turn octets into octets, the wire moves them.

import Reporting

extension Wire {
    /// Puts `layer` above those that are there, and waits until its handshake is over.
    /// - Throws: ``TransportError/injected(peer:octets:)`` when octets from below are still waiting to be read; what
    ///   breaks the layer. The wire is of no use after either.
    func add(_ layer: any Layer, until deadline: Deadline) throws(TransportError) {
        guard inbox.isEmpty else {
            let count = inbox.count
            inbox = []
            close()
            throw .injected(peer: facts.peer, octets: count)
        }
        try flush(until: deadline)
        layers.add(layer)
        queueFromLayers()
        sendOutbox()
        while layers.isOpening {
            if outputFault != nil, !inputEnded { receive() }  // the alert says more than a broken pipe
            if let fault = inputFault ?? outputFault { throw outranked(fault) }
            try pump(until: deadline, for: .handshake)
        }
        if let inputFault { throw outranked(inputFault) }
        try flush(until: deadline)
    }

    /// Takes what the layers have for the conversation, as far as there is room; what they still hold is taken after
    /// the next read, before any wait. A fault is kept until the octets that came before it are read.
    func takeFromLayers() {
        layersHoldInput = false
        do throws(TransportError) {
            while true {
                layersHoldInput = inbox.count >= Self.inboxLimit
                if layersHoldInput { break }
                let octets = try layers.takeUpward()
                if octets.isEmpty {
                    inputEnded = inputEnded || layers.hasEnded
                    break
                }
                keep(octets)
            }
        } catch {
            inputEnded = true
            inputFault = error
        }
        queueFromLayers()
        guard inputFault != nil, outputFault == nil else { return }
        sendOutbox()  // the alert that tells the peer
        outputFault = inputFault
    }

    /// Moves what the layers have to send into the outbox.
    func queueFromLayers() {
        layers.drain { queueRaw($0) }
    }

    /// Tells the other ends of the layers, after all that was written, that no more will come.
    func endLayers() {
        layers.shutDown { queueRaw($0) }
    }
}
