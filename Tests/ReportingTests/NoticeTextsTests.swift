// The texts of notices: the languages, and a site's own.

import Reporting
import Testing

@Suite("The texts of notices")
struct NoticeTextsTests {
    private static let parts: [(name: String, path: KeyPath<NoticeTexts, NoticeTexts.Wording> & Sendable)] = [
        ("failure", \.failure), ("delay", \.delay), ("success", \.success), ("held", \.held), ("account", \.account),
        ("offline", \.offline), ("drop", \.drop), ("aliases", \.aliases), ("unowned", \.unowned), ("alert", \.alert),
    ]

    /// The names in braces.
    private func names(in text: String) -> Set<String> {
        Set(text.matches(of: /\{([^}]*)\}/).map { String($0.1) })
    }

    @Test(
        "SE11: each language has all texts, with what is filled in, in lines of mail",
        arguments: NoticeLanguage.allCases)
    func languages(language: NoticeLanguage) throws {
        let (texts, tag) = (language.texts, language.rawValue)
        #expect(texts.language == tag)
        for (name, path) in Self.parts {
            let (own, english) = (texts[keyPath: path], NoticeTexts.english[keyPath: path])
            #expect(names(in: own.body).isSuperset(of: names(in: english.body)), "\(tag) \(name)")
            #expect(names(in: own.subject) == names(in: english.subject), "\(tag) \(name)")
            #expect(own.body.split(separator: "\n").allSatisfy { $0.count <= 76 }, "\(tag) \(name)")
            // What a site may write is what the hub's own texts are made of.
            let again = try NoticeTexts(
                reading: Array("[\(name)]\nsubject: \(own.subject)\n\n\(own.body)\n".utf8), over: .english)
            #expect(again[keyPath: path] == own, "\(tag) \(name)")
        }
        #expect(names(in: texts.saying) == ["host"])
    }

    @Test("SE11: a site's own texts take the place of those that they name, and no others")
    func own() throws {
        let texts = try NoticeTexts(
            reading: Array(
                """
                # ours
                language: en-GB

                [delay]
                Subject: Patience: {subject}

                Dear sender,
                  it waits for {recipients}
                # not a comment

                [words]
                silence: Nobody knows.
                saying: {host} has said:

                """.utf8), over: .english)
        #expect(texts.language == "en-GB" && texts.failure == NoticeTexts.english.failure)
        #expect(
            texts.delay
                == .init(
                    subject: "Patience: {subject}", body: "Dear sender,\n  it waits for {recipients}\n# not a comment"))
        #expect(texts.silence == "Nobody knows." && texts.saying == "{host} has said:")
        #expect(texts.unknownDate == NoticeTexts.english.unknownDate)
    }

    @Test(
        "SE11: a mistake is told with its line",
        arguments: [
            ("[failur]\n", 1, "there is no text"), ("x\n", 1, "language"), ("[delay]\nx\n", 2, "begins with"),
            ("[delay]\nsubject: a\n\n{who}\n", 4, "{who} stands for nothing"), ("[delay]\nsubject: a\n", 1, "no body"),
            ("[delay]\n", 1, "lacks"),
            ("[delay]\nsubject: a\n\n\n\n[words]\n", 1, "no body"), ("[words]\nsay: x\n", 2, "there are the words"),
            ("[words]\nsilence: {host}\n", 2, "there are none"), ("language: a b\n", 1, "language"),
            ("[delay]\nsubject: a\u{7}\n", 2, "control"),
        ])
    func faults(_ text: String, _ line: Int, _ words: String) throws {
        let fault = try #require(throws: NoticeTexts.Fault.self) {
            try NoticeTexts(reading: Array(text.utf8), over: .english)
        }
        #expect(fault.line == line && "\(fault)".contains(words), "\(fault)")
    }
}
