import KVPolicyKit
import MiniTasks
import ReferenceModel

extension TaskComparison {
  /// Moments that a story shows.
  private static let moments = 24
  /// Documents of the seed among which the story's is looked for.
  static let storyCandidates = 32

  /// The documents among which the story's is looked for.
  func storyCandidates() throws(TaskError) -> [TaskDocument] {
    var documents: [TaskDocument] = []
    for number in 0..<TaskComparison.storyCandidates {
      documents.append(try document(number, .both, tokens: storyTokens))
    }
    return documents
  }

  /// Lets every entry answer the candidate that full attention answers best, and notes what its
  /// cache holds meanwhile.
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

  /// The index of the first document that full attention answers without a fault; if there is none,
  /// of the first with the most checks passed in proportion, and the fewest wrong words.
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

  /// What a policy writes to a document, under the same rules as when it is measured.
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

/// What one policy wrote to the story's document.
private struct Telling {
  var written: [Int] = []
  /// What the cache held after the prompt, and after each token that was written.
  var held: [String] = []

  func teller(
    _ entry: PolicyEntry, _ document: TaskDocument, _ moments: [Int]
  ) -> TaskStory.Teller {
    TaskStory.Teller(
      label: entry.label, budget: entry.budget, tally: TaskTally(document.score(written)),
      answer: written.map(TaskLanguage.word), mistakes: document.mistakes(in: written),
      // An answer that ends early stays as it was.
      kept: moments.map { held[min($0, held.count - 1)] })
  }
}

extension TaskTally {
  /// The checks of a score.
  fileprivate init(_ score: TaskScore) {
    self.init(hits: score.outcomes.count { $0.isHit }, checks: score.outcomes.count)
  }
}

extension KVSequence {
  /// For each token read, a digit: the share of lanes that hold it, in ninths, rounded, where `0`
  /// is none and `9` all of them.
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
