import KVPolicyKit
import Testing
import Training

/// A recipe for a tiny model that takes a dozen short steps.
enum RecipeText {
  static let tiny = """
    {
      "seed": 3,
      "listEndWeight": 4,
      "model": {"layers": 2, "hidden": 32, "intermediate": 48, "queryHeads": 4, "keyHeads": 2,
                "headDimension": 8, "contextLength": 128, "ropeTheta": 10000},
      "optimiser": {"beta1": 0.9, "beta2": 0.98, "weightDecay": 0.1, "clip": 1},
      "check": {"steps": 4, "documents": 2},
      "stages": [
        {"lengths": [32, 48], "kinds": ["copy"], "steps": 7, "batchTokens": 100,
         "rate": 0.004, "floor": 0.002, "warmUp": 2},
        {"lengths": [96, 128], "kinds": ["both", "list"], "steps": 5, "batchTokens": 200,
         "rate": 0.002, "floor": 0, "warmUp": 1}
      ]
    }
    """

  /// The recipe with a part of its text replaced; the part must occur.
  static func tiny(_ part: String, _ replacement: String) throws -> String {
    let pieces = tiny.split(separator: part, maxSplits: 1, omittingEmptySubsequences: false)
    try #require(pieces.count == 2, "'\(part)' is not in the recipe")
    return pieces.joined(separator: replacement)
  }
}
