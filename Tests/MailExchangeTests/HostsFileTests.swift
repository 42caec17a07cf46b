// hosts(5) as this machine has it.

import InternetAddress
import MailExchange
import MailTestKit
import Testing

@Suite("hosts(5)")
struct HostsFileTests {
    private let scratch = ScratchDirectory()

    @Test("SE7: names are found in any case, by all their lines; comments and broken lines count for nothing")
    func names() {
        let file = HostsFile(
            scratch.write(
                "# of the house\n127.0.0.1\tlocalhost\n192.168.1.5  Nas.home.arpa nas # the box\r\nfd00::5 nas.home.arpa.\n"
                    + "192.168.1.5 nas.home.arpa\n300.1.1.1 bad.home.arpa\nnonsense\n0.0.0.0 ads.example\n:: ads.example\n"
                    + "10.0.0.9 # nas9\n10.0.0.8 last.home.arpa", to: "hosts"))
        #expect(file.addresses(of: "nas.HOME.arpa")?.map(\.description) == ["192.168.1.5", "fd00::5"])
        #expect(file.addresses(of: "nas")?.map(\.description) == ["192.168.1.5"])
        #expect(file.addresses(of: "last.home.arpa")?.map(\.description) == ["10.0.0.8"])
        #expect(file.addresses(of: "ads.example")?.isEmpty == true, "named to be blocked")
        for name in ["home.arpa", "bad.home.arpa", "nas9", "#", "", "192.168.1.5"] {
            #expect(file.addresses(of: name) == nil, "\(name)")
        }
        #expect(HostsFile(scratch.file("none")).addresses(of: "nas") == nil)
        #expect(HostsFile(scratch.path).addresses(of: "nas") == nil)
    }
}
