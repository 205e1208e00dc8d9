import KVPolicyKit
import ReferenceModel
import Reporting

/// How close the policies of a comparison stay to full attention inside the model, and to each
/// other in what they keep. All lists are in the order of ``ComparisonReport/policies``.
public struct ComparisonFidelity: Codable, Equatable, Sendable {
  /// By policy and layer: the relative error of the attention output.
  ///
  /// The mean over the forced steps of ‖o − o′‖ / ‖o′‖, where o is the layer's output of all heads
  /// before the output projection, and o′ that of full attention in the same step of its own run.
  /// So the error of a layer includes what the errors of the layers below, and of earlier steps,
  /// do to its input.
  public var outputErrors: [[Double]]
  /// By policy and policy: the Jaccard index of the positions kept when the prompt has ended, mean
  /// over the lanes. 1 where both keep the same.
  public var overlapAfterPrompt: [[Double]]
  /// The same after the last step.
  public var overlapAtEnd: [[Double]]
}

/// What a run showed of its inside.
struct ObservedRun {
  /// By layer: the mean relative error of the attention output.
  var outputErrors: [Double]
  /// By lane: the positions kept after the prompt, ascending.
  var afterPrompt: [[Int]] = []
  /// By lane: the positions kept after the last step, ascending.
  var atEnd: [[Int]] = []

  /// The positions that each lane of a sequence holds.
  static func kept(_ sequence: KVSequence, _ shape: CacheShape) -> [[Int]] {
    (0..<shape.lanes).map { lane in
      sequence.keptPositions(layer: lane / shape.keyHeads, head: lane % shape.keyHeads)
    }
  }
}

extension ComparisonFidelity {
  init(_ runs: [ObservedRun]) {
    func overlaps(_ kept: (ObservedRun) -> [[Int]]) -> [[Double]] {
      runs.map { one in runs.map { Self.overlap(kept(one), kept($0)) } }
    }
    self.init(
      outputErrors: runs.map(\.outputErrors), overlapAfterPrompt: overlaps { $0.afterPrompt },
      overlapAtEnd: overlaps { $0.atEnd })
  }

  /// The mean Jaccard index of two lists of lanes; two empty lanes are the same.
  static func overlap(_ one: [[Int]], _ other: [[Int]]) -> Double {
    var sum = 0.0
    for (first, second) in zip(one, other) {
      let both = Set(first).intersection(second).count
      let any = first.count + second.count - both
      sum += any == 0 ? 1 : Double(both) / Double(any)
    }
    return sum / Double(max(1, one.count))
  }

  /// Two tables: the errors by layer as bars, and the overlaps.
  func text(_ labels: [String]) -> String {
    errorTable(labels) + "\n\n" + overlapTable("after the prompt", labels, overlapAfterPrompt)
      + "\n\n" + overlapTable("at the end", labels, overlapAtEnd)
  }

  private func errorTable(_ labels: [String]) -> String {
    let most = outputErrors.flatMap { $0 }.max() ?? 0
    var table = TextTable([
      .init("attention output", .left), .init("mean error"), .init("largest"),
      .init(
        "by layer", .left,
        "a mark per layer, the first layer left; the tallest is \(Quantities.significant(most))"),
    ])
    for (label, errors) in zip(labels, outputErrors) {
      table.add([
        label, Quantities.significant(errors.reduce(0, +) / Double(max(1, errors.count))),
        Quantities.significant(errors.max() ?? 0), TextBar.marks(errors, most: most),
      ])
    }
    let notes = [
      (
        "error",
        "of a layer's attention output against full attention's, relative, mean of the steps"
      )
    ]
    return table.page(isWide: true, notes: notes)
  }

  private func overlapTable(
    _ moment: String, _ labels: [String], _ overlaps: [[Double]]
  ) -> String {
    let columns = labels.indices.map { TextTable.Column("\($0 + 1)") }
    var table = TextTable([.init("kept \(moment)", .left)] + columns)
    for (index, label) in labels.enumerated() {
      table.add(["\(index + 1) \(label)"] + overlaps[index].map { Quantities.fixed($0, 3) })
    }
    let notes = [("numbers", "rows that two keep over rows that either keeps, mean of the lanes")]
    return table.page(isWide: true, notes: notes)
  }
}
