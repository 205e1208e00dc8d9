import KVPolicyKit
import MiniTasks
import ReferenceModel

extension TaskComparison {
  /// Moments that a story shows.
  private static let moments = 24

  /// Lets every entry answer one document, and notes what its cache holds meanwhile.
  func tell(
    _ document: TaskDocument, _ entries: [PolicyEntry], _ team: ThreadTeam
  ) throws -> TaskStory {
    let length = document.response.count
    let steps = min(TaskComparison.moments - 1, length)
    let moments = (0...steps).map { $0 * length / max(1, steps) }
    let tellers = try team.results(entries.count) { _, index in
      try teller(entries[index], document, moments)
    }
    return TaskStory(
      prompt: document.prompt.map(TaskLanguage.word), moments: moments, tellers: tellers)
  }

  /// One policy's answer, no longer than the true one.
  private func teller(
    _ entry: PolicyEntry, _ document: TaskDocument, _ moments: [Int]
  ) throws -> TaskStory.Teller {
    var (kept, last) = ([String](), "")
    let answer = try answer(
      document, under: entry.configuration, margin: 0
    ) { written, sequence in
      let isShown = moments.contains(written.count)
      guard isShown || written.last == TaskVocabulary.stop else { return }
      last = sequence.shares
      if isShown { kept.append(last) }
    }
    // An answer that ends early stays as it was.
    kept += Array(repeating: last, count: moments.count - kept.count)
    return TaskStory.Teller(
      label: entry.label, budget: entry.budget, answer: answer.written.map(TaskLanguage.word),
      mistakes: document.mistakes(in: answer.written), kept: kept)
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
