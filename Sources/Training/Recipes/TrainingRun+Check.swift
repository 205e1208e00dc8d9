public import MiniTasks

/// How a model in training does on held-out documents.
public struct TrainingCheck: Sendable, Equatable {
  /// The share of the responses' tokens that it foretells, each from the true text before it.
  public let accuracy: Double
  /// The share of checks that come out right, of each kind that was asked for.
  public let kinds: [TaskCheck.Kind: Double]
}

extension TrainingRun {
  /// Looks at held-out documents of the stage that is being learned, as long as its longest.
  public func check() throws -> TrainingCheck {
    let stage = recipe.stages[place(after: max(0, steps - 1)).stage]
    let longest = stage.mixture.lengths.upperBound
    let mixture = try TaskMixture(lengths: longest...longest, kinds: stage.mixture.kinds)
    var (right, asked) = (0, 0)
    var kinds: [TaskCheck.Kind: (hits: Int, checks: Int)] = [:]
    for number in 0..<recipe.checkDocuments {
      let document = mixture.document(.heldOut(UInt32(number)))
      let answers = try trainer.answers(of: parameters, on: TrainingBatch([document]))
      // What answers a token is found where the one before it stands.
      let written = document.responses.joined().map { answers[$0 - 1] }
      right += zip(written, document.response).count { $0 == $1 }
      asked += written.count
      for outcome in document.score(written).outcomes {
        kinds[outcome.check.kind, default: (0, 0)].checks += 1
        if outcome.isHit { kinds[outcome.check.kind, default: (0, 0)].hits += 1 }
      }
    }
    return TrainingCheck(
      accuracy: Double(right) / Double(max(1, asked)),
      kinds: kinds.mapValues { Double($0.hits) / Double($0.checks) })
  }
}
