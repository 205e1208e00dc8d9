import KVPolicyKit

/// For each lane the sums H = Σ ψ(k)ᵀ v and z = Σ ψ(k) over the rows that were folded. A query q
/// reads φ(q) H of values, and φ(q) z of weights.
package struct KernelMemory: ResidualMemory {
  /// The kind of artifact that holds the networks.
  static let kind = "residual"

  private let shape: CacheShape
  private let layers: [FeatureKernels]
  private let (features, hidden): (Int, Int)
  private let floor: Float
  /// By lane: H, `features × headDimension`.
  private var sums: [Float]
  /// By lane: z, `features`.
  private var masses: [Float]
  /// By lane: whether a row was folded.
  private var isUsed: [Bool]
  /// Where each element of a trained network's input lies in a key; nil: in the same order.
  private var order: [Int]?
  /// Scratch memory for keys.
  private var work: [Float]

  /// Reads the networks under their official names.
  init(
    _ artifact: Artifact, _ shape: CacheShape, features: Int, hidden: Int, floor: Float
  ) throws(ArtifactError) {
    layers = try (0..<shape.layers).map { layer throws(ArtifactError) in
      try FeatureKernels(artifact, shape, layer: layer, features: features, hidden: hidden)
    }
    (self.shape, self.features, self.hidden, self.floor) = (shape, features, hidden, floor)
    sums = Array(repeating: 0, count: shape.lanes * features * shape.headDimension)
    masses = Array(repeating: 0, count: shape.lanes * features)
    isUsed = Array(repeating: false, count: shape.lanes)
    work = Array(repeating: 0, count: hidden + 2 * features)
  }

  /// Bytes of the sums and of the networks.
  package var stateBytes: Int {
    4 * (sums.count + masses.count + work.count) + layers.reduce(0) { $0 + $1.bytes }
  }
  /// Hidden units, and the features.
  package var scratchFloats: Int { hidden + features }

  /// The sums of a lane: H, feature by feature, and z.
  package func sums(of lane: LaneID) -> (values: [Float], weights: [Float]) {
    let (index, width) = (index(of: lane), features * shape.headDimension)
    return (
      Array(sums[index * width..<(index + 1) * width]),
      Array(masses[index * features..<(index + 1) * features])
    )
  }

  private func index(of lane: LaneID) -> Int { lane.layer * shape.keyHeads + lane.head }

  /// Says in which order the networks read the elements of keys and queries.
  package mutating func prepare(_ rotation: Rotation?) {
    order = rotation.map { rotation in
      (0..<shape.headDimension).map { rotation.index(ofTrained: $0) }
    }
  }

  /// Adds a row's features, and its value times these, to the sums.
  package mutating func fold(key: Span<Float>, value: Span<Float>, of lane: LaneID) {
    let first = index(of: lane) * features
    isUsed[index(of: lane)] = true
    let (kernels, order) = (layers[lane.layer], order)
    var room = work.mutableSpan
    kernels.readKey(key, head: lane.head, order, into: &room)
    for feature in 0..<features { masses[first + feature] += work[hidden + feature] }
    for feature in 0..<features {
      let weight = work[hidden + feature]
      var sum = sums.mutableSpan
      sum.add(value, times: weight, from: (first + feature) * value.count)
    }
  }

  /// The sums, weighed by the query's features. Both the features that weigh values and the sum of
  /// weights are at least `floor`.
  package func recall(
    _ query: Span<Float>, head: Int, of lane: LaneID, scratch: inout MutableSpan<Float>,
    into mixed: inout MutableSpan<Float>
  ) -> ResidualPart {
    let index = index(of: lane)
    guard isUsed[index] else { return ResidualPart() }
    layers[lane.layer].readQuery(
      query, head: lane.head * shape.group + head, order, into: &scratch)
    let sums = sums.span
    let width = shape.headDimension
    for element in 0..<width { mixed[element] = 0 }
    var total: Float = 0
    for feature in 0..<features {
      let (weight, first) = (scratch[hidden + feature], index * features + feature)
      total += weight * masses[first]
      mixed.add(
        sums.extracting(first * width..<(first + 1) * width), times: max(weight, floor))
    }
    return ResidualPart(top: 0, total: max(total, floor))
  }
}

/// The networks of one layer, which compute the features of queries and keys: two matrices with an
/// activation after each, and for keys a map of the features.
struct FeatureKernels: Sendable {
  // Matrices of all heads, a row for each input.
  private let (queryInputs, queryOutputs): ([Float], [Float])
  private let (keyInputs, keyOutputs): ([Float], [Float])
  private let interaction: [Float]
  private let (scale, mixedScale): ([Float], [Float])
  private let (width, hidden, features): (Int, Int, Int)

  init(
    _ artifact: Artifact, _ shape: CacheShape, layer: Int, features: Int, hidden: Int
  ) throws(ArtifactError) {
    let (queryHeads, keyHeads, width) = (shape.queryHeads, shape.keyHeads, shape.headDimension)
    func tensor(_ name: String, _ shape: Int...) throws(ArtifactError) -> [Float] {
      try artifact.tensor("model.layers.\(layer).self_attn.\(name)", shape: shape).values
    }
    queryInputs = try tensor("kernel_q_mat1", queryHeads, width, hidden)
    queryOutputs = try tensor("kernel_q_mat2", queryHeads, hidden, features)
    keyInputs = try tensor("kernel_k_mat1", keyHeads, width, hidden)
    keyOutputs = try tensor("kernel_k_mat2", keyHeads, hidden, features)
    interaction = try tensor("interaction_k", keyHeads, features, features)
    scale = try tensor("scalingD", 1, keyHeads, 1, features)
    mixedScale = try tensor("scalingD2", 1, keyHeads, 1, features)
    (self.width, self.hidden, self.features) = (width, hidden, features)
  }

  /// Bytes of the numbers.
  var bytes: Int {
    let matrices = queryInputs.count + queryOutputs.count + keyInputs.count + keyOutputs.count
    return 4 * (matrices + interaction.count + scale.count + mixedScale.count)
  }

  /// Computes a query's features |GELU(GELU(q A) B)|, and writes them after `hidden` elements.
  func readQuery(
    _ query: Span<Float>, head: Int, _ order: [Int]?, into work: inout MutableSpan<Float>
  ) {
    read(query, queryInputs, queryOutputs, head: head, order, into: &work)
    for feature in hidden..<hidden + features { work[feature] = abs(work[feature]) }
  }

  /// Computes a key's features |t + (t I) · D₂| with t = |D| · GELU(GELU(k A) B), and writes them
  /// after `hidden` elements. `work` has room for the features twice.
  func readKey(
    _ key: Span<Float>, head: Int, _ order: [Int]?, into work: inout MutableSpan<Float>
  ) {
    read(key, keyInputs, keyOutputs, head: head, order, into: &work)
    let interaction = interaction.span
    let own = head * features
    let second = hidden + features
    for feature in 0..<features {
      work[hidden + feature] *= abs(scale[own + feature])
      work[second + feature] = 0
    }
    for feature in 0..<features {
      let (row, factor) = ((own + feature) * features, work[hidden + feature])
      work.add(interaction.extracting(row..<row + features), times: factor, from: second)
    }
    for feature in 0..<features {
      let mixed = work[second + feature] * mixedScale[own + feature]
      work[hidden + feature] = abs(work[hidden + feature] + mixed)
    }
  }

  /// Computes GELU(GELU(x A) B) of one head: `hidden` sums, and then the outputs.
  private func read(
    _ x: Span<Float>, _ inputs: [Float], _ outputs: [Float], head: Int, _ order: [Int]?,
    into work: inout MutableSpan<Float>
  ) {
    let inputs = inputs.span
    let outputs = outputs.span
    for index in 0..<hidden + features { work[index] = 0 }
    for element in 0..<width {
      let row = (head * width + element) * hidden
      work.add(inputs.extracting(row..<row + hidden), times: x[order?[element] ?? element])
    }
    for unit in 0..<hidden {
      let (row, active) = ((head * hidden + unit) * features, work[unit].gelu)
      work.add(outputs.extracting(row..<row + features), times: active, from: hidden)
    }
    for feature in hidden..<hidden + features { work[feature] = work[feature].gelu }
  }
}
