import Testing

/// Names of functions with their argument labels: `decode(_:of:)`.
enum FunctionNames {
  /// The functions that a Swift source declares.
  static func declared(in source: String) -> Set<String> {
    var names: Set<String> = []
    for match in source.matches(of: /\bfunc ([A-Za-z_]\w*)(?:<[^(]*>)?\(/) {
      let labels = parameters(source[match.range.upperBound...]).map { parameter in
        (parameter.firstMatch(of: /\w+/).map { String($0.0) } ?? "_") + ":"
      }
      names.insert("\(match.1)(\(labels.joined()))")
    }
    return names
  }

  /// The functions that an article names: in prose between back-ticks, and wherever argument labels
  /// are written, as in a diagram. Links to symbols are left to DocC, which also checks other
  /// symbols.
  static func mentioned(in text: String) -> Set<String> {
    let spoken = text.codeVoice.compactMap {
      $0.wholeMatch(of: /(?:\w+\.)?([a-z]\w*\((?:\w+:)*\))/)
    }
    let labelled = text.replacing(/``[^`\n]+``/, with: "").matches(of: /\b([a-z]\w*\((?:\w+:)+\))/)
    return Set(spoken.map { String($0.1) } + labelled.map { String($0.1) })
  }

  /// The parameters up to the parenthesis that closes them.
  private static func parameters(_ text: Substring) -> [String] {
    var (found, depth, last) = ([""], 0, Character(" "))
    for character in text {
      switch character {
      case ")" where depth == 0:
        return found.filter { $0.contains(":") }
      case "," where depth == 0:
        found.append("")
      case "(", "[", "{", "<": depth += 1
      case ")", "]", "}": depth -= 1
      case ">" where last != "-": depth -= 1
      default: break
      }
      if depth > 0 || character != "," { found[found.count - 1].append(character) }
      last = character
    }
    return []
  }
}

@Suite("Functions have their labels in their names")
struct FunctionNameTests {
  @Test("when they are declared, however they are written")
  func declared() {
    let source = """
      func close()
      static func step(_ token: Int, of sessions: [Int: Int] = [:]) throws {}
      func run<T: P>(
        with body: (Int, Int) -> T, into pairs: Dictionary<Int, [T]>,
        then next: @Sendable (T) -> Void = { _ in }
      ) rethrows -> T { f(a: 1, b: 2) }
      """
    let names: Set = ["close()", "step(_:of:)", "run(with:into:then:)"]
    #expect(FunctionNames.declared(in: source) == names)
  }

  @Test("when they are named, in prose or a diagram")
  func mentioned() {
    let text = """
      Call `Model.step(_:of:)`, not `step` or `Kind(of: 1)`; then `close()`, or ``Fault/bad(_:)``.

      ```
      ▼ gather(layer:into:)    f(x: 1)
      ```
      """
    #expect(
      FunctionNames.mentioned(in: text) == ["step(_:of:)", "close()", "gather(layer:into:)"])
  }
}
