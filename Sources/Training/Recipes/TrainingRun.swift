import KVPolicyKit
public import MiniTasks
internal import ReferenceModel

/// A training by a recipe, step by step.
///
/// The same recipe gives the same bits for any number of threads, also when the run was killed and
/// resumed from its last saved state.
public struct TrainingRun {
  /// The result of one step.
  public struct Step: Sendable, Equatable {
    /// The number of the step among the steps of all stages, from 1.
    public let number: Int
    /// The stage of the step, from 0.
    public let stage: Int
    /// Tokens read.
    public let tokens: Int
    /// The mean cross-entropy of the responses' tokens, in nats.
    public let loss: Double
    /// The learning rate.
    public let rate: Float
    /// The norm of the gradients before clipping.
    public let norm: Double
  }

  /// The recipe.
  public let recipe: TrainingRecipe
  /// The current weights.
  public private(set) var parameters: ModelParameters
  /// Steps done.
  public var steps: Int { optimiser.steps }
  /// Whether all steps of the recipe are done.
  public var isComplete: Bool { steps >= recipe.steps }
  /// The trainer that computes the losses and gradients.
  public let trainer: Trainer

  private var optimiser: AdamW
  private var gradients: Gradients
  /// Documents drawn so far; the next one has this number.
  private var documents: UInt32 = 0

  /// A new run.
  public init(_ recipe: TrainingRecipe, threads: Int) throws {
    self.recipe = recipe
    trainer = try Trainer(recipe.model, threads: threads)
    parameters = ModelParameters(recipe.model, seed: recipe.seed)
    optimiser = AdamW(trainer.layout, recipe.optimiser)
    gradients = Gradients(trainer.layout)
    // Recipes with different seeds read different documents: each starts at another document
    // number.
    documents = UInt32(truncatingIfNeeded: SplitMix64.mix(recipe.seed))
  }

  /// A run that resumes from a saved state of the same recipe.
  /// - Throws: `CheckpointError` when the state belongs to another recipe.
  public init(_ recipe: TrainingRecipe, threads: Int, from state: TrainingState) throws {
    try self.init(recipe, threads: threads)
    guard state.recipe == recipe.text else {
      throw CheckpointError.foreign(
        path: "the state", reason: "it is that of another recipe; take that one, or begin anew")
    }
    guard let documents = state.seeds["documents"] else {
      throw CheckpointError.foreign(
        path: "the state", reason: "it does not say which documents were read; begin anew")
    }
    self.documents = UInt32(truncatingIfNeeded: documents)
    parameters = try ModelParameters(
      trainer.layout, values: Self.values(state.parameters, trainer.layout))
    optimiser = try AdamW(
      trainer.layout, recipe.optimiser, steps: state.step,
      first: Self.values(state.means, trainer.layout),
      second: Self.values(state.squares, trainer.layout))
  }

  /// Everything that a later run needs to resume.
  public var state: TrainingState {
    get throws(CheckpointError) {
      try TrainingState(
        parameters: trainer.layout.tensors(parameters.values),
        means: trainer.layout.tensors(optimiser.first),
        squares: trainer.layout.tensors(optimiser.second), step: steps,
        seeds: ["documents": UInt64(documents)], recipe: recipe.text)
    }
  }

  /// The current model.
  public var checkpoint: Checkpoint {
    get throws(CheckpointError) {
      try Checkpoint(
        recipe.model, vocabulary: recipe.vocabulary,
        tensors: trainer.layout.tensors(parameters.values))
    }
  }

  /// The stage of the step that follows `steps` finished ones, and the index of the step in its
  /// stage.
  func place(after steps: Int) -> (stage: Int, step: Int) {
    var left = steps
    for (index, stage) in recipe.stages.enumerated() {
      if left < stage.schedule.steps { return (index, left) }
      left -= stage.schedule.steps
    }
    return (recipe.stages.count - 1, recipe.stages[recipe.stages.count - 1].schedule.steps)
  }

  /// Takes the next step.
  /// - Throws: `TrainingError.diverged` when the loss or the gradient norm is not finite; the run
  ///   is then unchanged.
  public mutating func step() throws(TrainingError) -> Step {
    let (index, place) = place(after: steps)
    let stage = recipe.stages[index]
    let before = documents
    let batch = try draw(stage)
    gradients.clear()
    let loss = try trainer.accumulate(&gradients, of: parameters, on: batch)
    let norm = gradients.weightNorm
    guard loss.isFinite, norm.isFinite else {
      documents = before
      throw .diverged(step: steps + 1)
    }
    let rate = stage.schedule.rate(at: place)
    optimiser.step(
      &parameters, gradients, rate: rate, factor: gradients.clippingFactor(limit: recipe.clip))
    return Step(
      number: steps, stage: index, tokens: batch.tokens.count, loss: loss, rate: rate, norm: norm)
  }

  private mutating func draw(_ stage: TrainingRecipe.Stage) throws(TrainingError) -> TrainingBatch {
    var (drawn, tokens) = ([TaskDocument](), 0)
    while tokens < stage.batchTokens {
      let document = stage.mixture.document(.training(documents))
      documents &+= 1
      drawn.append(document)
      tokens += document.tokens.count
    }
    return try TrainingBatch(drawn, listEndWeight: recipe.listEndWeight)
  }

  /// The values of a state's tensors in the order of the layout.
  private static func values(
    _ tensors: [FloatTensor], _ layout: ParameterLayout
  ) throws(CheckpointError) -> [Float] {
    let own = layout.tensors
    guard tensors.map(\.name) == own.map(\.name),
      zip(tensors, own).allSatisfy({ $0.shape == $1.shape })
    else {
      throw .foreign(path: "the state", reason: "its tensors are not those of the recipe's model")
    }
    return tensors.flatMap(\.values)
  }
}

extension TrainingBatch {
  /// A batch of documents in which only the tokens of responses have a weight.
  ///
  /// The token that ends a list has weight `listEndWeight`. It is one token among hundreds of
  /// others, yet a model that never ends its lists gets every later answer wrong.
  init(_ documents: [TaskDocument], listEndWeight: Float = 1) throws(TrainingError) {
    try self.init(
      tokens: documents.flatMap { $0.tokens.dropLast() },
      targets: documents.flatMap { $0.tokens.dropFirst() },
      weights: documents.flatMap { document in
        var weights = [Float](repeating: 0, count: document.tokens.count)
        let written = Array(document.responses.joined())
        for index in written { weights[index] = 1 }
        for check in document.checks where check.kind == .completion {
          weights[written[check.position]] = listEndWeight
        }
        return weights.dropFirst()
      }, lengths: documents.map { $0.tokens.count - 1 })
  }
}

extension ParameterLayout {
  /// The tensors of `values`, which are in this layout.
  func tensors(_ values: [Float]) -> [FloatTensor] {
    tensors.map { FloatTensor($0.name, shape: $0.shape, values: Array(values[$0.range])) }
  }
}

/// The results of a model in training on held-out documents.
public struct TrainingCheck: Sendable, Equatable {
  /// The share of the responses' tokens that the model predicts from the true text before them.
  public let accuracy: Double
  /// The share of checks that succeed, for each kind that occurs.
  public let kinds: [TaskCheck.Kind: Double]
}

extension TrainingRun {
  /// Checks held-out documents of the current stage, all of the stage's greatest length.
  public func check() throws -> TrainingCheck {
    let stage = recipe.stages[place(after: max(0, steps - 1)).stage]
    let longest = stage.mixture.lengths.upperBound
    let mixture = try TaskMixture(lengths: longest...longest, kinds: stage.mixture.kinds)
    var (right, asked) = (0, 0)
    var kinds: [TaskCheck.Kind: (hits: Int, checks: Int)] = [:]
    for number in 0..<recipe.checkDocuments {
      let document = mixture.document(.heldOut(UInt32(number)))
      let answers = try trainer.answers(of: parameters, on: TrainingBatch([document]))
      // The prediction for token i is at index i − 1.
      let written = document.responses.joined().map { answers[$0 - 1] }
      right += zip(written, document.response).count { $0 == $1 }
      asked += written.count
      for outcome in document.score(written).outcomes {
        kinds[outcome.check.kind, default: (0, 0)].checks += 1
        if outcome.isHit { kinds[outcome.check.kind, default: (0, 0)].hits += 1 }
      }
    }
    return TrainingCheck(
      accuracy: Double(right) / Double(max(1, asked)),
      kinds: kinds.mapValues { Double($0.hits) / Double($0.checks) })
  }
}
