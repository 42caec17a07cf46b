// Where the fetch state of each account lives: `<state>/fetch/<account>`.

import DurableFiles

enum StateFolder {
    private static let name = "fetch"

    /// The folder of `account`, made if missing.
    static func open(_ state: String, account: String) throws -> Directory {
        let root = try Directory(path: state, making: 0o700)
        if let kind = try root.networkFileSystem() { throw FetchError.networkFileSystem(path: state, kind: kind) }
        return try root.directory(name, making: 0o700).directory(account, making: 0o700)
    }

    /// The folder of `account`, for looking only; `nil` when nothing was ever fetched.
    static func look(_ state: String, account: String) throws -> Directory? {
        do throws(DurableError) {
            return try Directory(path: state).directory(name).directory(account)
        } catch  where error.isMissing {
            return nil
        }
    }
}
