import KVPolicyKit
import MiniTasks
import ReferenceModel

extension TaskComparison {
  /// The largest number of moments in a story.
  private static let moments = 24
  /// The number of documents of the seed from which the story's document is chosen.
  static let storyCandidates = 32

  /// The documents from which the story's document is chosen.
  func storyCandidates() throws(TaskError) -> [TaskDocument] {
    var documents: [TaskDocument] = []
    for number in 0..<TaskComparison.storyCandidates {
      documents.append(try document(number, .both, tokens: storyTokens))
    }
    return documents
  }

  /// Lets every entry answer the candidate that full attention answers best, and records after each
  /// token what the entry's cache holds.
  func tell(
    _ candidates: [TaskDocument], _ entries: [PolicyEntry], _ team: ThreadTeam
  ) throws -> TaskStory {
    let number = try bestAnswered(candidates, team)
    let document = candidates[number]
    let tellings = try team.results(entries.count) { _, index in
      try telling(document, under: entries[index].configuration)
    }
    let length = tellings.reduce(0) { max($0, $1.written.count) }
    let steps = min(TaskComparison.moments - 1, length)
    let moments = (0...steps).map { $0 * length / max(1, steps) }
    let tellers = zip(entries, tellings).map { $1.teller($0, document, moments) }
    return TaskStory(
      document: number, prompt: document.prompt.map(TaskLanguage.word), moments: moments,
      tellers: tellers)
  }

  /// The index of the first document that full attention answers without a mistake. If there is
  /// none, the first document with the largest share of checks passed and, among equal shares, the
  /// fewest wrong words.
  private func bestAnswered(_ documents: [TaskDocument], _ team: ThreadTeam) throws -> Int {
    var best = (index: 0, share: -1.0, mistakes: 0)
    for start in stride(from: 0, to: documents.count, by: team.threads) {
      let batch = start..<min(start + team.threads, documents.count)
      let answers = try team.results(batch.count) { _, index in
        try answer(documents[start + index], under: Comparison.reference).written
      }
      for (index, written) in zip(batch, answers) {
        let share = TaskTally(documents[index].score(written)).share
        let mistakes = documents[index].mistakes(in: written).count
        if share == 1 && mistakes == 0 { return index }
        if (share, -mistakes) > (best.share, -best.mistakes) { best = (index, share, mistakes) }
      }
    }
    return best.index
  }

  /// The answer of a policy to a document, under the rules of the measurement.
  private func telling(
    _ document: TaskDocument, under configuration: PolicyConfiguration
  ) throws -> Telling {
    var telling = Telling()
    telling.written = try answer(document, under: configuration) { _, sequence in
      telling.held.append(sequence.shares)
    }.written
    return telling
  }
}

/// The answer of one policy to the story's document.
private struct Telling {
  var written: [Int] = []
  /// The cache's contents after the prompt, and after each written token.
  var held: [String] = []

  func teller(
    _ entry: PolicyEntry, _ document: TaskDocument, _ moments: [Int]
  ) -> TaskStory.Teller {
    TaskStory.Teller(
      label: entry.label, budget: entry.budget, tally: TaskTally(document.score(written)),
      answer: written.map(TaskLanguage.word), mistakes: document.mistakes(in: written),
      // After its last token, a short answer keeps its last state.
      kept: moments.map { held[min($0, held.count - 1)] })
  }
}

extension TaskTally {
  /// The tally of a score's checks.
  fileprivate init(_ score: TaskScore) {
    self.init(hits: score.outcomes.count { $0.isHit }, checks: score.outcomes.count)
  }
}

extension KVSequence {
  /// One digit per token read: the share of lanes that hold the token, rounded to ninths. `0` is
  /// only used for no lane and `9` only for all lanes.
  fileprivate var shares: String {
    var holders = [Int](repeating: 0, count: length.tokens)
    let shape = store.shape
    for layer in 0..<shape.layers {
      for head in 0..<shape.keyHeads {
        for position in keptPositions(layer: layer, head: head) { holders[position] += 1 }
      }
    }
    let lanes = shape.lanes
    return holders.map { count in
      let ninths = (count * 18 + lanes) / (2 * lanes)
      return "\(count == 0 ? 0 : count == lanes ? 9 : min(8, max(1, ninths)))"
    }.joined()
  }
}
