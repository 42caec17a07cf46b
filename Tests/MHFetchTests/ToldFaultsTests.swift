// What a command that stays tells once.

import Testing

@testable import mhfetch

struct ToldFaultsTests {
    @Test("the same fault of an account is told once, another one again, and that it is well once")
    func once() {
        let told = ToldFaults()
        #expect(!told.noteWell("a"))
        #expect(told.isNews("down", of: "a") && !told.isNews("down", of: "a"))
        #expect(told.isNews("down", of: "b") && told.isNews("refused", of: "a") && !told.isNews("down", of: "a"))
        #expect(told.noteWell("a") && !told.noteWell("a") && !told.isNews("down", of: "b"))
        #expect(told.isNews("down", of: "a"))
    }
}
