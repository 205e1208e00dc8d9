import MiniTasks
import ReferenceModel
import Testing
import Training

@Suite("Recipes")
struct TrainingRecipeTests {
  @Test("are read as they are written")
  func parsing() throws {
    let recipe = try TrainingRecipe(parsing: RecipeText.tiny)
    #expect(recipe.seed == 3 && recipe.clip == 1 && recipe.steps == 12)
    #expect(recipe.model.layers == 2 && recipe.model.vocabulary == 768)
    #expect(recipe.model.eosTokens == [TaskVocabulary.stop])
    #expect(recipe.optimiser.beta2 == 0.98 && recipe.optimiser.weightDecay == 0.1)
    #expect(recipe.checkSteps == 4 && recipe.checkDocuments == 2)
    #expect(recipe.stages.map(\.schedule.steps) == [7, 5])
    #expect(recipe.stages.map(\.batchTokens) == [100, 200])
    #expect(recipe.stages[1].mixture.lengths == 96...128)
    #expect(recipe.stages[1].mixture.kinds == [.both, .list])
    #expect(recipe.stages[0].schedule.rate(at: 1) == 0.004)
  }

  @Test("tokens are those of the task language")
  func tokens() throws {
    let vocabulary = try TrainingRecipe(parsing: RecipeText.tiny).vocabulary
    #expect(vocabulary.words == TaskVocabulary.words)
    #expect(vocabulary.words.count == TaskVocabulary.count)
  }

  @Test("are the same whatever their spaces, and another for every number")
  func identity() throws {
    let text = try TrainingRecipe(parsing: RecipeText.tiny).text
    let spaced = RecipeText.tiny.split(separator: " ").joined(separator: "\n  ")
    #expect(try TrainingRecipe(parsing: spaced).text == text)
    let other = try RecipeText.tiny(#""warmUp": 2"#, #""warmUp": 3"#)
    #expect(try TrainingRecipe(parsing: other).text != text)
  }

  static let broken: [(String, String, String)] = [
    (#""seed": 3,"#, "", "'recipe' has no 'seed'"),
    (#""seed": 3"#, #""seed": -3"#, "'seed' of 'recipe' is -3; it must be a whole number from 0"),
    (
      #""seed": 3"#, #""seed": 3, "sead": 4"#,
      "'recipe' has no member 'sead' (did you mean 'seed'?)"
    ),
    (#""layers": 2"#, #""layers": 2.5"#, "'layers' of 'model' is 2.5"),
    (#""layers": 2"#, #""layers": 65"#, "a whole number from 1 to 64"),
    (#""queryHeads": 4"#, #""queryHeads": 3"#, "'model': 3 query heads, 2 key heads"),
    (#""beta1": 0.9"#, #""beta1": "0.9""#, "'beta1' of 'optimiser' is \"0.9\""),
    (#""clip": 1"#, #""clip": 0"#, "'clip' of 'optimiser' is 0"),
    ("[32, 48]", "[48, 32]", "'lengths' of 'stages[0]' is [48,32]; it must be [least, most]"),
    ("[32, 48]", "[32]", "it must be [least, most]"),
    ("[96, 128]", "[96, 129]", "whole numbers from 24 to 128"),
    ("[96, 128]", "[60, 128]", "'stages[1]': 60 tokens cannot hold the document"),
    (#"["copy"]"#, #"["kopy"]"#, "it must be a list of \"copy\", \"list\", \"questions\""),
    (#"["copy"]"#, "[]", "'kinds' of 'stages[0]' is []"),
    (
      #""rate": 0.004"#, #""rate": 0.001"#,
      "'floor' of 'stages[0]' is 0.002; it must be a number from 0.0 to 0.001"
    ),
    (#""warmUp": 2"#, #""warmUp": 8"#, "it must be a whole number from 0 to 7"),
    (#""steps": 7"#, #""steps": 0"#, "'steps' of 'stages[0]' is 0"),
    (#""check": {"#, #""check": [{"#, "it is not valid JSON: "),
    (
      #""layers": 2, "hidden": 32, "intermediate": 48"#,
      #""layers": 64, "hidden": 4096, "intermediate": 16384"#,
      "it takes about"
    ),
  ]

  @Test("that are broken say what is wrong", arguments: broken)
  func refused(part: String, replacement: String, message: String) throws {
    let text = try RecipeText.tiny(part, replacement)
    let error = try #require(throws: (any Error).self) { try TrainingRecipe(parsing: text) }
    #expect("\(error)".contains(message), "\(error)")
  }

  @Test("are objects with stages", arguments: ["[]", "3", "{", "", #"{"stages": []}"#])
  func notRecipes(text: String) {
    #expect(throws: TrainingError.self) { try TrainingRecipe(parsing: text) }
  }
}
