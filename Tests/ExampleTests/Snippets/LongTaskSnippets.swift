import LongTasks
import Testing

// Code of the article about LongTasks, run as it is printed there.

@Suite("Code of the article on text tasks")
struct LongTaskSnippets {
  /// A tokenizer for which every word is a token.
  private struct WordTokenizer {
    func encode(_ text: String) -> [Substring] { text.split(separator: " ") }
  }

  @Test("a sample scores its true response")
  func sample() throws {
    let tokenizer = WordTokenizer()
    let task = try GeneratedTasks.named("multikey-1")
    let sample = try task.sample(0, seed: 1, tokens: 4096) { tokenizer.encode($0).count }
    // Compress the context, read question and answerPrefix, generate at most maxTokens tokens.
    let response = sample.trueResponse
    let score = sample.score(response)
    #expect(score.value == 1)
    #expect(sample.prompt.count > 10_000)
  }
}
