public import KVPolicyKit
public import ReferenceModel

/// Measures on a text what a policy needs to know of a model, without training.
///
/// The result is written as a file by `ArtifactFiles`, and a configuration names the file.
public struct Calibration {
  /// The policies that can be calibrated.
  public enum Policy: String, CaseIterable, Sendable {
    /// How much attention changes what goes into each head and layer.
    case baklava
    /// Which heads must see everything, as ``HeadMeasure`` says.
    case duoattention
  }

  /// How it is measured which heads must see everything.
  public enum HeadMeasure: String, CaseIterable, Sendable {
    /// How far predictions move when one head alone streams: a pass over the text for every head.
    case ablation
    /// How far back a head's mean query attends to its mean key: one pass over the text.
    case meanQuery = "mean-query"
  }

  /// What was measured, ready for a file.
  public struct Result: Sendable, Equatable {
    /// The kind of artifact.
    public let kind: String
    /// How it was made, for people and for the file.
    public let recipe: String
    /// What was measured.
    public let tensors: [String: Tensor]
  }

  /// The policy to calibrate.
  public let policy: Policy
  /// The model to measure.
  public let model: LlamaModel
  /// The measure of `duoattention`; `baklava` has one measure only.
  public var headMeasure = HeadMeasure.ablation
  /// Tokens of the text that are read.
  public var tokens = Default.tokens
  /// The text's name in the recipe.
  public var textName = ""

  /// The default settings.
  public enum Default {
    /// Tokens of the text.
    public static let tokens = 512
  }

  /// The most tokens of a calibration: the predictions of all of them are in memory.
  public static let mostTokens = 4096

  /// A calibration of the default length.
  public init(_ policy: Policy, model: LlamaModel) {
    self.policy = policy
    self.model = model
  }

  /// Measures.
  ///
  /// - Parameters:
  ///   - text: the text, of which the first `tokens` are read.
  ///   - progress: called now and then.
  /// - Throws: `ModelError.request` for a text that is too short or a number of tokens that the
  ///   model cannot read, before anything runs; `SessionError` if the model is damaged.
  public func run(
    _ text: [Int], progress: (RunProgress) -> Void = { _ in }
  ) throws -> Result {
    let text = try checked(text)
    switch policy {
    case .baklava: return try measureChange(text, progress)
    case .duoattention where headMeasure == .meanQuery:
      return try MeanVectorReach(model: model, text: text, textName: textName).run(progress)
    case .duoattention:
      return try HeadAblation(model: model, text: text, textName: textName).run(progress)
    }
  }

  /// Tokens of the shortest text that says something of the policy's heads.
  private var shortest: Int {
    policy == .duoattention && headMeasure == .ablation ? HeadAblation.window + 1 : 1
  }

  private func checked(_ text: [Int]) throws(ModelError) -> [Int] {
    let most = min(Calibration.mostTokens, model.configuration.contextLength)
    guard (shortest...max(shortest, most)).contains(tokens), tokens <= most else {
      throw .request(
        "a calibration of \(tokens) tokens is not possible; this model's \(policy.rawValue) reads "
          + "\(shortest) to \(most)")
    }
    guard tokens <= text.count else {
      throw .request(
        "the text has \(text.count) tokens, and \(tokens) are needed; give a longer text or ask "
          + "for fewer")
    }
    return Array(text.prefix(tokens))
  }

  private func measureChange(
    _ text: [Int], _ progress: (RunProgress) -> Void
  ) throws -> Result {
    func report(_ read: Int) {
      progress(
        RunProgress(
          label: policy.rawValue, run: 0, runs: 1, tokens: read, totalTokens: text.count))
    }
    report(0)
    let change = try model.attentionChange(over: [text], progress: report)
    let shape = model.shape
    return Result(
      kind: "lane-measures",
      recipe: "1 − the mean cosine over \(text.count) tokens of \(textName): heads, of value and "
        + "attention output; layers, of the stream before and after attention",
      tensors: [
        "heads": Tensor(shape: [shape.layers, shape.keyHeads], values: change.heads),
        "layers": Tensor(shape: [shape.layers], values: change.layers),
      ])
  }
}
