import Evaluation
import Foundation
import KVPolicyKit
import Training

/// `kvpolicy train`.
struct TrainCommand: Command {
  static let syntax = Syntax(
    name: "train", summary: "train a small model on the mini tasks by a recipe",
    usage: "RECIPE --out FOLDER [options]", operands: 1, operand: .file,
    options: [
      Option("--out", "FOLDER", "where the run keeps its state, log, curve and model"),
      Option(flag: "--resume", "resume the run in FOLDER, to the same bits"),
      Option("--stop-after", "STEPS", "save and stop after STEPS steps in all"),
      .threads,
    ],
    notes: """
      RECIPE is a JSON file; '-' is standard input. FOLDER gets state.safetensors at the start, then log.csv,
      loss.svg, state.safetensors and model.gguf at every check of the recipe; when the training is complete
      also model-q8_0.gguf and, as a folder for Hugging Face's programs, model. A training that was killed, at
      any time, goes on with --resume.
      """)

  let registry: PolicyRegistry
  let terminal: Terminal

  func run(_ arguments: Arguments) throws {
    guard let path = arguments.operands.first else {
      throw CommandError.usage("a recipe is missing; name a JSON file")
    }
    let folder = try arguments.required("--out")
    let last = try arguments.integer("--stop-after", in: 1...1 << 30)
    let threads = try threads(arguments)
    let recipe: TrainingRecipe
    do {
      recipe = try TrainingRecipe(parsing: try input(path).text())
    } catch let error as CommandError {
      throw error
    } catch {
      throw CommandError.failure("\(input(path).name): \(error)")
    }
    let place = RunFolder(folder, terminal: terminal)
    var session = try place.open(recipe, threads: threads, resumes: arguments.has("--resume"))
    try session.train(
      until: min(recipe.steps, last ?? recipe.steps), threads: threads, terminal: terminal)
  }
}
