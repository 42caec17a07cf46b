// TLS on a wire: the engine turns octets into octets, the wire moves them.

import Reporting
import TLSEngine

extension Wire {
    /// Starts TLS as the client: at once for a TLS port, or behind the peer's consent to STARTTLS.
    /// - Parameters:
    ///   - context: made by `TLSContext.client(trust:)`.
    ///   - name: the host that the certificate must be for.
    /// - Throws: ``TransportError/injected(peer:octets:)`` when clear text is still waiting to be read: somebody put it
    ///   there to have it taken for text under TLS (RFC 3207 §6). ``TransportError/tls(_:)`` when the handshake fails. The
    ///   wire is of no use after either.
    public func startTLS(context: TLSContext, name: String, until deadline: Deadline) throws(TransportError) {
        try handshake(until: deadline) { () throws(TLSError) in try TLSConnection(client: context, to: name) }
    }

    /// Starts TLS as the server; as ``startTLS(context:name:until:)`` otherwise.
    public func acceptTLS(context: TLSContext, until deadline: Deadline) throws(TransportError) {
        let peer = facts.peer
        try handshake(until: deadline) { () throws(TLSError) in try TLSConnection(server: context, from: peer) }
    }

    private func handshake(
        until deadline: Deadline, with make: () throws(TLSError) -> TLSConnection
    ) throws(TransportError) {
        precondition(tls == nil, "TLS within TLS takes a wire of its own")
        guard inbox.isEmpty else {
            let count = inbox.count
            inbox = []
            close()
            throw .injected(peer: facts.peer, octets: count)
        }
        try flush(until: deadline)
        let connection: TLSConnection
        do throws(TLSError) { connection = try make() } catch { throw .tls(error) }
        tls = connection
        queueCiphertext()
        sendOutbox()
        while connection.state == .handshaking {
            if outputFault != nil, !inputEnded { receive() }  // the alert says more than a broken pipe
            if let fault = inputFault ?? outputFault { throw outranked(fault) }
            try pump(until: deadline, for: .handshake)
        }
        if let inputFault { throw outranked(inputFault) }
        facts.tls = connection.facts
        try flush(until: deadline)
    }

    /// Decrypts what arrived. A fault is kept behind the octets that came before it.
    func absorbCiphertext(_ octets: [UInt8]) {
        tls?.receive(octets)
        takePlaintext()
    }

    /// The descriptor has ended: without the peer's close_notify that is a fault (RFC 8446 §6.1).
    func absorbEndOfCiphertext() {
        tls?.endOfInput()
        takePlaintext()
    }

    private func takePlaintext() {
        guard let tls else { return }
        do throws(TLSError) {
            try tls.advance()
            while true {
                let plaintext = try tls.takePlaintext()
                if plaintext.isEmpty { break }
                inbox.append(contentsOf: plaintext)
            }
        } catch {
            inputEnded = true
            inputFault = .tls(error)
        }
        if tls.state == .closed { inputEnded = true }
        queueCiphertext()
        guard inputFault != nil, outputFault == nil else { return }
        sendOutbox()  // the alert that tells the peer
        outputFault = inputFault
    }

    /// Encrypts `octets` into what is to be sent.
    func queuePlaintext(_ octets: [UInt8]) {
        tls?.send(octets)
        queueCiphertext()
    }

    /// Moves what the engine wants to say to what is to be sent.
    private func queueCiphertext() {
        guard let tls else { return }
        while true {
            let ciphertext = tls.takeCiphertext()
            if ciphertext.isEmpty { return }
            queueRaw(ciphertext)
        }
    }

    /// Says close_notify behind all that was written.
    func closeTLS() {
        guard let tls, tls.state == .established || tls.state == .closed else { return }
        tls.shutDown()
        queueCiphertext()
    }
}
