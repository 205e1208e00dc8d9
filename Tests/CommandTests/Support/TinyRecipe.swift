/// The recipe of a training that takes a moment. Its checks and its only stage differ by test.
func tinyRecipe(
  checkSteps: Int, checkDocuments: Int, steps: Int, batchTokens: Int, warmUp: Int
) -> String {
  """
  {
    "seed": 3, "listEndWeight": 1,
    "model": {"layers": 1, "hidden": 16, "intermediate": 24, "queryHeads": 2, "keyHeads": 1,
              "headDimension": 8, "contextLength": 64, "ropeTheta": 10000},
    "optimiser": {"beta1": 0.9, "beta2": 0.98, "weightDecay": 0.1, "clip": 1},
    "check": {"steps": \(checkSteps), "documents": \(checkDocuments)},
    "stages": [
      {"lengths": [24, 32], "kinds": ["copy"], "steps": \(steps), "batchTokens": \(batchTokens),
       "rate": 0.004, "floor": 0.002, "warmUp": \(warmUp)}
    ]
  }
  """
}
