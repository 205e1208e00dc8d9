import Reporting

/// The data of a page, as its script reads them.
extension ExplanationPage {
  /// The JSON of the element `explanation`.
  var data: String { (try? ReportText.json(Drawing(explanation), layout: [])) ?? "null" }

  /// What the script draws. Changes are stored instead of states, and shares as whole numbers of
  /// ten-thousandths, so that pages are small.
  struct Drawing: Codable, Equatable {
    struct Run: Codable, Equatable {
      /// The policy's name.
      let name: String
      /// Whether the policy also forgets before the prompt ends.
      let forgetsInPrompt: Bool
      /// By lane, the changes of what is forgotten: a step, the first and the last position for
      /// each.
      let forgotten: [[Int]]
      /// By lane, or by query head if query heads of a lane differ, the changes of what is not
      /// seen; nil if a step sees all that is held. Tokens that come back have a negative step.
      let unread: [[Int]]?
      /// By step for the mean of all lanes, and then for every lane, the mass lost.
      let lost: [[Int]]
      /// By token, its part of all mass lost, in ten-thousandths of it.
      let missed: [Int]
      /// The name of what the policy notes of tokens; null if it notes nothing.
      let note: String?
      /// By lane and token, what the policy noted when it forgot the token, or at the end.
      let notes: [[String?]]
      /// By step, what the policy would have written; null where it agrees.
      let wouldWrite: [String?]
    }

    /// Key heads of a layer.
    let keyHeads: Int
    /// Tokens of the prompt.
    let promptLength: Int
    /// The text of every token.
    let tokens: [String]
    /// The policies.
    let runs: [Run]

    init(_ explanation: Explanation) {
      keyHeads = explanation.keyHeads
      promptLength = explanation.promptLength
      tokens = explanation.tokens
      let group = max(1, explanation.queryHeads / max(1, explanation.keyHeads))
      runs = explanation.runs.map { run in
        let all = run.missed.reduce(0, +)
        return Run(
          name: run.label, forgetsInPrompt: run.forgetsInPrompt,
          forgotten: run.forgotten.map(Drawing.numbers),
          unread: run.unread.isEmpty
            ? nil : Drawing.merged(run.unread, by: group).map(Drawing.numbers),
          lost: ([run.meanLost] + run.lost).map { $0.map(Drawing.tenThousandths) },
          missed: run.missed.map { all > 0 ? Drawing.tenThousandths($0 / all) : 0 },
          note: run.notes?.name,
          notes: (run.notes?.numbers ?? []).map { lane in
            lane.map { number in number.map { Quantities.significant(Double($0)) } }
          },
          wouldWrite: run.wouldWrite)
      }
    }

    /// One list for each lane if all query heads of every lane see the same.
    private static func merged(_ heads: [TokenChanges], by group: Int) -> [TokenChanges] {
      let first = heads.indices.map { heads[$0 / group * group] }
      return heads == first ? stride(from: 0, to: heads.count, by: group).map { heads[$0] } : heads
    }

    private static func numbers(_ changes: TokenChanges) -> [Int] {
      changes.changes.flatMap { change in
        [
          change.isLoss ? change.step : -change.step, change.positions.lowerBound,
          change.positions.upperBound,
        ]
      }
    }

    private static func tenThousandths(_ share: Double) -> Int { Int((share * 10_000).rounded()) }
  }
}
