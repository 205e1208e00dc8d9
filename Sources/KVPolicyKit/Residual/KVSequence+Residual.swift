/// Memories of forgotten rows.
extension KVSequence {
  /// Whether the policy of a layer has a memory of what it forgets.
  package func hasResidual(layer: Int) -> Bool { policies.residuals[policies.owner[layer]] != nil }

  /// Hands the rows that an edit forgets to the memory of their layer, if it has one, in the order
  /// of their positions: row numbers mean nothing.
  func fold(_ edit: CachePlan.Edit, of plan: CachePlan) {
    let owner = policies.owner[edit.lane.layer]
    guard policies.residuals[owner] != nil else { return }
    let lane = lane(edit.lane.layer, edit.lane.head)
    foldedRows.removeAll(keepingCapacity: true)
    switch edit {
    case .drop(_, let list):
      let rows = plan.rows(list)
      for index in rows.indices { foldedRows.append(Int(rows[index])) }
    case .keep(_, let list):
      let rows = plan.rows(list)
      var isKept = [Bool](repeating: false, count: lane.count)
      for index in rows.indices { isKept[Int(rows[index])] = true }
      for row in 0..<lane.count where !isKept[row] { foldedRows.append(row) }
    case .attend, .place: return
    }
    foldedRows.sort { lane.positions[$0] < lane.positions[$1] }
    lane.forEachRow(foldedRows) { key, value in
      policies.residuals[owner]?.fold(key: key, value: value, of: lane.id)
    }
  }

  /// What a query reads of its layer's memory: see
  /// ``ResidualMemory/recall(_:head:of:scratch:into:)``.
  ///
  /// - Parameters:
  ///   - query: `headDimension` floats.
  ///   - queryHead: the query head within the layer.
  ///   - scratch: ``residualScratch(layer:)`` floats.
  ///   - mixed: `headDimension` floats.
  @unsafe package func recall(
    layer: Int, queryHead: Int, query: UnsafePointer<Float>,
    scratch: UnsafeMutablePointer<Float>, into mixed: UnsafeMutablePointer<Float>
  ) -> ResidualPart {
    guard let memory = policies.residuals[policies.owner[layer]] else { return ResidualPart() }
    let width = shape.headDimension
    let vector = unsafe UnsafeBufferPointer(start: query, count: width)
    let room = unsafe UnsafeMutableBufferPointer(start: scratch, count: memory.scratchFloats)
    let target = unsafe UnsafeMutableBufferPointer(start: mixed, count: width)
    var roomSpan = unsafe room.mutableSpan
    var targetSpan = unsafe target.mutableSpan
    return unsafe memory.recall(
      vector.span, head: queryHead % shape.group,
      of: LaneID(layer: layer, head: queryHead / shape.group), scratch: &roomSpan,
      into: &targetSpan)
  }

  /// Floats of scratch memory for ``recall(layer:queryHead:query:scratch:into:)``.
  package func residualScratch(layer: Int) -> Int {
    policies.residuals[policies.owner[layer]]?.scratchFloats ?? 0
  }

  /// The memory of a layer's policy, for tests.
  package func residual(ofLayer layer: Int) -> (any ResidualMemory)? {
    policies.residuals[policies.owner[layer]]
  }
}

extension Lane {
  /// Lends the key and the value of some rows as they are stored, one row after the other.
  fileprivate func forEachRow(_ rows: [Int], _ body: (Span<Float>, Span<Float>) -> Void) {
    let width = layout.headDimension
    unsafe withUnsafeTemporaryAllocation(of: Float.self, capacity: 2 * width) { floats in
      guard let base = floats.baseAddress else { return }
      for row in rows {
        unsafe decode(row, value: false, to: base)
        unsafe decode(row, value: true, to: base + width)
        let key = unsafe UnsafeBufferPointer(start: base, count: width)
        let value = unsafe UnsafeBufferPointer(start: base + width, count: width)
        unsafe body(key.span, value.span)
      }
    }
  }
}
