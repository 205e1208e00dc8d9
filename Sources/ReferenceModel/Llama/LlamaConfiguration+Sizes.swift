extension LlamaConfiguration {
  /// A model of these sizes without files: plain rotary embedding in Hugging Face's order, a tied head.
  ///
  /// - Throws: `ModelError.request` when a size is not positive, heads do not divide into groups, or a
  ///   head is odd.
  public init(
    layers: Int, hidden: Int, intermediate: Int, queryHeads: Int, keyHeads: Int,
    headDimension: Int, vocabulary: Int, contextLength: Int, ropeTheta: Double = 10_000,
    normEpsilon: Float = 1e-5
  ) throws(ModelError) {
    let sizes = [
      "layers": layers, "hidden": hidden, "intermediate": intermediate, "queryHeads": queryHeads,
      "keyHeads": keyHeads, "headDimension": headDimension, "vocabulary": vocabulary,
      "contextLength": contextLength,
    ]
    for (name, size) in sizes.sorted(by: { $0.key < $1.key }) {
      guard size >= 1, size <= ModelSettings.sizeLimit else {
        throw .request("'\(name)' is \(size); use 1 to \(ModelSettings.sizeLimit)")
      }
    }
    guard queryHeads % keyHeads == 0, headDimension % 2 == 0 else {
      throw .request(
        "\(queryHeads) query heads, \(keyHeads) key heads of \(headDimension) elements do not fit; "
          + "give each key head as many query heads, and each head an even number of elements")
    }
    guard ropeTheta > 0, normEpsilon > 0 else {
      throw .request("the base of the rotation and the norm's epsilon are positive numbers")
    }
    self.init(
      architecture: "llama", layers: layers, hidden: hidden, intermediate: intermediate,
      queryHeads: queryHeads, keyHeads: keyHeads, headDimension: headDimension,
      vocabulary: vocabulary, contextLength: contextLength, normEpsilon: normEpsilon,
      rope: RopeConfiguration(
        theta: ropeTheta, scaling: .none, frequencyFactors: nil, pairing: .halves,
        dimensions: headDimension),
      tiedEmbedding: true, bosToken: nil, eosTokens: [])
  }
}
