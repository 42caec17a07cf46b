// How long a refused login is left alone, and what is kept of it.

import Testing

@testable import DurableFiles
@testable import LoginLedger

@Suite("The state of a login")
struct LoginStateTests {
    private static let start = 1_800_000_000

    /// Refused `count` times, each time as soon as it may be tried again.
    private func refused(_ count: Int, stamp: String = "a") -> LoginState {
        var state = LoginState()
        for _ in 0..<count { state.noteRefusal("no", stamp: stamp, at: max(Self.start, state.next)) }
        return state
    }

    @Test(
        "is tried twice more at once, then after 15 minutes, one hour, four hours, and daily",
        arguments: [(1, 0), (2, 0), (3, 900), (4, 3600), (5, 14_400), (6, 86_400), (7, 86_400), (40, 86_400)])
    func pauses(refusals: Int, seconds: Int) {
        let state = refused(refusals)
        #expect(state.next - state.last == seconds)
        let pause = state.pause(at: state.last + max(0, seconds - 1), stamp: "a")
        #expect(pause == (seconds > 0 ? state.next : nil))
        #expect(state.pause(at: state.next, stamp: "a") == nil)
    }

    @Test("is tried at once when the rc or the secret's file has changed, and counts anew from then on")
    func mended() {
        var state = refused(5)
        #expect(state.pause(at: state.last, stamp: "b") == nil)
        state.noteRefusal("still no", stamp: "b", at: state.last)
        #expect(state.refusals == 1 && state.pause(at: state.last, stamp: "b") == nil)
        // Still the same episode.
        #expect(state.since == Self.start && state.words == "still no")
    }

    @Test("is well again with the first login that is accepted, and keeps what it went by")
    func accepted() {
        var state = refused(6)
        state.strongest = "SCRAM-SHA-256"
        state.noteAcceptance()
        var fresh = LoginState()
        fresh.strongest = "SCRAM-SHA-256"
        #expect(state == fresh && !state.isRefused)
    }

    @Test("is not put off for years by a clock that was wrong")
    func clock() {
        let state = refused(6)
        #expect(state.pause(at: state.next - 86_400, stamp: "a") != nil)
        #expect(state.pause(at: state.next - 86_401, stamp: "a") == nil)
        var later = refused(1)
        later.noteRefusal("no", stamp: "a", at: 1_700_000_000)
        #expect(later.since == 1_700_000_000)
    }

    @Test("comes back from disk as it was, whatever the server's words")
    func disk() throws {
        for words in ["", "no", "-", "a b\r\nrefused 9", "ä\u{0}\u{7F}+=,:"] {
            var state = refused(3, stamp: "01ab")
            state.words = words
            (state.strongest, state.toldOf) = ("SCRAM-SHA-256-PLUS", "PLAIN")
            #expect(LoginState(state.octets) == state)
        }
        #expect(LoginState(LoginState().octets) == LoginState())
        for bad in [
            "", "mailhub-login 2\n", "mailhub-hop 1\n", "mailhub-login 1\nsince x\n", "mailhub-login 1\nwhat 1\n",
        ] {
            #expect(LoginState(Array(bad.utf8)) == nil, "\(bad)")
        }
    }
}
