// The texts of notices and letters that the rc asks for.

import Reporting

extension HubSettings {
    /// The texts of notices and letters, and why those of the site's own are not among them, if they are not: a notice in
    /// other words is better than none.
    public var noticeTexts: (texts: NoticeTexts, fault: String?) {
        let base = noticeLanguage.texts
        guard let path = noticeTextsFile else { return (base, nil) }
        do throws(TrustedFileError) {
            let file = try SourceFile.trusted(path, atMost: NoticeTexts.sizeLimit)
            do throws(NoticeTexts.Fault) {
                return (try NoticeTexts(reading: file.octets, over: base), nil)
            } catch {
                return (base, "\(path):\(error.line): \(error)")
            }
        } catch {
            return (base, "\(path): \(error)")
        }
    }
}
