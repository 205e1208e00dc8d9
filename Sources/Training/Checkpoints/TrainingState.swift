public import ReferenceModel

/// All that a run needs to go on exactly where it was: parameters, Adam's two moments, and numbers.
public struct TrainingState: Sendable, Equatable {
  /// The parameters.
  public var parameters: [FloatTensor]
  /// Running means of the gradients, named and shaped as the parameters are, in their order.
  public var means: [FloatTensor]
  /// Running means of the gradients' squares, likewise.
  public var squares: [FloatTensor]
  /// Steps done.
  public var step: Int
  /// The states of the run's random generators, by what they are for.
  public var seeds: [String: UInt64]
  /// What identifies the recipe: a run is only gone on with by the same one.
  public var recipe: String

  /// Takes the parts, and checks that the three lists agree.
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

  /// Refuses lists of which one has a tensor that the others have not.
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
