// TLS in front of a test server without TLS: a small Python program, so that no TLS code of ours tests itself.

import Glibc

/// Accepts TLS on a port of its own, and passes the octets to and from another port.
public final class TLSFront: Sendable {
    public let port: UInt16
    private let server: ServerProcess
    private let scratch: ScratchDirectory

    public init(to plainPort: UInt16, with certificate: TestCertificate) throws(KitError) {
        scratch = ScratchDirectory()
        port = try Loopback.freePort()
        let script = scratch.write(Self.script, to: "front.py")
        server = try ServerProcess(
            [
                try Peers.root(of: .python3), script, "\(port)", "\(plainPort)",
                certificate.certificatePath,
                certificate.keyPath,
            ],
            logs: [scratch.file("front.log")])
        try server.waitForPorts([port])
    }

    public var logs: String { server.logs }

    private static let script = """
        import asyncio, ssl, sys

        async def pump(reader, writer):
            while octets := await reader.read(65536):
                writer.write(octets)
                await writer.drain()

        async def serve(outer_reader, outer_writer):
            try:
                inner_reader, inner_writer = await asyncio.open_connection("127.0.0.1", int(sys.argv[2]))
                ways = [asyncio.create_task(pump(outer_reader, inner_writer)),
                        asyncio.create_task(pump(inner_reader, outer_writer))]
                done, left = await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
                for way in left:
                    way.cancel()
                for way in done:
                    way.result()
                outer_writer.close()
            except OSError as error:
                print(error, flush=True)
                outer_writer.transport.abort()
            finally:
                inner_writer.close()

        async def main():
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(sys.argv[3], sys.argv[4])
            server = await asyncio.start_server(serve, "127.0.0.1", int(sys.argv[1]), ssl=context)
            async with server:
                await server.serve_forever()

        asyncio.run(main())

        """
}
