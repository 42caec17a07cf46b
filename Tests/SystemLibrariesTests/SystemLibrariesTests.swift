// The C libraries that later rooms stand on: their headers import, they link, and they are as new as we need.

import CGPGME
import CMaxMindDB
import CSSH2
import CUnbound
import Glibc
import Testing

@Suite("The system's libraries")
struct SystemLibrariesTests {
    @Test("gpgme is 1.18 or newer (OpenPGP)")
    func gpgme() { #expect(unsafe gpgme_check_version("1.18.0") != nil) }

    @Test("libssh2 is 1.10 or newer, and makes a session over a transport of ours (SSH hops)")
    func ssh2() throws {
        #expect(unsafe libssh2_version(0x010A00) != nil)
        #expect(libssh2_init(0) == 0)
        let session = unsafe try #require(mh_ssh2_session(nil))
        unsafe mh_ssh2_transport(session, { _, _, _, _, _ in -11 }, { _, _, _, _, _ in -11 })
        unsafe libssh2_session_set_blocking(session, 0)
        // The descriptor is only handed to our callbacks, which have nothing to give.
        let descriptor = unsafe open("/dev/null", O_RDWR | O_CLOEXEC)
        #expect(unsafe libssh2_session_handshake(session, descriptor) == LIBSSH2_ERROR_EAGAIN)
        #expect(unsafe libssh2_session_free(session) == 0)
        close(descriptor)
    }

    @Test("libmaxminddb tells its version (countries)")
    func maxmind() { #expect(unsafe String(cString: MMDB_lib_version()).hasPrefix("1.")) }

    @Test("libunbound tells its version (DNS)")
    func unbound() { #expect(unsafe String(cString: ub_version()).hasPrefix("1.")) }
}
