import Testing

@testable import LongTasks

/// Values that a comment calls published were computed with the Python code of LongBench.
@Suite("Metrics without a judge")
struct MetricTests {
  @Test("match references as parts of the response, in any case")
  func matches() {
    let references = ["lamp", "12", "13"]
    #expect(AnswerMetric.matchAll.score("The LAMP is 12", references: references) == 2.0 / 3)
    #expect(AnswerMetric.matchAny.score("The LAMP is 12", references: references) == 1)
    #expect(AnswerMetric.matchAny.score("nothing", references: references) == 0)
    #expect(AnswerMetric.matchAll.score("anything", references: []) == 0)
    // A letter with an accent is another letter than its parts, as in Python.
    #expect(AnswerMetric.matchAll.score("caf\u{65}\u{301}", references: ["caf\u{e9}"]) == 0)
  }

  @Test("exact ignores case, punctuation, articles and spaces")
  func exact() {
    #expect(AnswerMetric.exact.score(" The  Cat!", references: ["dog", "cat"]) == 1)
    #expect(AnswerMetric.exact.score("the cat sat", references: ["cat"]) == 0)
  }

  // Published.
  @Test(
    "F1 of shared words",
    arguments: [
      ("The cat, sat on a mat!", "A cat sat.", 2.0 / 3), ("an “the” end", "End", 0.5),
      ("", "x", 0), ("the", "a", 0), ("one two", "two one", 1),
    ])
  func f1(response: String, reference: String, value: Double) {
    #expect(abs(AnswerMetric.f1.score(response, references: [reference]) - value) < 1e-12)
  }

  // Published.
  @Test(
    "ROUGE-L as the package computes it",
    arguments: [
      (
        "the cat sat on the mat. it was warm.", "the cat lay on the mat. the day was warm.",
        0.749999995
      ),
      ("a b c d e", "a c b d e", 0.7999999950000002),
      ("Hello world.\n", "hello world", 0.39999999520000007), ("x", "x", 0.999999995),
      ("a b. c d e. b a", "e d. a b c", 0.7999999950000002), ("", "", 0), (".", "a", 0),
      ("a b. ", "a b.", 0.7999999952000001),
      (
        "one two three four. five six. one seven", "six five four. three two one. seven one two",
        0.5714285664285715
      ),
    ])
  func rouge(response: String, reference: String, value: Double) {
    #expect(abs(AnswerMetric.rougeL.score(response, references: [reference]) - value) < 1e-12)
  }

  @Test("ROUGE-1 counts repeated words as often as both texts have them")
  func rouge1() {
    // Four of four written and of five expected words: 2 · 1 · 0.8 / 1.8.
    #expect(abs(Overlap.rouge1("The lamp, the attic", "the lamp in the attic") - 1.6 / 1.8) < 1e-12)
    #expect(Overlap.rouge1("a a a", "a b c") == 1.0 / 3)
  }

  // Published.
  @Test(
    "similarity of the first line of code",
    arguments: [
      ("return a + b", "return a+b", 0.91), ("# note\nx = 1\ny = 2", "x = 1", 1),
      ("```\nfoo(bar)", "foo(baz)", 0.88), ("", "abc", 0), ("", "", 1),
      ("\n\nabc", "abcd", 0.86), ("// c\n# d\n`e`", "x", 0), ("ab", "ba", 0.5),
      ("abcde", "xbxde", 0.6),
    ])
  func code(response: String, reference: String, value: Double) {
    #expect(abs(AnswerMetric.code.score(response, references: [reference]) - value) < 1e-12)
  }

  // Published; the last value has a class that the code skips.
  @Test("classes that a response names")
  func classes() {
    let classes = ["Food", "Food item", "Animal", "Ani", "Person"]
    func score(_ response: String, _ right: String, _ classes: [String]) -> Double {
      AnswerMetric.classification.score(response, references: [right], classes: classes)
    }
    #expect(score("It is Food item", "Food item", classes) == 1)
    #expect(score("Animal or Person", "Animal", classes) == 0.5)
    #expect(score("Ani Animal", "Animal", classes) == 1)
    #expect(score("none", "Animal", classes) == 0)
    #expect(score("Food item", "Food", classes) == 0.5)
    #expect(score("ab c", "ab", ["a", "b", "ab", "c"]) == 1.0 / 3)
  }

  // Published.
  @Test("shares of right numbers")
  func numbers() {
    #expect(
      AnswerMetric.retrieval.score("Paragraph 3 or 4, 3", references: ["Paragraph 3"]) == 2.0 / 3)
    #expect(AnswerMetric.count.score("7 of 8; 7", references: ["7"]) == 2.0 / 3)
    #expect(AnswerMetric.count.score("none", references: ["7"]) == 0)
    #expect(AnswerMetric.retrieval.score("3", references: ["the third"]) == 0)
  }

  @Test(
    "LongWriter's length score",
    arguments: [
      (1000, 1000, 100), (1000, 1500, 83.3333), (1000, 3999, 0.0333), (1000, 500, 50),
      (1000, 334, 0.2994), (1000, 333, 0), (2000, 1200, 66.6667), (1000, 4000, 0), (1000, 0, 0),
      (1000, 9000, 0),
    ])
  func length(required: Int, produced: Int, value: Double) {
    #expect(abs(100 * SampleScore.lengthScore(produced, required: required) - value) < 5e-5)
  }

  @Test("words are counted as LongWriter does")
  func words() {
    #expect(Words.count(in: "It doesn't matter: 3 words_more abc1, x.") == 5)
    // Each Chinese character counts; letters beside one do not.
    #expect(Words.count(in: "写一篇 story 的a指南") == 7)
    #expect(Words.count(in: "") == 0)
  }

  @Test("repetition in the second half of the blocks")
  func repetition() {
    let words = (0..<20).map { "w\($0)" }.joined(separator: " ")
    // Two runs of the same twenty words have 21 sequences; the last equals the first.
    #expect(Repetition.share(inBlocks: ["x", "y", words, words]) == 1 - 20.0 / 21)
    #expect(Repetition.share(inBlocks: [words, words, "x", "y"]) == 0)
    #expect(Repetition.share(inBlocks: []) == 0)
    #expect(Repetition.share(inBlocks: ["a b a b"], length: 2) == 1 - 2.0 / 3)
  }

  @Test("pooled scores average values and add counts")
  func pooled() throws {
    let first = SampleScore(
      value: 1, tallies: ["once": .init(hits: 1, found: 1, due: 1)], measures: ["words": 10])
    let second = SampleScore(
      value: 0, tallies: ["once": .init(hits: 1, found: 2, due: 4), "range": .init(due: 2)])
    let pooled = try #require(SampleScore.pooled([first, second]))
    #expect(pooled.value == 0.5)
    #expect(pooled.tallies["once"] == .init(hits: 2, found: 3, due: 5))
    #expect(pooled.measures == ["words": 10])
    // No block of a range was written, so LongGenBench's denominator leaves the kind out.
    #expect(pooled.meanAccuracy(strict: false) == 2.0 / 3)
    #expect(pooled.meanAccuracy(strict: true) == 0.2)
    #expect(SampleScore.pooled([]) == nil)
  }
}
