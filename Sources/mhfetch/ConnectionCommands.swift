// The commands of the rc around a connection for fetching.

import Blocking
import Programs
import RunControl

/// `preconnect` and `postconnect` of an account.
struct ConnectionCommands {
    /// How long each may take.
    private static let limit = Duration.seconds(60)

    let account: AccountSettings

    func before() throws(FetchError) { try call(account.preconnect, as: "preconnect", outlivesStop: false) }

    /// Takes down what the other has set up, however the session went.
    func after() throws(FetchError) { try call(account.postconnect, as: "postconnect", outlivesStop: true) }

    /// - Parameter outlivesStop: whether it is begun, and left to run on, when we are told to stop.
    private func call(_ argv: [String], as word: String, outlivesStop: Bool) throws(FetchError) {
        guard !argv.isEmpty else { return }
        var program = Program(argv: argv, deadline: Deadline(after: Self.limit), outputLimit: 0)
        program.isLeftAtStop = outlivesStop
        do throws(ProgramError) { try program.run().requireSuccess(of: argv[0]) } catch {
            throw .command(word, error)
        }
    }
}
