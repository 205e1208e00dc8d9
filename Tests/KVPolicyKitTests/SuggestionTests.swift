import Testing

@testable import KVPolicyKit

@Suite("A suggestion")
struct SuggestionTests {
  private static let names = [
    "--model", "--policies", "--budget", "--csv", "--json", "--html", "streamingllm", "h2o",
    "compare", "capacity", "trace", "train",
  ]

  @Test(
    "names what is near: a mistake in three letters, a swap, or the beginning of a name",
    arguments: [
      ("--polices", "--policies"), ("--budgte", "--budget"), ("--cvs", "--csv"), ("h20", "h2o"),
      ("--pol", "--policies"), ("streaming", "streamingllm"), ("COMPARE", "compare"),
      ("trase", "trace"), ("capacities", "capacity"), ("--jsonfile", "--json"),
    ])
  func near(_ typed: String, _ name: String) {
    #expect(
      suggestion(for: typed, among: SuggestionTests.names) == " (did you mean '\(name)'?)")
  }

  @Test(
    "is not made where nothing is near",
    arguments: ["--xyz", "xyz", "--po", "table", "--", "", "x", "--version", "lru"])
  func far(_ typed: String) {
    #expect(suggestion(for: typed, among: SuggestionTests.names).isEmpty)
  }

  @Test("one letter for another is no likeness")
  func single() { #expect(suggestion(for: "x", among: ["y"]).isEmpty) }

  @Test(
    "a swap of neighbours is one mistake",
    arguments: [
      ("", "", 0), ("", "abc", 3), ("abc", "acb", 1), ("abc", "abd", 1), ("abc", "ab", 1),
      ("ca", "abc", 3), ("kitten", "sitting", 3),
    ])
  func distance(_ a: String, _ b: String, _ mistakes: Int) {
    #expect(editDistance(Array(a.unicodeScalars), Array(b.unicodeScalars)) == mistakes)
    #expect(editDistance(Array(b.unicodeScalars), Array(a.unicodeScalars)) == mistakes)
  }
}
