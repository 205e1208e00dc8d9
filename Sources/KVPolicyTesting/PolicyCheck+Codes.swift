import KVPolicyKit

/// Watches what one run stores as codes, and compares it with plain codes.
final class CodeWatch {
  /// A key or value of a lane, by its position, that became codes of a tier.
  private struct Coded: Hashable {
    let lane: LaneID
    let position: Int
    let isValue: Bool
    let tier: Int
  }

  /// A key and a value as they must be read back.
  private struct Contents {
    var key: [Float]
    var value: [Float]
    var isKeyCoded = false
    var isValueCoded = false
  }

  private let engine: PlainEngine
  /// By lane and position: the rows held after the last moment.
  private var expected: [LaneID: [Int: Contents]] = [:]
  private var maps: [LaneID: KeyMap] = [:]
  private var coded: Set<Coded> = []

  init(_ engine: PlainEngine) { self.engine = engine }

  private func stored(_ lane: LaneID) -> [StoredRow] {
    engine.sequence.storedRows(layer: lane.layer, head: lane.head)
  }

  /// The expected contents of a row, which are those of the source until it is coded.
  private func contents(_ position: Int, of lane: LaneID) -> Contents {
    if let known = expected[lane]?[position] { return known }
    let source = engine.source
    return Contents(
      key: source.rotate(source.key(lane.layer, lane.head, position), at: position),
      value: source.value(lane.layer, lane.head, position))
  }

  // MARK: Plans

  /// Computes what the rows of a plan must be from now on.
  func note(_ plan: CodePlan, _ codec: any RowCodec, _ report: inout PolicyReport) {
    for (lane, map) in plan.maps { maps[lane] = map }
    for edit in plan.edits {
      let (positions, rows) = (stored(edit.lane).map(\.position), plan.rows(of: edit))
      // The store refuses a plan that names what does not exist.
      guard codec.tiers.indices.contains(edit.tier),
        rows.allSatisfy({ positions.indices.contains($0) })
      else { return }
      let named = rows.map { positions[$0] }
      checkNewest(named, of: positions, edit, codec, &report)
      for position in named {
        let fresh = Coded(
          lane: edit.lane, position: position, isValue: edit.isValues, tier: edit.tier)
        report.require(
          coded.insert(fresh).inserted, .codesWhatItSays,
          "\(describe(fresh)) becomes codes of tier \(edit.tier) twice")
      }
      apply(edit, to: named, codec.tiers[edit.tier])
    }
  }

  /// Checks that an edit leaves the newest rows whole.
  private func checkNewest(
    _ named: [Int], of positions: [Int], _ edit: CodePlan.Edit, _ codec: any RowCodec,
    _ report: inout PolicyReport
  ) {
    let newest = positions.sorted().suffix(codec.wholeRows)
    guard edit.isValues || named.count < codec.wholeRows else { return }
    let early = named.filter { newest.contains($0) }
    report.require(
      early.isEmpty, .codesWhatItSays,
      "\(edit.lane): \(edit.isValues ? "values" : "keys") of positions \(early) are coded, which "
        + "are among the newest \(codec.wholeRows)")
  }

  private func apply(_ edit: CodePlan.Edit, to positions: [Int], _ tier: Tier) {
    let old = positions.map { contents($0, of: edit.lane) }
    let new =
      edit.isValues
      ? Plain.coded(old.map(\.value), tier.values)
      : Plain.coded(old.map(\.key), tier.keys, maps[edit.lane])
    for (index, position) in positions.enumerated() {
      var row = old[index]
      if edit.isValues {
        (row.value, row.isValueCoded) = (new[index], true)
      } else {
        (row.key, row.isKeyCoded) = (new[index], true)
      }
      expected[edit.lane, default: [:]][position] = row
    }
  }

  // MARK: Moments

  /// Compares all rows with what they must be.
  func check(_ moment: Moment, _ report: inout PolicyReport) {
    let shape = engine.source.shape
    for index in 0..<shape.lanes {
      let lane = LaneID(layer: index / shape.keyHeads, head: index % shape.keyHeads)
      var held: [Int: Contents] = [:]
      for row in stored(lane) {
        let wanted = contents(row.position, of: lane)
        held[row.position] = wanted
        for (side, found, wanted) in [
          ("key", row.key, wanted.key), ("value", row.value, wanted.value),
        ] {
          report.require(
            CodeWatch.agree(found, wanted), .codesWhatItSays,
            "after \(moment), \(lane): the \(side) of position \(row.position) is \(found), not "
              + "\(wanted)")
        }
      }
      expected[lane] = held
      let counted = engine.sequence.codedRows(layer: lane.layer, head: lane.head)
      let keys = held.values.count { $0.isKeyCoded }
      let values = held.values.count { $0.isValueCoded }
      report.require(
        counted.keys == keys && counted.values == values, .codesWhatItSays,
        "after \(moment), \(lane): \(counted) are codes, and the plans named \(keys) keys and "
          + "\(values) values that are held")
    }
    coded = coded.filter { expected[$0.lane]?[$0.position] != nil }
  }

  /// Codes are computed by the same roundings, so that only factors may differ in the last bits.
  private static func agree(_ found: [Float], _ wanted: [Float]) -> Bool {
    found.count == wanted.count
      && zip(found, wanted).allSatisfy { abs($0 - $1) <= 1e-6 * max(1, abs($1)) }
  }

  private func describe(_ coded: Coded) -> String {
    "\(coded.lane): the \(coded.isValue ? "value" : "key") of position \(coded.position)"
  }
}
