import KVPolicyKit
public import MiniTasks
public import ReferenceModel

/// Everything that determines the result of a training on the mini tasks, read from JSON.
///
/// ```json
/// {
///   "seed": 1,
///   "listEndWeight": 4,
///   "model": {"layers": 4, "hidden": 192, "intermediate": 512, "queryHeads": 6, "keyHeads": 2,
///             "headDimension": 32, "contextLength": 4096, "ropeTheta": 10000},
///   "optimiser": {"beta1": 0.9, "beta2": 0.98, "weightDecay": 0.1, "clip": 1},
///   "check": {"steps": 100, "documents": 8},
///   "stages": [
///     {"lengths": [48, 64], "kinds": ["copy"], "steps": 500, "batchTokens": 1200,
///      "rate": 0.002, "floor": 0.002, "warmUp": 100}
///   ]
/// }
/// ```
///
/// Each stage starts with the weights and moments of the stage before it. Every member is required,
/// and no other member is allowed.
public struct TrainingRecipe: Sendable, Equatable {
  /// A stage of the curriculum.
  public struct Stage: Sendable, Equatable {
    /// The documents to learn from.
    public let mixture: TaskMixture
    /// The least tokens of a step: documents are drawn until they have this many.
    public let batchTokens: Int
    /// The learning rate of each step of the stage.
    public let schedule: LearningRateSchedule
  }

  /// The sizes of the model; its vocabulary is that of the task language.
  public let model: LlamaConfiguration
  /// The tokens: the language's words, then bytes.
  public let vocabulary: WordVocabulary
  /// The seed of the initial weights and of the documents.
  public let seed: UInt64
  /// The weight of the token that ends a list; every other token of a response has weight 1.
  public let listEndWeight: Float
  /// The constants of the optimiser.
  public let optimiser: AdamW.Configuration
  /// The greatest gradient norm of a step; larger gradients are scaled down to it.
  public let clip: Double
  /// Steps between two checks on held-out documents; the state is saved at every check.
  public let checkSteps: Int
  /// The number of held-out documents in a check.
  public let checkDocuments: Int
  /// The curriculum.
  public let stages: [Stage]
  /// The recipe on one line. It identifies the recipe in saved states.
  public let text: String

  /// Steps of all stages.
  public var steps: Int { stages.reduce(0) { $0 + $1.schedule.steps } }

  /// Reads a recipe.
  /// - Throws: `TrainingError.recipe` for anything but a recipe that can be followed in 16 GiB of
  ///   memory.
  public init(parsing json: String) throws(TrainingError) {
    let value: JSONValue
    do throws(JSONError) {
      value = try JSONValue.parse(json)
    } catch {
      throw .recipe("it is not valid JSON: \(error)")
    }
    text = value.text
    var reader = try RecipeReader(value, place: "recipe")
    seed = UInt64(try reader.integer("seed", in: 0...1 << 30))
    listEndWeight = Float(try reader.number("listEndWeight", in: 1...1000))
    do throws(CheckpointError) {
      vocabulary = try WordVocabulary(TaskVocabulary.words)
    } catch {
      throw .recipe("\(error)")
    }
    model = try Self.model(reader.value("model"), vocabulary: vocabulary.count)
    (optimiser, clip) = try Self.optimiser(reader.value("optimiser"))
    var check = try RecipeReader(reader.value("check"), place: "check")
    checkSteps = try check.integer("steps", in: 1...1 << 20)
    checkDocuments = try check.integer("documents", in: 1...1 << 10)
    try check.refuseUnknown()
    guard case .array(let values) = try reader.value("stages"), !values.isEmpty else {
      throw .recipe("'stages' must be a list of at least one stage")
    }
    var stages: [Stage] = []
    for (index, value) in values.enumerated() {
      stages.append(
        try Self.stage(value, place: "stages[\(index)]", context: model.contextLength))
    }
    self.stages = stages
    try reader.refuseUnknown()
    try checkMemory()
  }

  /// Refuses a recipe that would not fit into memory: four numbers per weight, and the activations
  /// of a batch.
  private func checkMemory() throws(TrainingError) {
    let tokens = stages.reduce(0) { max($0, $1.batchTokens + $1.mixture.lengths.upperBound) }
    let width =
      model.hidden + model.intermediate + (model.queryHeads + model.keyHeads) * model.headDimension
    let floats = 4 * ParameterLayout(model).count + 2 * tokens * model.layers * width
    guard floats <= 1 << 32 else {
      throw .recipe(
        "it takes about \(floats >> 28) GiB of memory; ask for a smaller model or fewer 'batchTokens', so "
          + "that it takes at most 16")
    }
  }

  /// Runs `body`; any error becomes an error of the recipe, at `place`.
  private static func at<Result>(
    _ place: String, _ body: () throws -> Result
  ) throws(TrainingError) -> Result {
    do {
      return try body()
    } catch TrainingError.recipe(let reason) {
      throw .recipe(reason)
    } catch {
      throw .recipe("'\(place)': \(error)")
    }
  }

  private static func model(
    _ value: JSONValue, vocabulary: Int
  ) throws(TrainingError) -> LlamaConfiguration {
    var reader = try RecipeReader(value, place: "model")
    var model = try at("model") {
      try LlamaConfiguration(
        layers: reader.integer("layers", in: 1...64),
        hidden: reader.integer("hidden", in: 8...4096),
        intermediate: reader.integer("intermediate", in: 8...16_384),
        queryHeads: reader.integer("queryHeads", in: 1...64),
        keyHeads: reader.integer("keyHeads", in: 1...64),
        headDimension: reader.integer("headDimension", in: 2...256), vocabulary: vocabulary,
        contextLength: reader.integer("contextLength", in: 64...1 << 20),
        ropeTheta: reader.number("ropeTheta", in: 1...1e9))
    }
    model.eosTokens = [TaskVocabulary.stop]
    try reader.refuseUnknown()
    return model
  }

  private static func optimiser(
    _ value: JSONValue
  ) throws(TrainingError) -> (AdamW.Configuration, clip: Double) {
    var reader = try RecipeReader(value, place: "optimiser")
    var optimiser = AdamW.Configuration()
    optimiser.beta1 = Float(try reader.number("beta1", in: 0...0.9999))
    optimiser.beta2 = Float(try reader.number("beta2", in: 0...0.9999))
    optimiser.weightDecay = Float(try reader.number("weightDecay", in: 0...1))
    let clip = try reader.number("clip", in: 1e-6...1e6)
    try reader.refuseUnknown()
    return (optimiser, clip)
  }

  private static func stage(
    _ value: JSONValue, place: String, context: Int
  ) throws(TrainingError) -> Stage {
    var reader = try RecipeReader(value, place: place)
    let lengths = try reader.span("lengths", in: 24...context)
    let kinds = try reader.choices("kinds", of: TaskMixture.Kind.self)
    let rate = try reader.number("rate", in: 0...1)
    let floor = try reader.number("floor", in: 0...rate)
    let steps = try reader.integer("steps", in: 1...1 << 20)
    let warmUp = try reader.integer("warmUp", in: 0...steps)
    let batchTokens = try reader.integer("batchTokens", in: 24...1 << 20)
    let stage = try at(place) {
      Stage(
        mixture: try TaskMixture(lengths: lengths, kinds: kinds), batchTokens: batchTokens,
        schedule: try LearningRateSchedule(
          peak: Float(rate), floor: Float(floor), warmUp: warmUp, steps: steps))
    }
    try reader.refuseUnknown()
    return stage
  }
}
