import Reporting

/// The explanation as text for a terminal.
extension Explanation {
  /// For each policy what its lanes hold at the end; then a line for each step: the token, the mass
  /// lost by each policy, and what it would have written instead.
  public var table: String {
    let heading = """
      \(model): a prompt of \(Markup.count(promptLength, "token")) (\(text)), \
      \(Markup.count(steps, "token")) written by full attention, read by each policy
      """
    let pictures = runs.map { run in
      let legend = run.unread.isEmpty ? "" : " ('o' is held and was not read by the last step)"
      return "\(run.label), at the end\(legend):\n\(run.picture)"
    }
    return TerminalText.wrapped(TerminalText.escaped(heading)) + "\n\n"
      + (pictures + [stepTable]).map { TerminalText.escaped($0, keeping: "\n") }
      .joined(separator: "\n\n") + "\n"
  }

  /// Characters of the longest bar.
  private static let barWidth = 10
  /// Characters of a token in the table.
  private static let wordWidth = 9

  private var stepTable: String {
    var columns: [TextTable.Column] = [
      .init("step"), .init("token", .left, "the token that the step read"),
    ]
    for (index, run) in runs.enumerated() {
      // The legend explains the columns of the first policy, which are the second policy's too.
      let meanings =
        index > 0
        ? ("", "")
        : (
          "the share of full attention's weights on tokens that the policy does not see",
          "what the policy would have written instead"
        )
      columns += [
        .init("lost", .right, meanings.0), .init(short(run.label, Explanation.barWidth), .left),
        .init("else", .left, meanings.1),
      ]
    }
    var table = TextTable(columns)
    let losses = runs.map(\.meanLost)
    let most = losses.joined().max() ?? 0
    for step in 0..<steps {
      var cells = ["\(step + 1)", word(tokens[promptLength + step])]
      for (run, losses) in zip(runs, losses) {
        let lost = losses[step]
        let bar = most > 0 ? Int((lost / most * Double(Explanation.barWidth)).rounded()) : 0
        cells += [
          Quantities.percent(lost), String(repeating: "#", count: bar),
          run.wouldWrite[step].map(word) ?? "",
        ]
      }
      table.add(cells)
    }
    return table.page(isWide: true)
  }

  /// A token in a cell.
  private func word(_ text: String) -> String {
    let text = text.replacing("\n", with: "↵").replacing("\t", with: "→")
    let word = text.drop { $0 == " " }
    return short(word.isEmpty ? text : String(word), Explanation.wordWidth)
  }

  private func short(_ text: String, _ most: Int) -> String {
    text.count <= most ? text : text.prefix(most - 1) + "…"
  }
}
