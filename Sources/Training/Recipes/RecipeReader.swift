import KVPolicyKit

/// Reads the objects of a recipe.
typealias RecipeReader = MemberReader<TrainingError>

extension MemberReader where Failure == TrainingError {
  /// A reader of an object of a recipe.
  init(_ value: JSONValue, place: String) throws(TrainingError) {
    try self.init(value, place: place) { .recipe($0) }
  }
}
