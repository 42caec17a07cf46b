// The words of an envelope: read, written, and what is none of them.

import MailFormat
import Testing

@testable import MailEnvelope

struct EnvelopeTests {
    @Test(
        "what is no status code is none",
        arguments: ["5.1", "5.1.1.1", "3.1.1", "5.1.", "5.1111.1", "05.1.1", "", "a.b.c"])
    func badStatus(text: String) {
        #expect(EnhancedStatus(parsing: text.utf8) == nil)
    }

    @Test("bare postmaster is a forward-path of its own, whatever its case, and no other bare name is")
    func postmaster() throws {
        #expect(ForwardPath(try Address("PostMaster")) == .postmaster)
        #expect(ForwardPath.postmaster.description == "<postmaster>")
        #expect(ForwardPath(try Address("root")) == .address(try Address("root")))
        #expect(ForwardPath(try Address("postmaster@x.example")).description == "<postmaster@x.example>")
    }

    @Test(
        "NOTIFY goes round",
        arguments: [
            ("NEVER", Notify.never), ("success", .on(.success)), ("FAILURE,Delay", .on([.failure, .delay])),
            ("SUCCESS,FAILURE,DELAY", .on([.success, .failure, .delay])), ("DELAY,DELAY", .on(.delay)),
        ])
    func notify(_ text: String, _ notify: Notify) throws {
        #expect(Notify(parsing: text.utf8) == notify)
        #expect(Notify(parsing: try #require(notify.value).utf8) == notify)
    }

    @Test("what is no NOTIFY is none", arguments: ["", ",", "NEVER,DELAY", "SUCCESS,", "SUCCESS DELAY", "ALWAYS"])
    func badNotify(_ text: String) {
        #expect(Notify(parsing: text.utf8) == nil)
    }

    @Test("nothing said means failures and delays; never means none; what is named is meant")
    func wanted() {
        let all: [Notify.Conditions] = [.success, .failure, .delay]
        #expect(all.map(Notify.unspecified.wants) == [false, true, true] && Notify.unspecified.value == nil)
        #expect(all.map(Notify.never.wants) == [false, false, false])
        #expect(all.map(Notify.on(.success).wants) == [true, false, false])
        #expect(all.map(Notify.on([.failure, .delay]).wants) == [false, true, true])
    }

    @Test("an original recipient goes round, and holds nothing that ends a line")
    func originalRecipient() throws {
        let original = try #require(OriginalRecipient("utf-8;pelé <x>;y@z"))
        #expect(original.type == "utf-8" && original.address == "pelé <x>;y@z")
        #expect(OriginalRecipient(original.description) == original)
        for bad in ["", ";", "rfc822;", ";x", "rfc 822;x", "rfc822;a\nb", "rfc822", "é;x"] {
            #expect(OriginalRecipient(bad) == nil, "\(bad)")
        }
    }
}
