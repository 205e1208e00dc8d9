/// Checking plans and carrying them out.
extension KVSequence {
  /// Carries out a plan made for this cache, whole or not at all.
  ///
  /// - Throws: `StoreError.badPlan` naming the lane and the rule it breaks; nothing changed.
  public func apply(_ plan: CachePlan) throws(StoreError) {
    try check(plan, layers: Array(0..<shape.layers), rule: nil, phase: .afterOutput)
    carryOut(plan)
    for layer in 0..<shape.layers { measure(layer: layer) }
  }

  /// - Throws: `StoreError.badPlan` if an edit names a lane outside `layers`, a row the lane does not
  ///   have or names twice, leaves a lane empty, edits a lane twice, or needs what was not declared.
  func check(
    _ plan: CachePlan, layers: [Int], rule: PositionRule?, phase: Phase
  ) throws(StoreError) {
    planStamp += 1
    for edit in plan.edits {
      let id = edit.lane
      guard layers.contains(id.layer), (0..<shape.keyHeads).contains(id.head) else {
        throw .badPlan(lane: id, reason: "the policy was not asked about this lane")
      }
      let lane = lane(id.layer, id.head)
      switch edit {
      case .attend(_, let head, let rows):
        try check(rows, of: lane)
        guard phase == .beforeOutput, (0..<shape.group).contains(head), !rows.isEmpty else {
          throw .badPlan(
            lane: id,
            reason: "restricting what a query head reads needs phase beforeOutput, "
              + "a head of the group and at least one row")
        }
      case .place(_, let positions):
        guard rule ?? lane.rule == .placed, positions.count == lane.count,
          positions.allSatisfy({ (0..<KVSequence.places).contains($0) })
        else {
          throw .badPlan(
            lane: id,
            reason: "placing needs position rule placed and, for each row, one position from 0 to "
              + "\(KVSequence.places - 1)")
        }
      case .dropOne, .drop, .keep:
        try checkForgetting(edit, of: lane)
        try note(id)
      }
    }
  }

  private func checkForgetting(_ edit: CachePlan.Edit, of lane: Lane) throws(StoreError) {
    switch edit {
    case .dropOne(_, let row):
      // The every-step case, kept free of allocation.
      guard row >= 0, row < lane.count, lane.count > 1 else {
        throw .badPlan(lane: lane.id, reason: "it drops row \(row) of \(lane.count)")
      }
    case .drop(_, let rows):
      try check(rows, of: lane)
      guard rows.count < lane.count else {
        throw .badPlan(lane: lane.id, reason: "it drops every row; keep at least one")
      }
    case .keep(_, let rows):
      try check(rows, of: lane)
      guard !rows.isEmpty else {
        throw .badPlan(lane: lane.id, reason: "it keeps no row; keep at least one")
      }
    case .attend, .place: break
    }
  }

  /// How many places there are for a key: an engine has a table of rotations as long as the furthest.
  private static let places: Int32 = 1 << 24

  private func note(_ id: LaneID) throws(StoreError) {
    let index = id.layer * shape.keyHeads + id.head
    guard lastEdit[index] != planStamp else {
      throw .badPlan(lane: id, reason: "it is edited twice; write one drop or keep per lane")
    }
    lastEdit[index] = planStamp
  }

  private func check(_ rows: [Int32], of lane: Lane) throws(StoreError) {
    listStamp += 1
    if lastMention.count < lane.count {
      lastMention += repeatElement(0, count: lane.count - lastMention.count)
    }
    for row in rows {
      guard row >= 0, row < lane.count else {
        throw .badPlan(lane: lane.id, reason: "it names row \(row) of \(lane.count)")
      }
      guard lastMention[Int(row)] != listStamp else {
        throw .badPlan(lane: lane.id, reason: "it names row \(row) twice")
      }
      lastMention[Int(row)] = listStamp
    }
  }

  /// Carries out a checked plan. Placing comes first, for every edit counts rows as they were when the
  /// plan was made; a row takes its place along.
  func carryOut(_ plan: CachePlan) {
    for case .place(let id, let positions) in plan.edits {
      lane(id.layer, id.head).places = positions
    }
    for edit in plan.edits {
      let lane = lane(edit.lane.layer, edit.lane.head)
      switch edit {
      case .dropOne(_, let row): lane.drop(row: Int(row))
      case .drop(_, let rows): lane.drop(rows: rows)
      case .keep(_, let rows): lane.keep(rows.sorted())
      case .attend, .place: break
      }
    }
  }
}

extension CachePlan.Edit {
  /// The lane it edits.
  public var lane: LaneID {
    switch self {
    case .drop(let lane, _), .dropOne(let lane, _), .keep(let lane, _), .attend(let lane, _, _),
      .place(let lane, _):
      lane
    }
  }
}

extension Lane {
  /// Drops several rows: few one by one, many by moving the survivors together.
  func drop(rows: [Int32]) {
    if rows.count <= 4 {
      // From the highest number down, so that the last row, which moves, is never one to be dropped.
      for row in rows.sorted(by: >) { drop(row: Int(row)) }
    } else {
      var isDropped = [Bool](repeating: false, count: count)
      for row in rows { isDropped[Int(row)] = true }
      keep((0..<Int32(count)).filter { !isDropped[Int($0)] })
    }
  }
}
