/// Checking plans and carrying them out.
extension KVSequence {
  /// Carries out all of a plan made for this cache, or nothing. The plan is the caller's: it may
  /// drop rows that a policy protects.
  ///
  /// - Throws: `StoreError.badPlan` naming the lane and the rule that the plan breaks;
  ///   `StoreError.badRequest` in the middle of a chunk or step. Nothing changed.
  public func apply(_ plan: CachePlan) throws(StoreError) {
    try checkIsIdle()
    try check(plan, layers: Array(0..<shape.layers), length: length, protection: nil)
    carryOut(plan)
    for layer in 0..<shape.layers { measure(layer: layer) }
  }

  /// - Throws: `StoreError.badPlan` if an edit names a lane outside `layers`, names a row twice or
  ///   a row that the lane does not have, forgets a protected row, or leaves a lane empty; if a
  ///   lane has two edits of the same kind; or if an edit needs something the policy did not
  ///   declare.
  func check(
    _ plan: CachePlan, layers: [Int], length: LogicalLength, phase: Phase = .afterOutput,
    protection: Protection?
  ) throws(StoreError) {
    planStamp += 1
    let exposed = (protection ?? Protection()).exposed(of: length)
    for edit in plan.edits {
      let id = edit.lane
      guard layers.contains(id.layer), (0..<shape.keyHeads).contains(id.head) else {
        throw .badPlan(lane: id, reason: "the policy was not asked about this lane")
      }
      let lane = lane(id.layer, id.head)
      switch edit {
      case .drop(_, let rows):
        try note(id, kind: 0)
        try checkDrop(plan.rows(rows), of: lane, exposed)
      case .keep(_, let rows):
        try note(id, kind: 0)
        try checkKeep(plan.rows(rows), of: lane, exposed)
      case .place(_, let positions):
        try note(id, kind: 1)
        try checkPlaces(plan.rows(positions), of: lane, length)
      case .attend(_, let head, let rows):
        guard phase == .beforeOutput, (0..<shape.group).contains(head), !rows.isEmpty else {
          throw .badPlan(
            lane: id,
            reason: "restricting what a query head reads needs phase beforeOutput, "
              + "a head of the group and at least one row")
        }
        try note(id, kind: 2 + head)
        try check(plan.rows(rows), of: lane)
      }
    }
  }

  private func checkDrop(
    _ rows: Span<Int32>, of lane: Lane, _ exposed: Range<Int32>
  ) throws(StoreError) {
    try check(rows, of: lane)
    guard rows.count < lane.count else {
      throw .badPlan(lane: lane.id, reason: "it drops every row; keep at least one")
    }
    for index in rows.indices where !exposed.contains(lane.positions[Int(rows[index])]) {
      throw forgetsProtected(lane.positions[Int(rows[index])], lane)
    }
  }

  private func checkKeep(
    _ rows: Span<Int32>, of lane: Lane, _ exposed: Range<Int32>
  ) throws(StoreError) {
    try check(rows, of: lane)
    guard rows.count > 0 else {
      throw .badPlan(lane: lane.id, reason: "it keeps no row; keep at least one")
    }
    // `listStamp` is the stamp of the list just checked, so exactly the listed rows carry it.
    for row in 0..<lane.count
    where lastMention[row] != listStamp && !exposed.contains(lane.positions[row]) {
      throw forgetsProtected(lane.positions[row], lane)
    }
  }

  private func checkPlaces(
    _ places: Span<Int32>, of lane: Lane, _ length: LogicalLength
  ) throws(StoreError) {
    // A place below the number of tokens read keeps the engine's rotary table as short as the text,
    // and gives the next row at most its own position as its place.
    guard lane.rule == .placed, places.count == lane.count,
      places.indices.allSatisfy({ (0..<length.tokens).contains(Int(places[$0])) })
    else {
      throw .badPlan(
        lane: lane.id,
        reason: "placing needs position rule placed and, for each row, one position below the "
          + "\(length.tokens) tokens read")
    }
  }

  private func forgetsProtected(_ position: Int32, _ lane: Lane) -> StoreError {
    .badPlan(
      lane: lane.id,
      reason: "it forgets position \(position), which the policy's own protection keeps; "
        + "leave that row out, or declare less protection")
  }

  /// Notes an edit of a lane by its kind: rows are forgotten (0), placed (1), or restricted for a
  /// query head (2…).
  private func note(_ id: LaneID, kind: Int) throws(StoreError) {
    let index = (id.layer * shape.keyHeads + id.head) * (2 + shape.group) + kind
    guard lastEdit[index] != planStamp else {
      throw .badPlan(
        lane: id,
        reason:
          "it is edited twice; write one drop or keep, one place, and one attend per query head")
    }
    lastEdit[index] = planStamp
  }

  func check(_ rows: Span<Int32>, of lane: Lane) throws(StoreError) {
    try check(rows, below: lane.count, "row", of: lane)
  }

  /// Checks that numbers are below `count` and none occurs twice. Exactly they then carry the stamp
  /// `listStamp`.
  func check(
    _ numbers: Span<Int32>, below count: Int, _ noun: StaticString, of lane: Lane
  ) throws(StoreError) {
    listStamp += 1
    if lastMention.count < count {
      lastMention += repeatElement(0, count: count - lastMention.count)
    }
    for index in numbers.indices {
      let number = Int(numbers[index])
      guard number >= 0, number < count else {
        throw .badPlan(lane: lane.id, reason: "it names \(noun) \(number) of \(count)")
      }
      guard lastMention[number] != listStamp else {
        throw .badPlan(lane: lane.id, reason: "it names \(noun) \(number) twice")
      }
      lastMention[number] = listStamp
    }
  }

  /// Carries out a checked plan. Places are set first, because every edit numbers rows as they were
  /// when the plan was made; a row that moves takes its place along.
  func carryOut(_ plan: CachePlan) {
    for case .place(let id, let list) in plan.edits {
      let places = plan.rows(list)
      lane(id.layer, id.head).places = places.indices.map { places[$0] }
    }
    for edit in plan.edits {
      fold(edit, of: plan)
      let lane = lane(edit.lane.layer, edit.lane.head)
      switch edit {
      case .drop(_, let list):
        let rows = plan.rows(list)
        if rows.count == 1 { lane.drop(row: Int(rows[0])) } else { lane.drop(rows: Array(rows)) }
      case .keep(_, let list): lane.keep(Array(plan.rows(list)).sorted())
      case .attend, .place: continue
      }
      rowsAfterCut[edit.lane.layer * shape.keyHeads + edit.lane.head] = lane.count
    }
  }
}

extension [Int32] {
  /// A copy of a span.
  package init(_ span: Span<Int32>) { self = span.indices.map { span[$0] } }
}
