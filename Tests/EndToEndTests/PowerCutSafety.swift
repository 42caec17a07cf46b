// What every test of power cuts asks: all of them, and each with one synchronization thought away.

import MailTestKit
import Testing

/// Expects that no power cut leads to a fault, and that each synchronization is needed for that: thought away, one of them
/// does. So the checks are known to notice, and no wait for the disk is in vain.
/// - Parameters:
///   - turningPoints: events of the log that change what `faults` asks for.
///   - spare: paths whose loss costs no mail, so that no fault tells of it.
///   - start: the first event whose synchronizations are looked at: those before it are of folders that are made.
///   - faults: what is wrong after this power cut.
func expectSafety(
    of log: DiskLog, turningPoints: [Int], spare: Set<String> = [], from start: Int = 0,
    sourceLocation: SourceLocation = #_sourceLocation,
    faults: (PowerCut) throws -> [String]
) throws {
    for cut in log.powerCuts(turningPoints: turningPoints) {
        let found = try faults(cut)
        #expect(found.isEmpty, "\(cut) of \(log.count): \(found)", sourceLocation: sourceLocation)
    }
    for synchronization in log.synchronizations
    where synchronization.event >= start && !spare.contains(synchronization.path) {
        let isNoticed = log.powerCuts(turningPoints: turningPoints, without: synchronization).contains { cut in
            // A hub so broken that it cannot be asked is a fault as well.
            do { return try !faults(cut).isEmpty } catch { return true }
        }
        #expect(
            isNoticed, "nothing would tell if \(synchronization) of \(log.count) were left out:\n\(log.listing)",
            sourceLocation: sourceLocation)
    }
}
