import KVPolicyKit
import ReferenceModel

/// A session that reads forced tokens under a policy, watched: what its lanes hold, what its steps
/// read, and which of full attention's weights its steps therefore lack.
final class WatchedRun {
  private let entry: PolicyEntry
  private let session: LlamaSession
  private let shape: CacheShape
  private var forgotten: [TokenChanges]
  private var unread: [TokenChanges]
  private var lost: [[Double]]
  private var missed: [Double] = []
  private var predictions: [Int] = []
  /// What the policy last noted of each token, by lane, and what it calls the number; nil if it
  /// notes none, or if the lanes and tokens are too many.
  private var notes: Explanation.Notes?
  /// The positions that the step at hand reads, by layer and query head; nil for all that is held.
  private var read: [[[Int]?]]
  /// Whether some step read a part of what is held.
  private var readsPart = false

  /// Watches a session that will read at most `tokens` tokens.
  init(_ entry: PolicyEntry, _ session: LlamaSession, tokens: Int) {
    (self.entry, self.session, shape) = (entry, session, session.model.shape)
    forgotten = Array(repeating: TokenChanges(), count: shape.lanes)
    unread = Array(repeating: TokenChanges(), count: shape.layers * shape.queryHeads)
    lost = Array(repeating: [], count: shape.lanes)
    read = []
    let cells = tokens.multipliedReportingOverflow(by: shape.lanes)
    if !cells.overflow, cells.partialValue <= WatchedRun.mostNotes,
      let name = session.sequence.rowNumbers(layer: 0, head: 0)?.name
    {
      notes = Explanation.Notes(
        name: name,
        numbers: Array(repeating: Array(repeating: nil, count: tokens), count: shape.lanes))
    }
    session.sequence.onPlan = { [unowned self] plan, _ in
      for edit in plan.edits { note(edit, of: plan) }
    }
    session.sequence.onRead = { [unowned self] layer, lists in
      // A prompt's last token may be read by a step too.
      guard let lists, !read.isEmpty else { return }
      for head in 0..<shape.queryHeads {
        note(lists[lists.count == shape.queryHeads ? head : head / shape.group], layer, head)
      }
    }
  }

  /// The most lanes times tokens of which numbers are noted.
  private static let mostNotes = 1 << 15

  /// Reads the prompt.
  func read(prompt: [Int], chunk: Int) throws(SessionError) {
    try session.prefill(prompt, chunk: chunk)
    for lane in forgotten.indices { forgotten[lane].record(goneNow(lane), at: 0) }
    missed = Array(repeating: 0, count: prompt.count)
    predict()
  }

  /// Reads a token.
  ///
  /// - Parameter weights: full attention's weights at the same step, by layer and query head.
  func read(_ token: Int, _ weights: [[[Float]]]) throws(SessionError) {
    let step = predictions.count
    read = Array(
      repeating: Array(repeating: nil, count: shape.queryHeads), count: shape.layers)
    try session.decode(token)
    missed.append(0)
    for lane in forgotten.indices {
      let (layer, now) = (lane / shape.keyHeads, goneNow(lane))
      let unseen = decidesLate(layer) ? forgotten[lane].gone + [false] : now
      let first = lane % shape.keyHeads * shape.group
      let masses = (first..<first + shape.group).map { head in
        addLoss(unseen: unseen, layer: layer, head: head, step: step, weights[layer][head])
      }
      lost[lane].append(masses.reduce(0, +) / Double(shape.group))
      forgotten[lane].record(now, at: step)
    }
    predict()
  }

  /// Notes the token that the policy would write next.
  private func predict() {
    let session = session
    predictions.append(Sampler.largest(session.logits))
  }

  /// Whether a step's attention still sees what the layer's policy forgets at the step.
  private func decidesLate(_ layer: Int) -> Bool {
    let policy = session.sequence.policy(ofLayer: layer)
    return policy.phase == .afterOutput || policy.scope == .sequence
  }

  /// Books what one query head lacks in the step at hand, and returns the lost mass.
  private func addLoss(
    unseen: [Bool], layer: Int, head: Int, step: Int, _ weights: [Float]
  ) -> Double {
    var unseen = unseen
    if let positions = read[layer][head] {
      var isRead = [Bool](repeating: false, count: unseen.count)
      for position in positions { isRead[position] = true }
      for position in unseen.indices where !isRead[position] { unseen[position] = true }
    }
    unread[layer * shape.queryHeads + head].record(unseen, at: step)
    let heads = Double(shape.layers * shape.queryHeads)
    var mass = 0.0
    for position in unseen.indices where unseen[position] {
      mass += Double(weights[position])
      missed[position] += Double(weights[position]) / heads
    }
    return mass
  }

  /// For each token read so far, whether a lane no longer holds it.
  private func goneNow(_ lane: Int) -> [Bool] {
    let sequence = session.sequence
    var gone = [Bool](repeating: true, count: sequence.length.tokens)
    let kept = sequence.keptPositions(
      layer: lane / shape.keyHeads, head: lane % shape.keyHeads)
    for position in kept { gone[position] = false }
    return gone
  }

  /// Notes what an edit restricts, and the numbers of rows that may go with it.
  private func note(_ edit: CachePlan.Edit, of plan: CachePlan) {
    let lane = edit.lane
    noteNumbers(lane)
    if case .attend(_, let head, let rows) = edit, !read.isEmpty {
      let all = session.sequence.positions(lane)
      let rows = plan.rows(rows)
      note(rows.indices.map { all[Int(rows[$0])] }, lane.layer, lane.head * shape.group + head)
    }
  }

  /// Notes the policy's numbers of all rows of a lane.
  private func noteNumbers(_ lane: LaneID) {
    // Another layer's policy may note something else.
    guard let found = session.sequence.rowNumbers(layer: lane.layer, head: lane.head),
      found.name == notes?.name
    else { return }
    for (position, number) in zip(session.sequence.positions(lane), found.numbers) {
      notes?.numbers[lane.layer * shape.keyHeads + lane.head][position] = number
    }
  }

  private func note(_ positions: [Int], _ layer: Int, _ head: Int) {
    read[layer][head] = positions
    readsPart = true
  }

  /// What was seen.
  ///
  /// - Parameters:
  ///   - forced: the tokens after the prompt.
  ///   - word: the text of a token.
  func result(forced: [Int], word: (Int) -> String) -> Explanation.Run {
    let sequence = session.sequence
    for lane in forgotten.indices {
      noteNumbers(LaneID(layer: lane / shape.keyHeads, head: lane % shape.keyHeads))
    }
    // Full attention may have stopped before all steps.
    let seen = notes.map { notes in
      Explanation.Notes(
        name: notes.name, numbers: notes.numbers.map { Array($0.prefix(missed.count)) })
    }
    let budget = entry.amount.map { ", " + $0.words } ?? ""
    return Explanation.Run(
      label: entry.label + budget, configuration: entry.configuration,
      forgetsInPrompt: sequence.evictsEveryChunk, forgotten: forgotten,
      unread: readsPart ? unread : [], lost: lost, missed: missed,
      wouldWrite: zip(predictions, forced).map { $0 == $1 ? nil : word($0) },
      notes: seen, picture: readsPart ? pictureOfReads : sequence.picture())
  }

  /// The lanes at the end, with what the last step read of them.
  private var pictureOfReads: String {
    let width = 64
    return forgotten.indices.map { lane in
      let (layer, head) = (lane / shape.keyHeads, lane % shape.keyHeads)
      let lists = read[layer][head * shape.group..<(head + 1) * shape.group]
      let held = Set(session.sequence.keptPositions(layer: layer, head: head))
      // A query head without a list reads all that is held.
      let seen = lists.reduce(into: Set<Int>()) { $0.formUnion($1 ?? Array(held)) }
      let picture = session.sequence.picture(layer: layer, head: head, width: width, read: seen)
      return "layer \(layer) head \(head) |\(picture)| \(seen.intersection(held).count) of "
        + "\(held.count)/\(session.sequence.length.tokens)"
    }.joined(separator: "\n")
  }
}

extension KVSequence {
  /// The position of each row of a lane.
  fileprivate func positions(_ lane: LaneID) -> [Int] {
    unsafe withPositions(layer: lane.layer, head: lane.head) { unsafe $0.map { Int($0) } }
  }
}
