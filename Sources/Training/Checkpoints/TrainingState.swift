public import ReferenceModel

/// Everything that a run needs to resume exactly: the parameters, Adam's two moments, and numbers.
public struct TrainingState: Sendable, Equatable {
  /// The parameters.
  public var parameters: [FloatTensor]
  /// Running means of the gradients, with the names, shapes and order of the parameters.
  public var means: [FloatTensor]
  /// Running means of the squared gradients, with the names, shapes and order of the parameters.
  public var squares: [FloatTensor]
  /// The number of finished steps.
  public var step: Int
  /// The states of the run's random generators, by their purpose.
  public var seeds: [String: UInt64]
  /// The text that identifies the recipe: only the same recipe can resume the run.
  public var recipe: String

  /// Makes a state, and checks that the three lists agree.
  public init(
    parameters: [FloatTensor], means: [FloatTensor], squares: [FloatTensor], step: Int,
    seeds: [String: UInt64], recipe: String
  ) throws(CheckpointError) {
    self.parameters = parameters
    self.means = means
    self.squares = squares
    self.step = step
    self.seeds = seeds
    self.recipe = recipe
    try check()
  }

  /// Throws if the tensors of the three lists do not have the same names and shapes.
  func check() throws(CheckpointError) {
    var names: Set<String> = []
    for tensor in parameters {
      try tensor.checkCount()
      guard names.insert(tensor.name).inserted else {
        throw .tensor(name: tensor.name, reason: "is given twice")
      }
    }
    for (list, what) in [(means, "mean"), (squares, "square")] {
      guard list.count == parameters.count else {
        throw .tensor(
          name: what,
          reason: "there are \(list.count) for \(parameters.count) parameters; each has one")
      }
      for (tensor, parameter) in zip(list, parameters) {
        try tensor.checkCount()
        guard tensor.name == parameter.name, tensor.shape == parameter.shape else {
          throw .tensor(
            name: parameter.name,
            reason: "has shape \(parameter.shape), and its \(what) is '\(tensor.name)' of shape "
              + "\(tensor.shape); they must agree")
        }
      }
    }
  }
}
