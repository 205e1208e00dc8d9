import Testing

@testable import MiniTasks

@Suite("The words of the task language")
struct VocabularyTests {
  @Test("each word is one token, and there are 512")
  func words() throws {
    #expect(TaskVocabulary.count == 512)
    #expect(Set(TaskWords.all).count == 512)
    for token in 0..<512 {
      #expect(try TaskVocabulary.encode(TaskVocabulary.text(of: [token])) == [token])
    }
  }

  @Test("trained models rely on the order of the words")
  func order() {
    #expect(TaskVocabulary.newline == 0)
    #expect(TaskVocabulary.stop == 16)
    #expect(TaskVocabulary.number(1) == 45 && TaskVocabulary.number(256) == 300)
    #expect(TaskVocabulary.names.first == 301 && TaskVocabulary.filler.last == 511)
  }

  @Test("text and tokens are exact inverses")
  func roundTrip() throws {
    let mixture = try TaskMixture(lengths: 96...700)
    for seed in 0..<40 {
      let document = mixture.document(.training(UInt32(seed)))
      let text = try TaskVocabulary.text(of: document.tokens)
      #expect(try TaskVocabulary.encode(text) == document.tokens)
    }
    let text = "\n\nat 37 lantern \n\nstop "
    #expect(try TaskVocabulary.text(of: TaskVocabulary.encode(text)) == text)
  }

  @Test(
    "what is not written in the language is refused",
    arguments: ["at 37 zebra ", "at  37 ", " at ", "at", "at 0 ", "at 257 ", "At "])
  func refused(text: String) {
    #expect(throws: TaskError.self) { try TaskVocabulary.encode("list \n" + text) }
  }

  @Test("messages say what is wrong, and where")
  func messages() {
    #expect(throws: TaskError.unknownWord("zebra", line: 2)) {
      try TaskVocabulary.encode("at 37 lamp \nat zebra lamp ")
    }
    #expect(throws: TaskError.unfinishedWord("lamp", line: 1)) {
      try TaskVocabulary.encode("at 37 lamp\n")
    }
    #expect(throws: TaskError.unknownToken(512)) { try TaskVocabulary.text(of: [0, 512]) }
    #expect(
      TaskError.unknownToken(512).description
        == "512 is no token of the task language; its tokens are 0...511")
  }
}
